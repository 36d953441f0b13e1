/** How a file is shown. */
export type FileKind =
  | "image"
  | "frame"
  | "audio"
  | "video"
  | "table"
  | "json"
  | "notebook"
  | "markdown"
  | "text"
  | "tensors";

const ENDINGS: Record<string, FileKind> = {
  png: "image",
  jpg: "image",
  jpeg: "image",
  gif: "image",
  webp: "image",
  svg: "frame",
  html: "frame",
  htm: "frame",
  mp3: "audio",
  wav: "audio",
  ogg: "audio",
  mp4: "video",
  webm: "video",
  csv: "table",
  tsv: "table",
  json: "json",
  ipynb: "notebook",
  md: "markdown",
  safetensors: "tensors",
};
const TEXT =
  /\.(txt|log|ya?ml|toml|ini|cfg|conf|py|r|jl|sh|js|ts|rs|go|java|c|cc|cpp|h|sql|xml|jsonl|diff|patch|env|dockerfile|lock|tex|rst)$/i;
const TEXT_NAMES = /^(MLmodel|Dockerfile|Makefile|LICENSE|README|requirements)$/i;

/** How a file is shown, by its name; undefined for what is only saved. */
export function kindOf(path: string): FileKind | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  const kind = dot < 0 ? undefined : ENDINGS[name.slice(dot + 1).toLowerCase()];
  return kind ?? (TEXT.test(name) || TEXT_NAMES.test(name) ? "text" : undefined);
}

/** Lines of fields as RFC 4180 has them; the last, which may be cut off, is left out where the text was cut. */
export function readCsv(text: string, separator: string, isCut: boolean): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const sign = text[at] ?? "";
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[at + 1] === '"') field += text[++at];
      else quoted = false;
    } else if (sign === '"' && field === "") quoted = true;
    else if (sign === separator) {
      row.push(field);
      field = "";
    } else if (sign === "\n") {
      row.push(field.endsWith("\r") ? field.slice(0, -1) : field);
      rows.push(row);
      row = [];
      field = "";
    } else field += sign;
  }
  if (!isCut && (field !== "" || row.length > 0)) rows.push([...row, field]);
  return rows;
}

export interface Tensor {
  name: string;
  dtype: string;
  shape: number[];
}

/** Bytes of the header of a safetensors file, from its first eight (https://github.com/huggingface/safetensors, "Format"). */
export function headerSize(start: Uint8Array): number | undefined {
  if (start.length < 8) return undefined;
  const size = new DataView(start.buffer, start.byteOffset, 8).getBigUint64(0, true);
  return size <= 100_000_000n ? Number(size) : undefined;
}

/** The tensors that such a header names, and what else it says. */
export function readTensors(header: string): { tensors: Tensor[]; metadata: Record<string, string> } {
  const { __metadata__: metadata = {}, ...rest } = JSON.parse(header) as Record<
    string,
    Record<string, unknown>
  >;
  const tensors = Object.entries(rest).map(([name, one]) => ({
    name,
    dtype: String(one["dtype"]),
    shape: (one["shape"] as number[] | undefined) ?? [],
  }));
  return { tensors, metadata: metadata as Record<string, string> };
}
