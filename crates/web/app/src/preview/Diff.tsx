/** Changes of code, line by line: what came in, and what went. */
export function Diff({ text }: { text: string }) {
  const lines = text.split("\n");
  const tone = (line: string) =>
    /^(\+\+\+|---|diff |index )/.test(line)
      ? "soft"
      : line.startsWith("@@")
        ? "place"
        : line.startsWith("+")
          ? "good"
          : line.startsWith("-")
            ? "bad"
            : undefined;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <pre className="preview-text" tabIndex={0}>
      {lines.map((line, at) => (
        <span key={at} className={tone(line)}>
          {line}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
