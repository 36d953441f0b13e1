import { type FormEvent, useState } from "react";
import { versions } from "../../api/registry";
import { Copy } from "../../design/Copy";
import { focus } from "../../design/focus";
import { Menu } from "../../design/Menu";
import { Ago } from "../../design/Time";
import { TypedConfirm } from "../../design/TypedConfirm";
import { middle } from "../../format/names";
import { millis } from "../../format/times";
import { Link } from "../../frame/Link";
import type { Policy } from "../../generated/herdbook/registry/v1/model_pb";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { hrefTo, navigate } from "../../state/url";
import { act } from "../act";
import { lineageNode, modelPath, versionName } from "../names";
import { isPromotion, nextStage } from "../policy";

interface Props {
  version: Version;
  policy: Policy;
  /** Why it may not be moved or deleted. */
  locked: string | undefined;
  /** Why what is written of it may not be changed. */
  fixed: string | undefined;
  onChanged: () => void;
}

/** Which version it is, where it stands, and where it came from. */
export function VersionHeader({ version, policy, locked, fixed, onChanged }: Props) {
  const { model, number, stage, source, runId } = version;
  const [labelling, setLabelling] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const next = nextStage(policy, stage);
  const up = next !== undefined && isPromotion(policy, stage, next);
  const relabel = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const label = String(new FormData(event.currentTarget).get("label") ?? "").trim();
    setLabelling(false);
    if (label === version.label) return;
    const write = (text: string) =>
      versions.updateVersion({ version: { model, number, label: text }, updateMask: { paths: ["label"] } });
    await act(label ? `It is labelled ${label}` : "It has no label now", () => write(label), {
      undo: () => write(version.label),
      after: onChanged,
    });
  };
  const remove = async () => {
    setDeleting(false);
    await act(`Version ${number} is deleted`, () => versions.deleteVersion({ model, number }), {
      after: () => navigate(hrefTo(modelPath(model))),
    });
  };
  return (
    <header className="model-head">
      <div className="page-head">
        <h1>
          {model} v{number.toString()}
        </h1>
        {labelling ? (
          <form onSubmit={relabel}>
            <input
              name="label"
              className="input"
              aria-label="Semantic version"
              placeholder="1.2.0"
              defaultValue={version.label}
              ref={focus}
              onBlur={() => setLabelling(false)}
            />
          </form>
        ) : (
          <button
            type="button"
            className="rename"
            disabled={fixed !== undefined}
            title={fixed ?? "its semantic version"}
            onClick={() => setLabelling(true)}
          >
            {version.label || <span className="soft">no label</span>}
          </button>
        )}
        <span className="stage-name">{stage}</span>
        <span className="grow" />
        <Copy text={`models:/${model}/${number}`} label="copy reference" />
        <Link
          to="/lineage"
          query={{ node: lineageNode(version) }}
          className="button"
          title="where it comes from, and what comes from it"
        >
          Lineage
        </Link>
        {next !== undefined && (
          <button
            type="button"
            className={up ? "button primary" : "button"}
            disabled={locked !== undefined}
            title={locked ?? `to ${next}; see first what the rules say`}
            onClick={() => navigate(hrefTo(modelPath(model), { move: number.toString(), to: next }))}
          >
            {up ? "Promote" : "Move"}
          </button>
        )}
        <Menu words="More">
          <button
            type="button"
            className="button plain bad"
            disabled={locked !== undefined}
            onClick={() => setDeleting(true)}
          >
            Delete the version…
          </button>
        </Menu>
      </div>
      <p className="facts-line soft">
        <span>
          registered by {version.createdBy} <Ago time={millis(version.createdAt)} />
        </span>
        <span>
          in {stage} since <Ago time={millis(version.stageSince)} />
        </span>
        <span>
          from{" "}
          {runId ? (
            <Link to={`/runs/${runId}`} title={source}>
              run {middle(runId, 12)}
            </Link>
          ) : (
            <code title={source}>{middle(source, 48)}</code>
          )}
        </span>
        {version.flavor && <span>{version.flavor}</span>}
        <span>
          <code title={version.digest}>{version.digest.slice(0, 19)}…</code>
          <Copy text={version.digest} label="copy digest" />
        </span>
      </p>
      {deleting && (
        <TypedConfirm
          title={`Delete ${model} ${versionName(version)}`}
          word={`${model}/${number}`}
          verb="Delete the version"
          onConfirm={remove}
          onClose={() => setDeleting(false)}
        >
          <p>
            Its record, its aliases and its hold on files go; its number is never used again, and the audit
            log stays. In a stage that rules guard it has to be moved out first. This cannot be undone.
          </p>
        </TypedConfirm>
      )}
    </header>
  );
}
