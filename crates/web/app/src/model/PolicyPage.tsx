import { useState } from "react";
import { useAnswer } from "../api/answer";
import { refusedBy, useCaller } from "../api/caller";
import { messageOf, preconditions, violations } from "../api/errors";
import { models } from "../api/registry";
import { Part } from "../design/Part";
import { Crumb, useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import type { Model, Policy } from "../generated/herdbook/registry/v1/model_pb";
import { modelPath } from "./names";
import { limitOf } from "./policy";
import { ruleWords } from "./ruleWords";
import { useChanges } from "./watch";
import { type Fault, placed, policyYaml, readPolicy } from "./yaml";
import "./model.css";
import "./policy.css";

/** By which rules the versions of a model move: to read, and for admins to change. */
export default function PolicyPage({ model: name }: { model: string }) {
  const answer = useAnswer(`policy ${name}`, async (signal) => {
    const [{ model }, { policy }] = await Promise.all([
      models.getModel({ name }, { signal }),
      models.getPolicy({ model: name }, { signal }),
    ]);
    if (!model || !policy) throw new Error("the server answered without the policy");
    return { model, policy };
  });
  useChanges(name, answer.reload);
  useTitle(`${name}: policy`);
  if (!answer.data) {
    if (answer.error === undefined) return <Skeleton />;
    return (
      <Trouble
        error={answer.error}
        what={`The policy of ${name}`}
        retry={answer.reload}
        home={<Link to="/models">All models</Link>}
      />
    );
  }
  return <Shown {...answer.data} reload={answer.reload} />;
}

function Shown({ model, policy, reload }: { model: Model; policy: Policy; reload: () => void }) {
  const caller = useCaller();
  const [draft, setDraft] = useState<{ text: string; of: bigint }>();
  const locked = refusedBy(caller, Role.ADMIN);
  return (
    <div className="page">
      <Crumb>
        <Link to={modelPath(model.name)}>{model.name}</Link>
        <span className="soft">policy</span>
      </Crumb>
      <div className="page-head">
        <h1>Policy of {model.name}</h1>
        <span className="soft">
          {model.policy
            ? `shared: ${model.policy}, revision ${policy.revision}`
            : policy.revision === 0n
              ? "the default one"
              : `its own, revision ${policy.revision}`}
        </span>
        <span className="grow" />
        {!draft && (
          <button
            type="button"
            className="button"
            disabled={locked !== undefined}
            title={locked}
            onClick={() => setDraft({ text: policyYaml(policy), of: policy.revision })}
          >
            Edit as YAML
          </button>
        )}
      </div>
      {locked && <p className="soft locked">{locked}.</p>}
      {draft ? (
        <Editor
          model={model}
          policy={policy}
          draft={draft}
          onChange={(text) => setDraft({ ...draft, text })}
          onClose={() => setDraft(undefined)}
          onSaved={() => {
            setDraft(undefined);
            reload();
          }}
        />
      ) : (
        <Readable policy={policy} />
      )}
    </div>
  );
}

function Readable({ policy }: { policy: Policy }) {
  const rollback = policy.rollback?.rules;
  return (
    <>
      <Part title="Stages">
        <ol className="stages">
          {policy.stages.map((stage) => {
            const limit = limitOf(stage);
            const traits = [
              limit === 1 ? "holds one version" : limit !== undefined && `holds ${limit} versions`,
              stage.displacedTo && `what makes way goes to ${stage.displacedTo}`,
              stage.terminal && "versions stay for good",
              stage.frozen && "what is written of a version stays as it is",
            ].filter(Boolean);
            return (
              <li key={stage.name}>
                <strong>{stage.name}</strong> <span className="soft">{traits.join("; ")}</span>
              </li>
            );
          })}
        </ol>
      </Part>
      <Part title="Moves">
        <table className="facts policy-moves">
          <tbody>
            {policy.moves.map((move) => (
              <tr key={`${move.from} ${move.to}`}>
                <th scope="row">
                  {move.from === "*" ? "any stage" : move.from} → {move.to}
                </th>
                <td>
                  {move.rules.length === 0 ? (
                    <span className="soft">no rules</span>
                  ) : (
                    <ul>
                      {move.rules.map((rule) => (
                        <li key={rule.name}>
                          {ruleWords(rule)} <span className="soft">{rule.name}</span>
                        </li>
                      ))}
                    </ul>
                  )}
                </td>
              </tr>
            ))}
            <tr>
              <th scope="row">roll back</th>
              <td>
                {rollback === undefined ? (
                  "moved by somebody with the role approver"
                ) : rollback.length === 0 ? (
                  <span className="soft">no rules</span>
                ) : (
                  <ul>
                    {rollback.map((rule) => (
                      <li key={rule.name}>
                        {ruleWords(rule)} <span className="soft">{rule.name}</span>
                      </li>
                    ))}
                  </ul>
                )}
              </td>
            </tr>
          </tbody>
        </table>
      </Part>
    </>
  );
}

interface EditorProps {
  model: Model;
  policy: Policy;
  draft: { text: string; of: bigint };
  onChange: (text: string) => void;
  onClose: () => void;
  onSaved: () => void;
}

/** A policy as text. What is wrong stands beside the line, and what was written stays until it is saved. */
function Editor({ model, policy, draft, onChange, onClose, onSaved }: EditorProps) {
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const [refused, setRefused] = useState<string>();
  const [busy, setBusy] = useState(false);
  const read = readPolicy(draft.text);
  const shown = "faults" in read ? read.faults : faults;
  const lines = draft.text.split("\n");
  const save = async () => {
    if ("faults" in read) return;
    setBusy(true);
    setRefused(undefined);
    try {
      await models.setPolicy({ model: model.name, policy: { ...read.policy, revision: draft.of } });
      toast("The policy is saved");
      onSaved();
    } catch (error) {
      const found = placed(draft.text, violations(error));
      setFaults(found);
      const stands = preconditions(error).map((one) => one.description);
      if (!found.length) setRefused(stands.join("; ") || messageOf(error));
    }
    setBusy(false);
  };
  return (
    <form
      className="policy-editor"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      {model.policy && (
        <p className="warn">
          {model.name} uses the shared policy {model.policy}. Saved here, it gets one of its own; the shared
          one stays as it is for the others.
        </p>
      )}
      {policy.revision !== draft.of && (
        <p className="warn" role="alert">
          Somebody saved revision {policy.revision.toString()} meanwhile. What you wrote is kept; copy it,
          cancel, and change what is there now.
        </p>
      )}
      <div className="yaml">
        <div className="yaml-lines" aria-hidden="true">
          {lines.map((_, at) => (
            <span key={at} className={shown.some((fault) => fault.line === at + 1) ? "bad" : undefined}>
              {at + 1}
            </span>
          ))}
        </div>
        <textarea
          className="mono"
          aria-label="The policy, as YAML"
          aria-invalid={shown.length > 0}
          aria-describedby="policy-faults"
          spellCheck={false}
          rows={lines.length + 1}
          value={draft.text}
          onChange={(event) => {
            setFaults([]);
            onChange(event.target.value);
          }}
        />
        {shown.map((fault) => (
          <span
            key={`${fault.line} ${fault.message}`}
            className="yaml-mark"
            aria-hidden="true"
            style={{ top: `${(fault.line - 1) * 20}px` }}
          />
        ))}
      </div>
      <div id="policy-faults" role="alert" className="yaml-faults">
        {shown.map((fault) => (
          <p key={`${fault.line} ${fault.message}`} className="bad">
            line {fault.line}: {fault.message}
          </p>
        ))}
        {refused && <p className="bad">Not saved: {refused}</p>}
      </div>
      <footer>
        <button type="submit" className="button primary" disabled={busy || "faults" in read}>
          Save
        </button>
        <button type="button" className="button plain" onClick={onClose}>
          Cancel
        </button>
        <span className="soft">
          the same as <code>herdbook policies export</code> writes
        </span>
      </footer>
    </form>
  );
}
