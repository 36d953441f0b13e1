import { useMemo } from "react";
import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import { count } from "../../format/numbers";
import { Link } from "../../frame/Link";
import type { Column, ColumnLinks } from "../../generated/herdbook/lineage/v1/column_pb";
import { listOf, listText, setQuery, usePlace } from "../../state/url";
import { howOf, ofColumns } from "../graph/columns";
import { Picture } from "../graph/Picture";
import { MOST } from "../graphs";
import { NodeLink } from "../NodeLink";
import { NodePicker } from "../NodePicker";
import { type Key, written } from "../nodes";
import { nameOf, Question, Say, Unanswered } from "../Question";

const KINDS = ["dataset", "feature_set"];

/** Where a column came from or went, and which versions in Production a change of it reaches. */
export function ColumnsPage() {
  const { query } = usePlace();
  const node = query.get("node") ?? "";
  const field = query.get("field") ?? "";
  const on = query.get("ways") === "on";
  const answer = useAnswer(
    node ? `columns ${node} ${field} ${on}` : undefined,
    (signal) => lineage.getColumnLineage({ node, field, descendants: on }, { signal }),
    { keep: false },
  );
  const impact = useAnswer(on && node ? `column impact ${node} ${field}` : undefined, (signal) =>
    lineage.findColumnImpact({ node, field, stage: "Production" }, { signal }),
  ).data;
  const what = field ? `${field} of ${nameOf(node)}` : `the columns of ${nameOf(node)}`;
  const found = answer.data;
  const rows = (found?.links ?? []).flatMap((links) => rowsOf(links));
  const own = [
    ...new Set(
      (found?.columns ?? []).filter(({ depth }) => depth === 0).map(({ column }) => column?.field ?? ""),
    ),
  ];
  const hit = impact?.impacts.length ?? 0;
  const pedigree = useMemo(
    () => found && ofColumns(found, impact?.impacts ?? [], on ? 1 : -1, MOST),
    [found, impact, on],
  );
  const pick = (id: string | undefined) => {
    const place = id === undefined ? undefined : pedigree?.places.get(id);
    // What is no data set has no columns to ask about.
    if (!place || !KINDS.includes(place.node.kind)) return;
    setQuery({ node: written(place.node), field: place.field, open: undefined }, { push: true });
  };
  return (
    <Question
      title={
        node
          ? `Where ${!on ? "did" : field ? "does" : "do"} ${what} ${on ? "go" : "come from"}?`
          : "Where does a column come from?"
      }
      node={node}
      asked={
        <>
          <NodePicker
            label="data set"
            value={node}
            kinds={KINDS}
            onTake={(next) => setQuery({ node: next, field: undefined }, { push: true })}
          />
          <label className="field">
            column
            <select
              className="input"
              value={field}
              onChange={(event) => setQuery({ field: event.target.value })}
            >
              <option value="">all</option>
              {[...new Set([field, ...own])].filter(Boolean).map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <span className="segments">
            <button
              type="button"
              className="button"
              aria-pressed={!on}
              onClick={() => setQuery({ ways: undefined })}
            >
              came from
            </button>
            <button
              type="button"
              className="button"
              aria-pressed={on}
              onClick={() => setQuery({ ways: "on" })}
            >
              went to
            </button>
          </span>
        </>
      }
    >
      {node ? (
        <Unanswered answer={answer} what={`The columns of ${nameOf(node)}`} />
      ) : (
        <p className="soft">Name a data set of which columns are recorded, as OpenLineage producers do.</p>
      )}
      {found && (
        <>
          <Say tone={hit > 0 ? "warn" : undefined}>
            {rows.length === 0
              ? `Nothing is recorded of where ${what} ${on ? "went" : "came from"}.`
              : `${count(rows.length)} ${rows.length === 1 ? "link is" : "links are"} recorded${found.truncated ? ", and more" : ""}.`}
            {on &&
              impact &&
              ` A change reaches ${count(hit)} ${hit === 1 ? "version" : "versions"} in Production.`}
          </Say>
          {on && impact && hit > 0 && (
            <ul>
              {impact.impacts.map(({ version, path }) => (
                <li key={version?.key && written(version.key)}>
                  {version && <NodeLink node={version} />}{" "}
                  <span className="soft">by {path.map(placeWords).join(" → ")}</span>
                </li>
              ))}
            </ul>
          )}
          {rows.length > 0 && (
            <table className="facts">
              <thead>
                <tr>
                  <th>From</th>
                  <th>To</th>
                  <th>How</th>
                  <th className="wide-only">In words</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={`${row.from.field} ${row.to.field} ${row.how} ${row.from.name} ${row.to.name}`}>
                    <td>
                      <ColumnLink {...row.from} />
                    </td>
                    <td>
                      <ColumnLink {...row.to} />
                    </td>
                    <td className="soft">{row.how}</td>
                    <td className="soft wide-only">{row.words}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {rows.length > 0 && pedigree && (
            <section aria-label="Picture">
              <Picture
                question={`columns ${node} ${field} ${on}`}
                pedigree={pedigree}
                open={listOf(query, "open")}
                onOpen={(open) => setQuery({ open: listText(open) })}
                picked={undefined}
                onPick={pick}
                name={what}
              />
            </section>
          )}
        </>
      )}
    </Question>
  );
}

interface End {
  node: Key | undefined;
  name: string;
  field: string;
}

function rowsOf({ source, target, links }: ColumnLinks) {
  return links.map((link) => ({
    from: { node: source, name: source?.name ?? "", field: link.sourceField } satisfies End,
    to: { node: target, name: target?.name ?? "", field: link.targetField } satisfies End,
    how: howOf(link),
    words: link.description,
  }));
}

/** A step on the way to a version: a column, or a node as a whole. */
function placeWords({ node, field }: Column): string {
  if (!node) return field;
  return field ? `${node.name}.${field}` : nameOf(written(node));
}

function ColumnLink({ node, name, field }: End) {
  if (!node) return null;
  return (
    <Link to="/lineage/columns" query={{ node: written(node), field }}>
      {name}
      {field ? `.${field}` : " as a whole"}
    </Link>
  );
}
