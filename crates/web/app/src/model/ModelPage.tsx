import { useState } from "react";
import { useAnswer } from "../api/answer";
import { refusedBy, useCaller } from "../api/caller";
import { messageOf } from "../api/errors";
import { models, transitions } from "../api/registry";
import { Comments } from "../comments/Comments";
import { Part } from "../design/Part";
import { Prose } from "../design/Prose";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Skeleton, Trouble } from "../frame/States";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import { SubjectKind } from "../generated/herdbook/team/v1/subject_pb";
import { listOf, setQuery, usePlace } from "../state/url";
import { Aliases } from "./Aliases";
import { AuditList } from "./AuditList";
import { act } from "./act";
import { Board } from "./Board";
import { CompareBar } from "./CompareBar";
import { MetricChoice } from "./MetricChoice";
import { ModelHeader } from "./ModelHeader";
import { MoveSheet } from "./move/MoveSheet";
import { RollbackSheet } from "./move/RollbackSheet";
import { NoVersions } from "./NoVersions";
import { modelPath } from "./names";
import { pinnedMetrics } from "./policy";
import { RequestLine } from "./requests/RequestLine";
import { COLUMN_PAGE, type Standing, useStanding } from "./standing";
import { Tags } from "./Tags";
import { Timeline } from "./Timeline";
import { useBoardKeys } from "./useBoardKeys";
import { useChanges } from "./watch";
import "./model.css";

const RECORDS = 12;

/** A model: what stands where, what may move, what stood there before, and who did what. */
export default function ModelPage({ name }: { name: string }) {
  const [shown, setShown] = useState<Record<string, number>>({});
  const standing = useStanding(name, shown);
  useChanges(name, standing.reload);
  useTitle(name);
  if (!standing.data) {
    if (standing.error === undefined) return <Skeleton />;
    return (
      <Trouble
        error={standing.error}
        what={`The model ${name}`}
        retry={standing.reload}
        home={<Link to="/models">All models</Link>}
      />
    );
  }
  const more = (stage: string) =>
    setShown({ ...shown, [stage]: (shown[stage] ?? COLUMN_PAGE) + COLUMN_PAGE });
  return <Shown standing={standing.data} gone={standing.error} reload={standing.reload} onMore={more} />;
}

interface ShownProps {
  standing: Standing;
  /** Why it could not be read again. */
  gone: unknown;
  reload: () => void;
  onMore: (stage: string) => void;
}

function Shown({ standing, gone, reload, onMore }: ShownProps) {
  const { model, policy, columns } = standing;
  const { query } = usePlace();
  const caller = useCaller();
  const [selected, setSelected] = useState<ReadonlySet<bigint>>(new Set());
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const versions = columns.flatMap((column) => column.versions);
  const metrics = pinnedMetrics(listOf(query, "metrics"), policy, versions);
  const toggle = (number: bigint) => {
    const next = new Set(selected);
    if (!next.delete(number)) next.add(number);
    setSelected(next);
  };
  useBoardKeys(standing, locked, selected, toggle);

  const move = query.get("move");
  const rollback = query.get("rollback");
  const back = query.get("version");
  const close = () => setQuery({ move: undefined, to: undefined, rollback: undefined, version: undefined });
  const update = (done: string, change: Parameters<typeof models.updateModel>[0]["model"], path: string) =>
    act(
      done,
      () => models.updateModel({ model: { name: model.name, ...change }, updateMask: { paths: [path] } }),
      {
        undo: () => models.updateModel({ model, updateMask: { paths: [path] } }),
        after: reload,
      },
    );
  return (
    <article className="page model">
      <Crumb>
        <span className="soft">{model.name}</span>
      </Crumb>
      <ModelHeader model={model} policy={policy} locked={locked} caller={caller} onChanged={reload} />
      {gone !== undefined && <p className="bad">This page is not up to date: {messageOf(gone)}</p>}
      {standing.missing.map((what) => (
        <p key={what} className="warn">
          Not all could be read: {what}
        </p>
      ))}
      {locked && <p className="soft locked">{locked}. You can look at everything.</p>}
      {versions.length === 0 ? (
        <NoVersions model={model.name} />
      ) : (
        <>
          <div className="board-bar">
            <MetricChoice versions={versions} chosen={metrics} />
            <span className="grow" />
            <CompareBar model={model.name} selected={selected} onClear={() => setSelected(new Set())} />
          </div>
          <Board
            standing={standing}
            metrics={metrics}
            selected={selected}
            onSelect={toggle}
            onMore={onMore}
          />
        </>
      )}
      {standing.requests.length > 0 && (
        <Part title={`Waiting for approval (${standing.requests.length})`}>
          {standing.requests.map((request) => (
            <RequestLine key={request.id.toString()} request={request} onChanged={reload} />
          ))}
        </Part>
      )}
      <Timeline standing={standing} locked={locked} />
      <div className="model-body">
        <Prose
          title="About"
          text={model.description}
          none="nobody has written what this model is for"
          locked={locked}
          onSave={(description) => void update("What it is for is saved", { description }, "description")}
        />
        <Aliases model={model} locked={locked} onChanged={reload} />
        <Tags
          tags={model.tags}
          locked={locked}
          onSet={(key, value) =>
            void update(
              value === undefined ? `The tag ${key} is removed` : `The tag ${key} is set`,
              { tags: value === undefined ? {} : { [key]: value } },
              `tags.${key}`,
            )
          }
        />
      </div>
      <Recent standing={standing} />
      <Comments kind={SubjectKind.MODEL} name={model.name} />
      {move && /^\d+$/.test(move) && (
        <MoveSheet
          key={move}
          standing={standing}
          number={BigInt(move)}
          to={query.get("to") ?? undefined}
          onClose={close}
          onChanged={reload}
        />
      )}
      {rollback && (
        <RollbackSheet
          key={rollback}
          standing={standing}
          stage={rollback}
          number={back && /^\d+$/.test(back) ? BigInt(back) : undefined}
          onClose={close}
          onChanged={reload}
        />
      )}
    </article>
  );
}

/** What was done last. */
function Recent({ standing: { model } }: { standing: Standing }) {
  const records = useAnswer(`recent ${model.name} ${model.revision}`, async (signal) => {
    return (await transitions.listAuditRecords({ model: model.name, pageSize: RECORDS }, { signal })).records;
  });
  return (
    <Part
      title="Audit"
      aside={
        <Link to={modelPath(model.name, "audit")} className="button plain">
          All, with proof
        </Link>
      }
    >
      {records.error !== undefined && <p className="bad">{messageOf(records.error)}</p>}
      {records.data && <AuditList records={records.data} />}
    </Part>
  );
}
