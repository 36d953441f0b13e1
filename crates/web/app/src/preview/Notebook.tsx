import { Markdown } from "../design/MarkdownOnDemand";

/** What of a notebook is shown, as nbformat 4 has it (https://nbformat.readthedocs.io). */
interface Cell {
  cell_type?: string;
  source?: string | string[];
  outputs?: Output[];
}

interface Output {
  text?: string | string[];
  ename?: string;
  evalue?: string;
  data?: Record<string, string | string[] | undefined>;
}

/** A notebook to read: its texts, its code, and what came out as text or picture. */
export function Notebook({ text }: { text: string }) {
  let cells: Cell[];
  try {
    cells = (JSON.parse(text) as { cells?: Cell[] }).cells ?? [];
  } catch {
    return <p className="bad">This is no notebook that can be read: save it instead.</p>;
  }
  return (
    <div className="notebook">
      {cells.map((cell, at) => (
        <div key={at} className="cell">
          {cell.cell_type === "markdown" ? (
            <Markdown text={joined(cell.source)} />
          ) : (
            <pre className="code">{joined(cell.source)}</pre>
          )}
          {(cell.outputs ?? []).map((output, number) => (
            <OutputView key={number} output={output} />
          ))}
        </div>
      ))}
    </div>
  );
}

function OutputView({ output }: { output: Output }) {
  const { data = {} } = output;
  const picture = (["image/png", "image/jpeg"] as const).find((kind) => data[kind]);
  if (picture) {
    return <img alt="what the cell drew" src={`data:${picture};base64,${joined(data[picture]).trim()}`} />;
  }
  if (output.ename) {
    return (
      <pre className="bad">
        {output.ename}: {output.evalue}
      </pre>
    );
  }
  const words = joined(output.text) || joined(data["text/plain"]);
  return words ? <pre className="output">{words}</pre> : null;
}

function joined(text: string | string[] | undefined): string {
  return Array.isArray(text) ? text.join("") : (text ?? "");
}
