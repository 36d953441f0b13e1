import type { Version } from "../generated/herdbook/registry/v1/version_pb";
import { listText, setQuery } from "../state/url";
import { PINNED } from "./policy";

interface Props {
  versions: readonly Version[];
  chosen: readonly string[];
}

/** Which metrics cards show; those that the rules speak of, where nobody chose. */
export function MetricChoice({ versions, chosen }: Props) {
  const keys = [...new Set(versions.flatMap((version) => Object.keys(version.metrics)))].sort();
  if (keys.length === 0) return <span className="soft">no metrics came with these versions</span>;
  const choose = (at: number, key: string) => {
    const next = [...chosen];
    next[at] = key;
    setQuery({ metrics: listText(next.filter((one, place) => one && next.indexOf(one) === place)) });
  };
  return (
    <span className="metric-choice">
      {Array.from({ length: Math.min(PINNED, keys.length) }, (_, at) => (
        <label key={at} className="field">
          {at === 0 ? "metrics" : <span className="hidden-text">second metric</span>}
          <select
            className="input"
            value={chosen[at] ?? ""}
            onChange={(event) => choose(at, event.target.value)}
          >
            {chosen[at] === undefined && <option value="">none</option>}
            {keys.map((key) => (
              <option key={key}>{key}</option>
            ))}
          </select>
        </label>
      ))}
    </span>
  );
}
