/** One, two and three. */
export function listing(parts: readonly string[], word: "and" | "or" = "and"): string {
  if (parts.length < 2) return parts[0] ?? "";
  return `${parts.slice(0, -1).join(", ")} ${word} ${parts.at(-1)}`;
}

/** How far something is from what was asked about. */
export function distance(depth: number): string {
  const steps = Math.abs(depth);
  if (steps === 0) return "itself";
  return `${steps} ${steps === 1 ? "step" : "steps"} ${depth < 0 ? "back" : "on"}`;
}
