import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { Markdown } from "../design/MarkdownOnDemand";
import { bytes, count } from "../format/numbers";
import type { File } from "../generated/herdbook/common/v1/file_pb";
import { fileAddress } from "./address";
import { DataTable } from "./DataTable";
import { Diff } from "./Diff";
import { headerSize, kindOf, readCsv, readTensors } from "./kinds";
import { Notebook } from "./Notebook";
import "./preview.css";
import { readPart } from "./read";

/** Of longer texts the beginning is shown. */
const SHOWN_BYTES = 512_000;

/** What is in a file of a run, as far as a page can show it; nothing in it can do anything here. */
export default function Preview({ runId, file }: { runId: string; file: File }) {
  const kind = kindOf(file.path);
  const address = fileAddress(runId, file.path, true);
  if (file.size === 0n) return <p className="soft">The file is empty.</p>;
  switch (kind) {
    case undefined:
      return (
        <p className="soft">
          There is no preview of such files. <a href={fileAddress(runId, file.path)}>Save it</a>,{" "}
          {bytes(file.size)}.
        </p>
      );
    case "image":
      return <img className="preview-image" src={address} alt={file.path} />;
    case "audio":
      // biome-ignore lint/a11y/useMediaCaption: a file has no captions
      return <audio controls src={address} aria-label={file.path} />;
    case "video":
      // biome-ignore lint/a11y/useMediaCaption: a file has no captions
      return <video className="preview-image" controls src={address} aria-label={file.path} />;
    case "frame":
      return (
        <>
          {/* Served as a document of no origin, too: the two keep scripts of the file out, each by itself. */}
          <iframe className="preview-frame" sandbox="" src={address} title={file.path} />
          <p className="soft">Scripts of the file do not run here. Save it to open it whole.</p>
        </>
      );
    case "tensors":
      return <Tensors runId={runId} file={file} />;
    default:
      return <Text runId={runId} file={file} kind={kind} />;
  }
}

type TextKind = "table" | "json" | "notebook" | "markdown" | "text";

function Text({ runId, file, kind }: { runId: string; file: File; kind: TextKind }) {
  const whole = Number(file.size);
  const isCut = whole > SHOWN_BYTES;
  // Half a notebook is none.
  const length = kind === "notebook" ? Math.min(whole, SHOWN_BYTES * 20) : Math.min(whole, SHOWN_BYTES);
  const { data, error } = useAnswer(`part ${runId} ${file.path} ${file.digest}`, async (signal) =>
    new TextDecoder().decode(await readPart(runId, file.path, 0, length, signal)),
  );
  if (error !== undefined) return <p className="bad">{messageOf(error)}</p>;
  if (data === undefined) return <span className="skeleton" />;
  return (
    <>
      <TextBody text={data} kind={kind} path={file.path} isCut={isCut} />
      {isCut && (
        <p className="soft">
          The first {bytes(length)} of {bytes(file.size)}.
        </p>
      )}
    </>
  );
}

function TextBody({
  text,
  kind,
  path,
  isCut,
}: {
  text: string;
  kind: TextKind;
  path: string;
  isCut: boolean;
}) {
  if (kind === "markdown") {
    return <Markdown text={text} />;
  }
  if (kind === "table") {
    const [columns = [], ...rows] = readCsv(text, /\.tsv$/i.test(path) ? "\t" : ",", isCut);
    return (
      <>
        <DataTable columns={columns} rows={rows} />
        <p className="soft">
          {count(rows.length)} {isCut ? "rows of those read" : "rows"}, {count(columns.length)} columns
        </p>
      </>
    );
  }
  if (kind === "notebook") return <Notebook text={text} />;
  if (/\.(diff|patch)$/i.test(path)) return <Diff text={text} />;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <pre className="preview-text" tabIndex={0}>
      {kind === "json" ? indented(text) : text}
    </pre>
  );
}

/** JSON with its levels, or as it is where it is none, such as the beginning of a large one. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Names, types and shapes of what a model's file holds, of which only the beginning is read. */
function Tensors({ runId, file }: { runId: string; file: File }) {
  const { data, error } = useAnswer(`tensors ${runId} ${file.path} ${file.digest}`, async (signal) => {
    const size = headerSize(await readPart(runId, file.path, 0, 8, signal));
    if (size === undefined) throw new Error("this is no safetensors file");
    const header = await readPart(runId, file.path, 8, size, signal);
    return readTensors(new TextDecoder().decode(header));
  });
  if (error !== undefined) return <p className="bad">{messageOf(error)}</p>;
  if (!data) return <span className="skeleton" />;
  const sizes = data.tensors.map(({ shape }) => shape.reduce((product, one) => product * one, 1));
  return (
    <>
      <p className="soft">
        {count(data.tensors.length)} tensors, {count(sizes.reduce((sum, one) => sum + one, 0))} numbers
        {Object.entries(data.metadata).map(([key, value]) => ` · ${key}: ${value}`)}
      </p>
      <DataTable
        columns={["tensor", "type", "shape", "numbers"]}
        rows={data.tensors.map(({ name, dtype, shape }, at) => [
          name,
          dtype,
          shape.join(" × "),
          `${sizes[at]}`,
        ])}
      />
    </>
  );
}
