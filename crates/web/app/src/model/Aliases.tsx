import { type FormEvent, useState } from "react";
import { models } from "../api/registry";
import { Copy } from "../design/Copy";
import { focus } from "../design/focus";
import { Part } from "../design/Part";
import { Link } from "../frame/Link";
import type { Model } from "../generated/herdbook/registry/v1/model_pb";
import { act } from "./act";
import { modelPath } from "./names";

interface Props {
  model: Model;
  /** The version that a new alias is for; asked for if absent. */
  version?: bigint;
  locked: string | undefined;
  onChanged: () => void;
}

/** Names that point at versions, wherever those stand. */
export function Aliases({ model, version, locked, onChanged }: Props) {
  const [adding, setAdding] = useState(false);
  const { name } = model;
  const entries = Object.entries(model.aliases)
    .filter(([, number]) => version === undefined || number === version)
    .sort(([one], [other]) => one.localeCompare(other));
  const set = (alias: string, number: bigint) => {
    const before = model.aliases[alias];
    return act(
      `@${alias} points at v${number}`,
      () => models.setAlias({ model: name, alias, version: number }),
      {
        undo: () =>
          before === undefined
            ? models.deleteAlias({ model: name, alias })
            : models.setAlias({ model: name, alias, version: before }),
        after: onChanged,
      },
    );
  };
  const remove = (alias: string, number: bigint) =>
    act(`@${alias} is removed`, () => models.deleteAlias({ model: name, alias }), {
      undo: () => models.setAlias({ model: name, alias, version: number }),
      after: onChanged,
    });
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const alias = String(form.get("alias") ?? "").trim();
    const number = version ?? BigInt(String(form.get("version") ?? "0"));
    if (alias) void set(alias, number);
    setAdding(false);
  };
  return (
    <Part
      title="Aliases"
      aside={
        <button
          type="button"
          className="button plain"
          disabled={locked !== undefined}
          title={locked}
          onClick={() => setAdding(!adding)}
        >
          Set
        </button>
      }
    >
      {entries.length === 0 && !adding && (
        <p className="soft">no alias points {version === undefined ? "at a version" : "here"}</p>
      )}
      <table className="facts aliases">
        <tbody>
          {entries.map(([alias, number]) => (
            <tr key={alias}>
              <th scope="row">@{alias}</th>
              <td>
                <Link to={modelPath(name, number)}>v{number.toString()}</Link>
              </td>
              <td className="number">
                <Copy text={`models:/${name}@${alias}`} label="copy reference" />
                <button
                  type="button"
                  className="button plain small"
                  aria-label={`Remove the alias ${alias}`}
                  disabled={locked !== undefined}
                  title={locked ?? "remove"}
                  onClick={() => remove(alias, number)}
                >
                  ✕
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {adding && (
        <form className="inline-form" onSubmit={add}>
          <input
            name="alias"
            className="input"
            aria-label="Alias"
            placeholder="champion"
            required
            pattern="[A-Za-z0-9_\-]+"
            title="letters, digits, _ and -"
            ref={focus}
          />
          {version === undefined && (
            <input
              name="version"
              className="input"
              type="number"
              min={1}
              aria-label="Version"
              defaultValue={`${model.latestVersion || 1}`}
              required
            />
          )}
          <button type="submit" className="button primary">
            Set
          </button>
        </form>
      )}
    </Part>
  );
}
