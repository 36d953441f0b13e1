import { useState } from "react";

/** A button that copies a text and says so. */
export function Copy({ text, label = "copy" }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await copyText(text);
    setDone(true);
    setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" className="button plain copy" onClick={copy} title={`copy ${text.slice(0, 80)}`}>
      {done ? "copied ✓" : label}
    </button>
  );
}

/** Copies; also where the page came without TLS, and browsers have no clipboard for it. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
