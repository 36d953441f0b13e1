import { type FormEvent, useState } from "react";
import { focus } from "../design/focus";
import { Part } from "../design/Part";
import { middle } from "../format/names";

interface Props {
  tags: Record<string, string>;
  locked: string | undefined;
  /** Sets a tag, or removes it where there is no value. */
  onSet: (key: string, value: string | undefined) => void;
}

/** Tags, to be set and removed one by one. */
export function Tags({ tags, locked, onSet }: Props) {
  const [adding, setAdding] = useState(false);
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const key = String(form.get("key") ?? "").trim();
    if (key) onSet(key, String(form.get("value") ?? ""));
    setAdding(false);
  };
  const keys = Object.keys(tags).sort();
  return (
    <Part
      title="Tags"
      aside={
        <button
          type="button"
          className="button plain"
          disabled={locked !== undefined}
          title={locked}
          onClick={() => setAdding(!adding)}
        >
          Add
        </button>
      }
    >
      {keys.length === 0 && !adding && <p className="soft">no tags</p>}
      <table className="facts tags">
        <tbody>
          {keys.map((key) => (
            <tr key={key}>
              <th scope="row" title={key}>
                {middle(key, 32)}
              </th>
              <td className="value">{tags[key]}</td>
              <td className="number">
                <button
                  type="button"
                  className="button plain small"
                  aria-label={`Remove the tag ${key}`}
                  disabled={locked !== undefined}
                  title={locked ?? "remove"}
                  onClick={() => onSet(key, undefined)}
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
          <input name="key" className="input" aria-label="Key" placeholder="key" required ref={focus} />
          <input name="value" className="input" aria-label="Value" placeholder="value" />
          <button type="submit" className="button primary">
            Set
          </button>
        </form>
      )}
    </Part>
  );
}
