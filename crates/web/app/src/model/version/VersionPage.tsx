import { useAnswer } from "../../api/answer";
import { refusedBy, useCaller } from "../../api/caller";
import { messageOf } from "../../api/errors";
import { checks, models, requests, versions } from "../../api/registry";
import { Comments } from "../../comments/Comments";
import { Pairs } from "../../design/Pairs";
import { Part } from "../../design/Part";
import { Prose } from "../../design/Prose";
import { Crumb, useTitle } from "../../frame/Crumb";
import { Link } from "../../frame/Link";
import { Skeleton, Trouble } from "../../frame/States";
import { Role } from "../../generated/herdbook/common/v1/role_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { SubjectKind } from "../../generated/herdbook/team/v1/subject_pb";
import { Aliases } from "../Aliases";
import { act } from "../act";
import { modelPath, versionName } from "../names";
import { servingStage } from "../policy";
import { RequestLine } from "../requests/RequestLine";
import { Tags } from "../Tags";
import { useChanges } from "../watch";
import { CardOfVersion } from "./CardOfVersion";
import { ChecksOfVersion } from "./ChecksOfVersion";
import { Files } from "./Files";
import { MetricsAgainst } from "./MetricsAgainst";
import { SchemaOfVersion } from "./SchemaOfVersion";
import { VersionHeader } from "./VersionHeader";
import "../model.css";

/** A version: what it is, what it was measured to be against what serves, and what it is made of. */
export default function VersionPage({ model, number }: { model: string; number: bigint }) {
  const answer = useAnswer(`version ${model}/${number}`, (signal) => read(model, number, signal));
  useChanges(model, answer.reload);
  const caller = useCaller();
  const data = answer.data;
  useTitle(data && `${model} ${versionName(data.version)}`);
  if (answer.error !== undefined && (!data || answer.error))
    return (
      <Trouble
        error={answer.error}
        what={`Version ${number} of ${model}`}
        retry={answer.reload}
        home={<Link to={modelPath(model)}>All versions of {model}</Link>}
      />
    );
  if (!data) return <Skeleton />;
  const { version } = data;
  const frozen = data.policy.stages.some((stage) => stage.name === version.stage && stage.frozen);
  const locked = refusedBy(caller, Role.CONTRIBUTOR);
  const fixed =
    locked ?? (frozen ? `${version.stage} is frozen: what is written of a version stays there` : undefined);
  const update = (done: string, change: Partial<Pick<Version, "description" | "tags">>, path: string) =>
    act(
      done,
      () => versions.updateVersion({ version: { model, number, ...change }, updateMask: { paths: [path] } }),
      {
        undo: () => versions.updateVersion({ version, updateMask: { paths: [path] } }),
        after: answer.reload,
      },
    );
  return (
    <article className="page model">
      <Crumb>
        <Link to={modelPath(model)}>{model}</Link>
        <span className="soft">{versionName(version)}</span>
      </Crumb>
      <VersionHeader
        version={version}
        policy={data.policy}
        locked={locked}
        fixed={fixed}
        onChanged={answer.reload}
      />
      {data.missing.map((what) => (
        <p key={what} className="warn">
          Not all could be read: {what}
        </p>
      ))}
      {data.requests.map((request) => (
        <RequestLine key={request.id.toString()} request={request} onChanged={answer.reload} />
      ))}
      <div className="model-body">
        <MetricsAgainst version={version} reference={data.reference} policy={data.policy} />
        <ChecksOfVersion checks={data.checks} />
        <Prose
          title="About"
          text={version.description}
          none="nobody has written what is special about it"
          locked={fixed}
          onSave={(description) => void update("What is special is saved", { description }, "description")}
        />
        <CardOfVersion version={version} locked={fixed} onChanged={answer.reload} />
        <Pairs title="Params" entries={version.params} none="no params came with its run" />
        <Tags
          tags={version.tags}
          locked={fixed}
          onSet={(key, value) =>
            void update(
              value === undefined ? `The tag ${key} is removed` : `The tag ${key} is set`,
              { tags: value === undefined ? {} : { [key]: value } },
              `tags.${key}`,
            )
          }
        />
        <Aliases model={data.model} version={number} locked={locked} onChanged={answer.reload} />
        <SchemaOfVersion version={version} />
      </div>
      <Files version={version} />
      <Comments kind={SubjectKind.VERSION} name={`${model}/${number}`} />
      {version.basedOn.length > 0 && (
        <Part title="Built on">
          <ul>
            {version.basedOn.map((other) => (
              <li key={other}>
                <Link to={`/models/${other}`}>{other}</Link>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </article>
  );
}

async function read(model: string, number: bigint, signal: AbortSignal) {
  const missing: string[] = [];
  const part = async <T,>(what: string, asked: Promise<T>, none: T): Promise<T> => {
    try {
      return await asked;
    } catch (error) {
      if (signal.aborted) throw error;
      missing.push(`${what}: ${messageOf(error)}`);
      return none;
    }
  };
  const [found, whole, ruled, reported, open] = await Promise.all([
    versions.getVersion({ reference: `${model}/${number}` }, { signal }),
    models.getModel({ name: model, newestVersions: true }, { signal }),
    models.getPolicy({ model }, { signal }),
    part("checks", checks.listChecks({ model, version: number }, { signal }), undefined),
    part("requests", requests.listRequests({ model, pageSize: 100 }, { signal }), undefined),
  ]);
  if (!found.version || !whole.model || !ruled.policy)
    throw new Error("the server answered without the version");
  const serving = servingStage(ruled.policy);
  const served = whole.model.stages.find((content) => content.stage === serving)?.newest;
  return {
    version: found.version,
    model: whole.model,
    policy: ruled.policy,
    /** What serves, unless that is this version. */
    reference: served && served.number !== number ? served : undefined,
    checks: reported?.checks ?? [],
    requests: (open?.requests ?? []).filter((request) => request.version === number),
    missing,
  };
}
