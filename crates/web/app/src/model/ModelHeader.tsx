import { type FormEvent, useState } from "react";
import { models } from "../api/registry";
import { focus } from "../design/focus";
import { Menu } from "../design/Menu";
import { Ago } from "../design/Time";
import { TypedConfirm } from "../design/TypedConfirm";
import { millis } from "../format/times";
import { Link } from "../frame/Link";
import type { GetCallerResponse } from "../generated/herdbook/access/v1/access_pb";
import type { Model, Policy } from "../generated/herdbook/registry/v1/model_pb";
import { hrefTo, navigate } from "../state/url";
import { act } from "./act";
import { modelPath } from "./names";
import { servingStage } from "./policy";

interface Props {
  model: Model;
  policy: Policy;
  locked: string | undefined;
  caller: GetCallerResponse | undefined;
  onChanged: () => void;
}

/** What a model is, on two lines, and what can be done with all of it. */
export function ModelHeader({ model, policy, locked, onChanged }: Props) {
  const [renaming, setRenaming] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const serving = servingStage(policy);
  const served = model.stages.find((content) => content.stage === serving)?.versions ?? [];
  const rename = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const newName = String(new FormData(event.currentTarget).get("name") ?? "").trim();
    setRenaming(false);
    if (!newName || newName === model.name) return;
    await act(`It is called ${newName} now`, () => models.renameModel({ name: model.name, newName }), {
      after: () => navigate(hrefTo(modelPath(newName)), { replace: true }),
    });
  };
  const remove = async () => {
    setDeleting(false);
    await act(`${model.name} is deleted`, () => models.deleteModel({ name: model.name }), {
      after: () => navigate(hrefTo("/models")),
    });
  };
  return (
    <header className="model-head">
      <div className="page-head">
        {renaming ? (
          <form onSubmit={rename}>
            <input
              name="name"
              className="input"
              aria-label="Name of the model"
              defaultValue={model.name}
              ref={focus}
              onBlur={() => setRenaming(false)}
            />
          </form>
        ) : (
          <h1>{model.name}</h1>
        )}
        <span className="grow" />
        <Link to={modelPath(model.name, "policy")} className="button">
          Policy{model.policy && `: ${model.policy}`}
        </Link>
        <Menu words="More">
          <button
            type="button"
            className="button plain"
            disabled={locked !== undefined}
            onClick={() => setRenaming(true)}
          >
            Rename
          </button>
          <button
            type="button"
            className="button plain bad"
            disabled={locked !== undefined}
            onClick={() => setDeleting(true)}
          >
            Delete the model…
          </button>
        </Menu>
      </div>
      <p className="facts-line soft">
        <span>
          {serving === undefined ? (
            "no stage of its policy serves"
          ) : served.length === 0 ? (
            <>nothing serves in {serving}</>
          ) : (
            <>
              <strong>{served.map((number) => `v${number}`).join(", ")}</strong> in {serving}
            </>
          )}
        </span>
        <Owners model={model} locked={locked} onChanged={onChanged} />
        <span>
          changed <Ago time={millis(model.updatedAt)} />
        </span>
        <span>
          created by {model.createdBy} <Ago time={millis(model.createdAt)} />
        </span>
      </p>
      {deleting && (
        <TypedConfirm
          title={`Delete ${model.name}`}
          word={model.name}
          verb="Delete the model and all its versions"
          onConfirm={remove}
          onClose={() => setDeleting(false)}
        >
          <p>
            Its versions go, and their hold on files. The audit log stays. A version in a stage that rules
            guard has to be moved out first. This cannot be undone.
          </p>
        </TypedConfirm>
      )}
    </header>
  );
}

function Owners({
  model,
  locked,
  onChanged,
}: {
  model: Model;
  locked: string | undefined;
  onChanged: () => void;
}) {
  const [editing, setEditing] = useState(false);
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const owners = String(new FormData(event.currentTarget).get("owners") ?? "")
      .split(",")
      .map((owner) => owner.trim())
      .filter(Boolean);
    setEditing(false);
    const write = (names: string[]) =>
      models.updateModel({ model: { name: model.name, owners: names }, updateMask: { paths: ["owners"] } });
    await act("Its owners are saved", () => write(owners), {
      undo: () => write(model.owners),
      after: onChanged,
    });
  };
  if (editing) {
    return (
      <form onSubmit={save}>
        <input
          name="owners"
          className="input"
          aria-label="Owners, with commas between"
          defaultValue={model.owners.join(", ")}
          ref={focus}
          onBlur={() => setEditing(false)}
        />
      </form>
    );
  }
  return (
    <span>
      owned by{" "}
      <button
        type="button"
        className="rename"
        disabled={locked !== undefined}
        title={locked ?? "change"}
        onClick={() => setEditing(true)}
      >
        {model.owners.join(", ") || "nobody"}
      </button>
    </span>
  );
}
