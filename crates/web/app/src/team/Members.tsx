import { Code, ConnectError } from "@connectrpc/connect";
import { type FormEvent, useState } from "react";
import { useAnswer } from "../api/answer";
import { roleName } from "../api/caller";
import { access } from "../api/clients";
import { messageOf } from "../api/errors";
import { Part } from "../design/Part";
import { Ago } from "../design/Time";
import { millis } from "../format/times";
import { Skeleton, Trouble } from "../frame/States";
import { toast } from "../frame/toasts";
import {
  type GetCallerResponse,
  type Principal,
  PrincipalKind,
} from "../generated/herdbook/access/v1/access_pb";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import { RoleSelect } from "./RoleSelect";

const REFRESH_MS = 15_000;

/** The members of the workspace; an admin adds, changes and removes them here. */
export function Members({ caller, manages }: { caller: GetCallerResponse; manages: boolean }) {
  const list = useAnswer("members", (signal) => access.listPrincipals({}, { signal }), { every: REFRESH_MS });
  const [adding, setAdding] = useState(false);
  if (list.error !== undefined)
    return <Trouble error={list.error} what="The list of members" retry={list.reload} />;
  if (!list.data) return <Skeleton rows={4} />;
  const members = list.data.principals;

  const change = async (member: Principal, role: Role) => {
    const grant = (to: Role) => access.grantRole({ principal: member.name, role: to });
    await tried(async () => {
      await grant(role);
      toast(
        `${member.name} is ${roleName(role)} now`,
        () => void tried(() => grant(member.role), list.reload),
      );
    }, list.reload);
  };
  const remove = async (member: Principal) => {
    await tried(async () => {
      await access.revokeRole({ principal: member.name });
      const back = () => access.grantRole({ principal: member.name, role: member.role });
      toast(`${member.name} has no access any more`, () => void tried(back, list.reload));
    }, list.reload);
  };
  return (
    <Part
      title="Members"
      aside={
        manages &&
        !adding && (
          <button type="button" className="button" onClick={() => setAdding(true)}>
            Add a member
          </button>
        )
      }
    >
      {adding && <AddMember onDone={() => setAdding(false)} onAdded={list.reload} />}
      <table className="facts members">
        <thead>
          <tr>
            <th>Name</th>
            <th>Kind</th>
            <th>Role</th>
            <th className="wide">Since</th>
            {manages && (
              <th>
                <span className="hidden-text">Remove</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {members.map((member) => (
            <tr key={member.name}>
              <th scope="row">
                {member.name}
                {member.name === caller.principal && <span className="soft"> (you)</span>}
              </th>
              <td className="soft">{member.kind === PrincipalKind.SERVICE ? "service" : "person"}</td>
              <td>
                {manages ? (
                  <RoleSelect
                    label={`Role of ${member.name}`}
                    value={member.role}
                    onChange={(role) => void change(member, role)}
                  />
                ) : (
                  roleName(member.role)
                )}
              </td>
              <td className="soft wide">
                <Ago time={millis(member.createdAt)} />
              </td>
              {manages && (
                <td className="number">
                  <button
                    type="button"
                    className="button plain"
                    aria-label={`Remove ${member.name}`}
                    onClick={() => void remove(member)}
                  >
                    Remove
                  </button>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Part>
  );
}

/** Does something, says why not if it fails, and has the list read anew either way. */
async function tried(work: () => Promise<unknown>, reload: () => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    toast(messageOf(error));
  }
  reload();
}

function AddMember({ onDone, onAdded }: { onDone: () => void; onAdded: () => void }) {
  const [problem, setProblem] = useState<string>();
  const [role, setRole] = useState<Role>(Role.CONTRIBUTOR);
  const [kind, setKind] = useState<PrincipalKind>(PrincipalKind.PERSON);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    try {
      await add(name, kind, role);
      toast(`${name} is ${roleName(role)} now`);
      onAdded();
      onDone();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <form className="team-form" onSubmit={submit}>
      <label className="field">
        name
        <input
          name="name"
          className="input"
          required
          aria-invalid={problem !== undefined}
          autoComplete="off"
        />
      </label>
      <label className="field">
        kind
        <select
          className="input"
          value={kind}
          onChange={(event) => setKind(Number(event.target.value) as PrincipalKind)}
        >
          <option value={PrincipalKind.PERSON}>person</option>
          <option value={PrincipalKind.SERVICE}>service</option>
        </select>
      </label>
      <RoleSelect label="role" shown value={role} onChange={setRole} />
      <button type="submit" className="button primary">
        Add
      </button>
      <button type="button" className="button plain" onClick={onDone}>
        Cancel
      </button>
      {problem && (
        <p role="alert" className="bad">
          {problem}
        </p>
      )}
    </form>
  );
}

/** Somebody who is in another workspace already gets the role here too. */
async function add(name: string, kind: PrincipalKind, role: Role): Promise<void> {
  try {
    await access.createPrincipal({ name, kind, role });
  } catch (error) {
    if (ConnectError.from(error).code !== Code.AlreadyExists) throw error;
    await access.grantRole({ principal: name, role });
  }
}
