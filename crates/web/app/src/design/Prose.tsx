import { type ReactNode, useState } from "react";
import { focus } from "./focus";
import { Markdown } from "./MarkdownOnDemand";
import { Part } from "./Part";
import "./prose.css";

interface Props {
  title: string;
  text: string;
  /** What is said where nothing is written. */
  none: ReactNode;
  /** Why it cannot be changed; it can if absent. */
  locked?: string | undefined;
  onSave: (text: string) => void;
}

/** What people wrote, in Markdown, and a way to change it. */
export function Prose({ title, text, none, locked, onSave }: Props) {
  const [editing, setEditing] = useState(false);
  return (
    <Part
      title={title}
      aside={
        !editing && (
          <button
            type="button"
            className="button plain"
            disabled={locked !== undefined}
            title={locked}
            onClick={() => setEditing(true)}
          >
            {text ? "Edit" : "Write"}
          </button>
        )
      }
    >
      {editing ? (
        <form
          className="prose-form"
          onSubmit={(event) => {
            event.preventDefault();
            const written = new FormData(event.currentTarget).get("text");
            setEditing(false);
            if (typeof written === "string") onSave(written);
          }}
        >
          <textarea
            name="text"
            className="input"
            aria-label={`${title}, in Markdown`}
            defaultValue={text}
            rows={8}
            ref={focus}
          />
          <div>
            <button type="submit" className="button primary">
              Save
            </button>
            <button type="button" className="button plain" onClick={() => setEditing(false)}>
              Cancel
            </button>
          </div>
        </form>
      ) : text ? (
        <Markdown text={text} />
      ) : (
        <p className="soft">{none}</p>
      )}
    </Part>
  );
}
