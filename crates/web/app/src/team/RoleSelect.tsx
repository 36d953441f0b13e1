import { roleName } from "../api/caller";
import { Role } from "../generated/herdbook/common/v1/role_pb";

const GIVEN = [Role.VIEWER, Role.CONTRIBUTOR, Role.APPROVER, Role.ADMIN];

/** A choice of a role; `none` is a further one, where there may be none. */
export function RoleSelect({
  label,
  shown,
  value,
  none,
  onChange,
}: {
  label: string;
  /** Whether the label is seen. */
  shown?: boolean;
  value: Role;
  none?: string;
  onChange: (role: Role) => void;
}) {
  return (
    <label className="field">
      <span className={shown ? undefined : "hidden-text"}>{label}</span>
      <select
        className="input"
        value={value}
        onChange={(event) => onChange(Number(event.target.value) as Role)}
      >
        {none !== undefined && <option value={0}>{none}</option>}
        {GIVEN.map((role) => (
          <option key={role} value={role}>
            {roleName(role)}
          </option>
        ))}
      </select>
    </label>
  );
}
