/** What is written of a mention in front of the caret: where its `@` stands, and the name so far. */
export function mentionAt(text: string, caret: number): { from: number; start: string } | undefined {
  const found = /(?:^|[^\p{L}\p{N}@])@("?)([\p{L}\p{N}._-]*)$/u.exec(text.slice(0, Math.max(caret, 0)));
  if (!found) return undefined;
  const [, quote = "", start = ""] = found;
  return { from: caret - start.length - quote.length - 1, start };
}

/** A name as the server reads it behind an `@`. */
export function mentionText(name: string): string {
  return /^[\p{L}\p{N}._@-]*[\p{L}\p{N}_@]$/u.test(name) ? `@${name}` : `@"${name}"`;
}
