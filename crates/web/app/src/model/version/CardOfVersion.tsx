import { useState } from "react";
import { versions } from "../../api/registry";
import { Markdown } from "../../design/MarkdownOnDemand";
import { Part } from "../../design/Part";
import type { Version } from "../../generated/herdbook/registry/v1/version_pb";
import { act } from "../act";

const FIELDS = [
  ["intendedUse", "Intended use"],
  ["usageNotes", "How to use it"],
  ["limits", "Limits"],
  ["licence", "Licence"],
] as const;

interface Props {
  version: Version;
  locked: string | undefined;
  onChanged: () => void;
}

/** What people have to know before they use it: the version's own card, and the model's where it says nothing. */
export function CardOfVersion({ version, locked, onChanged }: Props) {
  const [editing, setEditing] = useState(false);
  const { model, number, card, ownCard } = version;
  const written = FIELDS.filter(([field]) => card?.[field]);
  const save = async (form: FormData) => {
    setEditing(false);
    const own = Object.fromEntries(FIELDS.map(([field]) => [field, String(form.get(field) ?? "")]));
    const write = (next: typeof own) =>
      versions.updateVersion({
        version: { model, number, ownCard: next },
        updateMask: { paths: ["own_card"] },
      });
    const before = Object.fromEntries(FIELDS.map(([field]) => [field, ownCard?.[field] ?? ""]));
    await act("The card is saved", () => write(own), { undo: () => write(before), after: onChanged });
  };
  return (
    <Part
      title="Card"
      aside={
        !editing && (
          <button
            type="button"
            className="button plain"
            disabled={locked !== undefined}
            title={locked}
            onClick={() => setEditing(true)}
          >
            {written.length ? "Edit" : "Write"}
          </button>
        )
      }
    >
      {editing ? (
        <form
          className="prose-form"
          onSubmit={(event) => {
            event.preventDefault();
            void save(new FormData(event.currentTarget));
          }}
        >
          {FIELDS.map(([field, title]) => (
            <Field
              key={field}
              field={field}
              title={title}
              own={ownCard?.[field] ?? ""}
              inherited={ownCard?.[field] ? "" : (card?.[field] ?? "")}
            />
          ))}
          <div>
            <button type="submit" className="button primary">
              Save
            </button>
            <button type="button" className="button plain" onClick={() => setEditing(false)}>
              Cancel
            </button>
          </div>
        </form>
      ) : (
        <>
          {written.length === 0 && <p className="soft">no card is written</p>}
          {written.map(([field, title]) => (
            <section key={field} className="card-field">
              <h3 className="soft">
                {title}
                {!ownCard?.[field] && ", as of the model"}
              </h3>
              <Markdown text={card?.[field] ?? ""} />
            </section>
          ))}
        </>
      )}
    </Part>
  );
}

interface FieldProps {
  field: (typeof FIELDS)[number][0];
  title: string;
  own: string;
  /** What the model's card says in its place. */
  inherited: string;
}

function Field({ field, title, own, inherited }: FieldProps) {
  const shared = { name: field, id: `card-${field}`, className: "input", defaultValue: own };
  return (
    <div className="card-edit">
      <label htmlFor={shared.id}>{title}</label>
      {field === "licence" ? (
        <input {...shared} placeholder={inherited || "Apache-2.0"} />
      ) : (
        <textarea {...shared} rows={3} placeholder={inherited && "as the model’s card says"} />
      )}
    </div>
  );
}
