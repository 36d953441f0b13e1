import type { Series } from "../charts/colours";
import type { Field } from "../charts/export";
import { highlighted } from "../charts/highlight";
import { SaveMenu } from "../charts/SaveMenu";
import { Swatch } from "../charts/Swatch";
import { middle } from "../format/names";
import { count, short } from "../format/numbers";
import { useSignal } from "../state/signal";
import { setQuery } from "../state/url";
import type { Column } from "../table/columns";
import { DRAWN, type Group } from "./groups";

interface Props {
  groups: readonly Group[];
  columns: readonly Column[];
  seriesOf: (id: string) => Series;
  filter: string;
  hidden: ReadonlySet<string>;
  onToggle: (group: Group) => void;
}

/** Goes from a group to its runs. */
export function showRuns(filter: string, group: Group): void {
  setQuery(
    { q: filter ? `(${filter}) and ${group.filter}` : group.filter, group: undefined },
    { push: true },
  );
}

/** Groups of runs as rows: how many, and the mean of each metric with how far the runs lie apart. */
export function GroupTable({ groups, columns, seriesOf, filter, hidden, onToggle }: Props) {
  const metrics = columns.filter((column) => column.kind === "metric");
  const on = useSignal(highlighted, (id) => id);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys
    <section className="groups" tabIndex={0} aria-label="Groups of runs">
      <table className="facts">
        <thead>
          <tr>
            <th>
              <span className="group-head">
                Group
                <SaveMenu title="the groups" rows={() => rowsOf(groups, metrics)} />
              </span>
            </th>
            <th className="number">Runs</th>
            {metrics.map((column) => (
              <th
                key={column.field}
                className="number"
                title={`${column.field}: mean ± standard deviation, least to greatest`}
              >
                {middle(column.label, 18)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group, at) => (
            <tr
              key={group.name}
              className={on === group.name ? "on" : undefined}
              onMouseEnter={() => highlighted.set(group.name)}
              onMouseLeave={() => highlighted.set(undefined)}
            >
              <th scope="row">
                <span className="group-name">
                  {at < DRAWN ? (
                    <button
                      type="button"
                      className="dot"
                      aria-pressed={!hidden.has(group.name)}
                      aria-label={`${hidden.has(group.name) ? "Show" : "Hide"} ${group.name} in the charts`}
                      onClick={() => onToggle(group)}
                    >
                      <Swatch series={seriesOf(group.name)} hollow={hidden.has(group.name)} />
                    </button>
                  ) : (
                    <span className="dot" title={`only the first ${DRAWN} groups are drawn`} />
                  )}
                  <button
                    type="button"
                    className="link"
                    title="show its runs"
                    onClick={() => showRuns(filter, group)}
                  >
                    {middle(group.name, 36)} <span aria-hidden="true">▸</span>
                  </button>
                </span>
              </th>
              <td className="number">{count(group.count)}</td>
              {metrics.map(({ field }) => {
                const stats = group.stats.get(field);
                return (
                  <td
                    key={field}
                    className="number"
                    title={`mean ${stats?.mean} ± ${stats?.deviation}, from ${stats?.min} to ${stats?.max}`}
                  >
                    {stats?.mean === undefined ? "–" : short(stats.mean)}
                    {stats?.deviation !== undefined && (
                      <span className="soft"> ± {short(stats.deviation)}</span>
                    )}
                    {stats?.min !== undefined && stats.max !== undefined && (
                      <span className="soft range">
                        {short(stats.min)} to {short(stats.max)}
                      </span>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function rowsOf(groups: readonly Group[], metrics: readonly Column[]): Field[][] {
  const parts = ["mean", "deviation", "min", "max"] as const;
  return [
    ["group", "runs", ...metrics.flatMap(({ field }) => parts.map((part) => `${field} ${part}`))],
    ...groups.map(({ name, count: own, stats }) => [
      name,
      own,
      ...metrics.flatMap(({ field }) => parts.map((part) => stats.get(field)?.[part])),
    ]),
  ];
}
