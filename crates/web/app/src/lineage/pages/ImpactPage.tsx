import { useMemo } from "react";
import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import { middle } from "../../format/names";
import { count } from "../../format/numbers";
import { Link } from "../../frame/Link";
import type { Impact } from "../../generated/herdbook/lineage/v1/question_pb";
import { setQuery, usePlace } from "../../state/url";
import { Explorer } from "../Explorer";
import { ofPaths } from "../graph/pedigree";
import { NodeLink } from "../NodeLink";
import { NodePicker } from "../NodePicker";
import { called, written } from "../nodes";
import { AsOf, nameOf, Question, Say, Unanswered } from "../Question";
import { resolved, useMoment } from "../reference";
import { distance, listing } from "../words";

const STAGES = ["Production", "Staging", "Archived"];
const ANY = "any";
const MOST = 1000;
/** Versions that the sentence names. */
const NAMED = 3;

/** Which versions descend from something that is in doubt, and by which way each. */
export function ImpactPage() {
  const { query } = usePlace();
  const node = query.get("node") ?? "";
  const tag = query.get("tag") ?? "";
  const stage = query.get("stage") ?? "Production";
  const doubted = node ? nameOf(node) : tag ? `anything tagged ${tag}` : "";
  const { at, request } = useMoment();
  const answer = useAnswer(
    node || tag ? `impact ${node} ${tag} ${stage} ${at}` : undefined,
    async (signal) => {
      const page = await lineage.findImpact(
        {
          node: node && (await resolved(node, signal)),
          tag: node ? "" : tag,
          stage: stage === ANY ? "" : stage,
          pageSize: MOST,
          ...request,
        },
        { signal },
      );
      return { impacts: page.impacts, more: page.nextPageToken !== "" };
    },
    { keep: false },
  );
  const impacts = answer.data?.impacts;
  const pedigree = useMemo(
    () =>
      ofPaths(
        (impacts ?? []).flatMap(({ path }) => path ?? []),
        "start",
      ),
    [impacts],
  );
  const chosen = query.get("way");
  const shown = impacts?.find((impact) => idOf(impact) === chosen) ?? impacts?.[0];
  const path = useMemo(() => (shown?.path ? ofPaths([shown.path], "start") : undefined), [shown]);
  const where = stage === ANY ? "versions" : `${stage} versions`;
  return (
    <Question
      title={doubted ? `Which ${where} descend from ${doubted}?` : "What does this data touch?"}
      node={node}
      asked={
        <>
          <NodePicker
            label="in doubt"
            value={node}
            onTake={(next) =>
              setQuery({ node: next, tag: undefined, way: undefined, pick: undefined }, { push: true })
            }
            wrong={answer.error !== undefined && node !== ""}
          />
          <form
            className="field"
            onSubmit={(event) => {
              event.preventDefault();
              const next = new FormData(event.currentTarget).get("tag");
              if (typeof next === "string")
                setQuery({ tag: next.trim(), node: undefined, way: undefined }, { push: true });
            }}
          >
            <label htmlFor="doubt-tag">or all with the tag</label>
            <input
              id="doubt-tag"
              key={tag}
              name="tag"
              className="input"
              defaultValue={tag}
              placeholder="biased"
              size={10}
            />
          </form>
          <label className="field">
            stage
            <select
              className="input"
              value={stage}
              onChange={(event) => setQuery({ stage: event.target.value, way: undefined })}
            >
              {[...new Set([...STAGES, stage, ANY])].map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </label>
          <AsOf />
        </>
      }
    >
      {doubted ? (
        <Unanswered answer={answer} what={doubted} />
      ) : (
        <p className="soft">Name what is in doubt: data, code, an environment, a run, or a tag.</p>
      )}
      {impacts && (
        <>
          <Say tone={impacts.length > 0 ? "warn" : undefined}>
            {sentence(impacts, answer.data?.more ?? false, stage === ANY ? "" : stage, doubted)}
          </Say>
          {impacts.length > 0 && (
            <>
              <table className="facts">
                <thead>
                  <tr>
                    <th>Version</th>
                    <th>Stage</th>
                    <th>How far</th>
                    <th className="wide-only">By way of</th>
                    <th>
                      <span className="hidden-text">Way in the picture</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {impacts.map((impact) => (
                    <Row key={idOf(impact)} impact={impact} on={impact === shown} />
                  ))}
                </tbody>
              </table>
              <Explorer
                question={`impact ${node}${tag}`}
                pedigree={pedigree}
                path={path}
                name={`impact of ${doubted}`}
              />
            </>
          )}
          {node && (
            <p className="soft">
              Everything that came of it, not versions alone:{" "}
              <Link to="/lineage" query={{ node, ways: "on" }}>
                its descendants
              </Link>
              .
            </p>
          )}
        </>
      )}
    </Question>
  );
}

function sentence(impacts: readonly Impact[], more: boolean, stage: string, doubted: string): string {
  const version = (many: boolean) => `${stage ? `${stage} ` : ""}version${many ? "s" : ""}`;
  if (impacts.length === 0) return `No ${version(false)} descends from ${doubted}, as far as is recorded.`;
  const [many, verb] = impacts.length > 1 ? [true, "descend"] : [false, "descends"];
  const names = impacts.slice(0, NAMED).map((impact) => (impact.version ? called(impact.version).title : ""));
  const rest = impacts.length > NAMED || more ? ["others"] : [];
  return `${count(impacts.length)}${more ? " and more" : ""} ${version(many)} ${verb} from ${doubted}: ${listing([...names, ...rest])}.`;
}

function idOf({ version }: Impact): string {
  return version?.key ? written(version.key) : "";
}

function Row({ impact, on }: { impact: Impact; on: boolean }) {
  const nodes = impact.path?.nodes ?? [];
  const between = nodes.slice(1, -1).map((node) => called(node).title);
  return (
    <tr>
      <th scope="row">{impact.version && <NodeLink node={impact.version} />}</th>
      <td>{impact.version?.attributes["stage"]}</td>
      <td className="soft">{distance(nodes.length - 1)}</td>
      <td className="soft wide-only" title={between.join(" → ")}>
        {middle(between.join(" → "), 64)}
      </td>
      <td>
        <button
          type="button"
          className="button plain"
          aria-pressed={on}
          onClick={() => setQuery({ way: idOf(impact), pick: undefined })}
        >
          show the way
        </button>
      </td>
    </tr>
  );
}
