import { paintOf, type Series } from "./colours";
import "./swatch.css";

const [SIZE, PIP] = [10, 3.5];

/** What a run or a group is known by beside its name: its hue, and the dots of its stroke. */
export function Swatch({ series, hollow = false }: { series: Series; hollow?: boolean }) {
  const width = SIZE + (series.dots ? 1 + series.dots * PIP : 0);
  return (
    <svg
      className="swatch"
      width={width}
      height={SIZE}
      viewBox={`0 0 ${width} ${SIZE}`}
      style={{ color: paintOf(series) }}
      aria-hidden="true"
    >
      <circle cx={SIZE / 2} cy={SIZE / 2} r={4.5} className={hollow ? "hollow" : undefined} />
      {Array.from({ length: series.dots }, (_, at) => (
        <circle key={at} cx={SIZE + 2 + at * PIP} cy={SIZE / 2} r={1.25} />
      ))}
    </svg>
  );
}

/** A piece of a line, as charts draw it. */
export function Stretch({ colour, dash }: { colour?: string; dash: readonly number[] }) {
  return (
    <svg
      className="stretch"
      width={28}
      height={8}
      viewBox="0 0 28 8"
      style={{ color: colour }}
      aria-hidden="true"
    >
      <path d="M0 4h28" strokeDasharray={dash.join(" ") || undefined} />
    </svg>
  );
}
