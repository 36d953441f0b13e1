import { useCaller } from "../api/caller";
import { useTitle } from "../frame/Crumb";
import { Skeleton } from "../frame/States";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import { Members } from "./Members";
import "./team.css";
import { Tokens } from "./Tokens";
import { Workspaces } from "./Workspaces";

/** Who works in the workspace, with which role, and the tokens that programs call with. */
export default function TeamPage() {
  const caller = useCaller();
  useTitle("Team");
  if (!caller) return <Skeleton />;
  const manages = caller.role >= Role.ADMIN;
  return (
    <div className="page team">
      <div className="page-head">
        <h1>Team</h1>
        <span className="soft">
          who may do what in <b>{caller.workspace}</b>
          {!manages && "; an admin of it can change this"}
        </span>
      </div>
      <Members caller={caller} manages={manages} />
      {manages && <Tokens />}
      <Workspaces current={caller.workspace} />
    </div>
  );
}
