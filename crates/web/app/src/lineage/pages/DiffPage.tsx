import { useMemo } from "react";
import { useAnswer } from "../../api/answer";
import { lineage } from "../../api/lineage";
import { middle } from "../../format/names";
import { count } from "../../format/numbers";
import {
  type ComparePedigreesResponse,
  PedigreeAspect,
  type PedigreeChange,
} from "../../generated/herdbook/lineage/v1/comparison_pb";
import { usePlace } from "../../state/url";
import { Explorer } from "../Explorer";
import { joined } from "../graph/pedigree";
import { useGraph } from "../graphs";
import { brief } from "../nodes";
import { nameOf, Question, Say, Unanswered } from "../Question";
import { resolved, useMoment } from "../reference";
import { TwoEnds } from "../TwoEnds";
import { listing } from "../words";

const KINDS = ["model_version", "run"];
/** What a change is about, in the order in which people look. */
const ASPECTS = [
  [PedigreeAspect.DATA, "Data", "data set", "data sets"],
  [PedigreeAspect.CODE, "Code", "repository", "repositories"],
  [PedigreeAspect.PARAM, "Params", "param", "params"],
  [PedigreeAspect.ENVIRONMENT, "Environment", "fact of the environment", "facts of the environment"],
  [PedigreeAspect.PACKAGE, "Packages", "package", "packages"],
  [PedigreeAspect.MODEL, "Models", "model", "models"],
  [PedigreeAspect.TAG, "Tags", "tag", "tags"],
  [PedigreeAspect.RUN, "Run", "fact of the run", "facts of the run"],
] as const;

/** What differs in what two versions came from. */
export function DiffPage() {
  const { query } = usePlace();
  const to = query.get("to") ?? query.get("node") ?? "";
  const from = query.get("from") ?? "";
  const { at, request } = useMoment();
  const asked = from !== "" && to !== "";
  const answer = useAnswer(
    asked ? `pedigrees ${from} ${to} ${at}` : undefined,
    async (signal) => {
      const [one, other] = await Promise.all([resolved(from, signal), resolved(to, signal)]);
      return lineage.comparePedigrees({ from: one, to: other, ...request }, { signal });
    },
    { keep: false },
  );
  const one = useGraph(asked ? from : "", "back").data;
  const other = useGraph(asked ? to : "", "back").data;
  const pedigree = useMemo(() => one && other && joined(one, other), [one, other]);
  const marks = useMemo(() => {
    if (!one || !other) return undefined;
    const only = new Map<string, string>();
    for (const id of one.members.keys()) if (!other.members.has(id)) only.set(id, "− gone");
    for (const id of other.members.keys()) if (!one.members.has(id)) only.set(id, "+ new");
    return only;
  }, [one, other]);
  return (
    <Question
      title={
        asked
          ? `What differs in what ${nameOf(from)} and ${nameOf(to)} came from?`
          : "What differs in what two versions came from?"
      }
      node={to}
      asked={<TwoEnds from={from} to={to} kinds={KINDS} />}
    >
      {asked ? (
        <Unanswered answer={answer} what="One of the two" />
      ) : (
        <p className="soft">
          Name two versions or runs, such as fraud-detector/2 and fraud-detector@Production.
        </p>
      )}
      {answer.data && (
        <>
          <Say>{sentence(answer.data, from, to)}</Say>
          <Changes found={answer.data} from={nameOf(from)} to={nameOf(to)} />
          {pedigree && (
            <Explorer question={`diff ${from} ${to}`} pedigree={pedigree} marks={marks} name="difference" />
          )}
        </>
      )}
    </Question>
  );
}

function sentence(found: ComparePedigreesResponse, from: string, to: string): string {
  const same = listing(
    (
      [
        [found.sameData, "data set", "data sets"],
        [found.sameParams, "param", "params"],
        [found.samePackages, "package", "packages"],
      ] as const
    ).flatMap(([number, one, many]) => (number ? `${count(number)} ${number === 1 ? one : many}` : [])),
  );
  const kept = same && ` The same: ${same}.`;
  if (found.changes.length === 0)
    return `${nameOf(from)} and ${nameOf(to)} came from the same, as far as is recorded.${kept}`;
  const parts = ASPECTS.flatMap(([aspect, , one, many]) => {
    const number = found.changes.filter((change) => change.aspect === aspect).length;
    return number ? `${count(number)} ${number === 1 ? one : many}` : [];
  });
  return `${listing(parts)} ${found.changes.length === 1 ? "differs" : "differ"}.${kept}`;
}

function Changes({ found, from, to }: { found: ComparePedigreesResponse; from: string; to: string }) {
  if (found.changes.length === 0) return null;
  return (
    <table className="facts diff">
      <thead>
        <tr>
          <th>What</th>
          <th>{from}</th>
          <th>{to}</th>
        </tr>
      </thead>
      {ASPECTS.map(([aspect, title]) => {
        const changes = found.changes.filter((change) => change.aspect === aspect);
        return (
          changes.length > 0 && (
            <tbody key={aspect}>
              <tr>
                <th colSpan={3} scope="rowgroup" className="group-head">
                  {title}
                </th>
              </tr>
              {changes.map((change) => (
                <Change key={`${change.name} ${change.from} ${change.to}`} change={change} />
              ))}
            </tbody>
          )
        );
      })}
    </table>
  );
}

function Change({ change }: { change: PedigreeChange }) {
  return (
    <>
      <tr>
        <th scope="row" title={change.name}>
          {middle(change.name, 48)}
        </th>
        <Side value={change.from} />
        <Side value={change.to} />
      </tr>
      {change.facts.map((fact) => (
        <tr key={fact.name}>
          <th scope="row" className="soft fact">
            {fact.name}
          </th>
          <Side value={fact.from} />
          <Side value={fact.to} />
        </tr>
      ))}
    </>
  );
}

function Side({ value }: { value: string | undefined }) {
  return (
    <td title={value}>
      {value ? (
        middle(brief(value), 56)
      ) : (
        <span className="soft">{value === undefined ? "not there" : "empty"}</span>
      )}
    </td>
  );
}
