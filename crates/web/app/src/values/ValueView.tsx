import { useEffect, useState } from "react";
import { useAnswer } from "../api/answer";
import { messageOf } from "../api/errors";
import { save } from "../charts/export";
import { bytes, count, short } from "../format/numbers";
import type { Content, Histogram, Value } from "../generated/herdbook/tracking/v1/value_pb";
import { DataTable } from "../preview/DataTable";
import { cellText, decoded, inline, parsed, type TableJson } from "./content";
import { bytesOf } from "./series";

/** More than this is saved, and not shown. */
const SHOWN_BYTES = 16_000_000n;

/** A value, as what it is. */
export function ValueView({ runId, value }: { runId: string; value: Value }) {
  const { kind } = value;
  switch (kind.case) {
    case "histogram":
      return <Bars histogram={kind.value} />;
    case "text":
      return kind.value.content ? (
        <Loaded runId={runId} value={value} content={kind.value.content}>
          {(data) => <pre className="value-text">{decoded(data)}</pre>}
        </Loaded>
      ) : (
        <pre className="value-text">{kind.value.text}</pre>
      );
    case "table":
      return kind.value.content ? (
        <Loaded runId={runId} value={value} content={kind.value.content}>
          {(data) => <Rows {...parsed(data)} />}
        </Loaded>
      ) : (
        <Rows {...inline(kind.value)} />
      );
    case "image":
      return (
        <Captioned runId={runId} value={value} content={kind.value.content} caption={kind.value.caption}>
          {(url) => <img src={url} alt={kind.value.caption || `${value.key} at step ${value.step}`} />}
        </Captioned>
      );
    case "audio":
      return (
        <Captioned runId={runId} value={value} content={kind.value.content} caption={kind.value.caption}>
          {/* biome-ignore lint/a11y/useMediaCaption: what a run logs has words below it at most */}
          {(url) => <audio controls src={url} aria-label={`${value.key} at step ${value.step}`} />}
        </Captioned>
      );
    case "video":
      return (
        <Captioned runId={runId} value={value} content={kind.value.content} caption={kind.value.caption}>
          {/* biome-ignore lint/a11y/useMediaCaption: what a run logs has words below it at most */}
          {(url) => <video controls src={url} aria-label={`${value.key} at step ${value.step}`} />}
        </Captioned>
      );
    case "document":
      return (
        <p>
          {kind.value.content?.mediaType}, {bytes(kind.value.content?.size ?? 0n)}
          <Caption text={kind.value.caption} />
          <button type="button" className="button" onClick={() => void saveValue(runId, value)}>
            Save
          </button>
        </p>
      );
    default:
      return null;
  }
}

function Rows({ columns, data }: TableJson) {
  return <DataTable columns={columns} rows={data.map((row) => row.map(cellText))} total={data.length} />;
}

function Caption({ text }: { text: string }) {
  return text ? <figcaption className="soft">{text}</figcaption> : null;
}

/** How often values fell between edges: bars as wide as their buckets. */
function Bars({ histogram }: { histogram: Histogram }) {
  const { edges, counts } = histogram;
  const [low, high] = [edges[0] ?? 0, edges.at(-1) ?? 1];
  const most = Math.max(...counts, Number.MIN_VALUE);
  const at = (edge: number) => (high > low ? ((edge - low) / (high - low)) * 100 : 0);
  const all = counts.reduce((sum, one) => sum + one, 0);
  return (
    <div className="bars">
      <svg
        viewBox="0 0 100 50"
        preserveAspectRatio="none"
        role="img"
        aria-label={`Histogram of ${count(Math.round(all))} values from ${short(low)} to ${short(high)}`}
      >
        {counts.map((own, bucket) => {
          const [from, to] = [at(edges[bucket] ?? 0), at(edges[bucket + 1] ?? 0)];
          return (
            <rect
              key={edges[bucket]}
              x={from}
              width={Math.max(0.2, to - from)}
              y={50 - (own / most) * 50}
              height={(own / most) * 50}
            >
              <title>{`${short(edges[bucket] ?? 0)} to ${short(edges[bucket + 1] ?? 0)}: ${short(own)}`}</title>
            </rect>
          );
        })}
      </svg>
      <p className="soft">
        <span>{short(low)}</span>
        <span>most {short(most)}</span>
        <span>{short(high)}</span>
      </p>
    </div>
  );
}

interface LoadedProps {
  runId: string;
  value: Value;
  content: Content | undefined;
}

/** What has to be fetched to be shown. */
function Loaded({
  runId,
  value,
  content,
  children,
}: LoadedProps & { children: (data: Uint8Array<ArrayBuffer>) => React.ReactNode }) {
  const tooLarge = (content?.size ?? 0n) > SHOWN_BYTES;
  const { data, error } = useAnswer(
    tooLarge ? undefined : `bytes ${content?.digest} ${runId} ${value.key} ${value.step} ${value.index}`,
    (signal) => bytesOf(runId, value, signal),
    { keep: true },
  );
  if (tooLarge) {
    return (
      <p className="soft">
        {bytes(content?.size ?? 0n)} are too many to show.
        <button type="button" className="button" onClick={() => void saveValue(runId, value)}>
          Save
        </button>
      </p>
    );
  }
  if (error !== undefined) return <p className="bad">{messageOf(error)}</p>;
  return data ? children(data) : <span className="skeleton" />;
}

function Captioned({
  caption,
  children,
  ...rest
}: LoadedProps & { caption: string; children: (url: string) => React.ReactNode }) {
  return (
    <figure>
      <Loaded {...rest}>
        {(data) => (
          <ObjectUrl data={data} type={rest.content?.mediaType ?? ""}>
            {children}
          </ObjectUrl>
        )}
      </Loaded>
      <Caption text={caption} />
    </figure>
  );
}

/** Bytes under an address of this page, for as long as they are shown. */
function ObjectUrl({
  data,
  type,
  children,
}: {
  data: Uint8Array<ArrayBuffer>;
  type: string;
  children: (url: string) => React.ReactNode;
}) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([data], { type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data, type]);
  return url ? children(url) : null;
}

export async function saveValue(runId: string, value: Value): Promise<void> {
  const name = `${value.key}-${value.step}-${value.index}`.replaceAll(/[^\w.-]+/g, "-");
  save(name, new Blob([await bytesOf(runId, value)]));
}
