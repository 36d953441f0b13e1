/** A field of a table that is saved. */
export type Field = string | number | bigint | boolean | undefined;

/** A drawing that can be scaled, and how large it is. */
export interface Picture {
  svg: string;
  width: number;
  height: number;
}

/** Pixels of an image a side at most: browsers draw no larger one. */
const MOST_PIXELS = 16_000;

/** A name that every file system takes. */
export function fileName(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 100);
}

/** Saves text or an image under a name. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function saveSvg(title: string, { svg }: Picture): void {
  save(`${fileName(title)}.svg`, new Blob([svg], { type: "image/svg+xml" }));
}

/** Twice as many pixels as the picture is wide, so that it is sharp in print. */
export async function savePng(title: string, { svg, width, height }: Picture): Promise<void> {
  const scale = Math.min(2, MOST_PIXELS / Math.max(width, height));
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) save(`${fileName(title)}.png`, blob);
}

export function saveCsv(title: string, rows: readonly (readonly Field[])[]): void {
  save(`${fileName(title)}.csv`, new Blob([csv(rows)], { type: "text/csv" }));
}

/** Rows as spreadsheets read them. */
export function csv(rows: readonly (readonly Field[])[]): string {
  return `${rows.map((row) => row.map(written).join(",")).join("\r\n")}\r\n`;
}

/** A text that spreadsheets would take for a formula stays a text. */
function written(field: Field): string {
  if (typeof field !== "string") return field === undefined ? "" : String(field);
  const safe = /^[=+\-@\t\r]/.test(field) ? `'${field}` : field;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
