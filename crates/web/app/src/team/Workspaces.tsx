import { type FormEvent, useState } from "react";
import { useAnswer } from "../api/answer";
import { access } from "../api/clients";
import { messageOf } from "../api/errors";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";

/** The workspaces in which the user has a role, and a way to make another. */
export function Workspaces({ current }: { current: string }) {
  const list = useAnswer("workspaces", (signal) => access.listWorkspaces({}, { signal }));
  const [making, setMaking] = useState(false);
  const [problem, setProblem] = useState<string>();
  if (list.error !== undefined)
    return <Trouble error={list.error} what="The list of workspaces" retry={list.reload} />;
  if (!list.data) return <Skeleton rows={2} />;
  const create = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const name = String(form.get("name")).trim();
    try {
      await access.createWorkspace({ name, description: String(form.get("description")) });
      toast(`The workspace ${name} is there, and you are its admin`);
      setMaking(false);
      setProblem(undefined);
      list.reload();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <Part
      title="Workspaces"
      aside={
        !making && (
          <button type="button" className="button" onClick={() => setMaking(true)}>
            Create a workspace
          </button>
        )
      }
    >
      {making && (
        <form className="team-form" onSubmit={create}>
          <label className="field">
            name
            <input
              name="name"
              className="input"
              required
              placeholder="risk-ml"
              autoComplete="off"
              aria-invalid={problem !== undefined}
            />
          </label>
          <label className="field">
            about
            <input name="description" className="input" />
          </label>
          <button type="submit" className="button primary">
            Create
          </button>
          <button type="button" className="button plain" onClick={() => setMaking(false)}>
            Cancel
          </button>
          {problem && (
            <p role="alert" className="bad">
              {problem}
            </p>
          )}
        </form>
      )}
      <table className="facts">
        <tbody>
          {list.data.workspaces.map(({ name, description, createdAt }) => (
            <tr key={name}>
              <th scope="row">
                {name === current ? (
                  <b>{name}</b>
                ) : (
                  <a href={`/team?workspace=${encodeURIComponent(name)}`}>{name}</a>
                )}
              </th>
              <td className="soft">{description}</td>
              <td className="soft number">
                <Ago time={millis(createdAt)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}
