import { lexer } from "marked";

/** A piece of a report: Markdown, or what a panel says. */
export interface Piece {
  kind: "text" | "panel";
  text: string;
}

/** A report as text and panels in turn. A block within a list or a quotation is no panel. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  for (const token of lexer(text)) {
    if (token.type === "code" && token.lang?.trim() === "herdbook") {
      pieces.push({ kind: "panel", text: token.text });
    } else {
      const last = pieces.at(-1);
      if (last?.kind === "text") last.text += token.raw;
      else if (token.raw.trim()) pieces.push({ kind: "text", text: token.raw });
    }
  }
  return pieces;
}
