import { useEffect } from "react";
import type { GetCallerResponse } from "../generated/herdbook/access/v1/access_pb";
import { Role } from "../generated/herdbook/common/v1/role_pb";
import { signal, useSignal } from "../state/signal";
import { useAnswer } from "./answer";
import { access } from "./clients";

const current = signal<GetCallerResponse | undefined>(undefined);

/** Asks who looks at the page, for all of it: done once, by its frame. */
export function useAskCaller(): void {
  const { data } = useAnswer("caller", (abort) => access.getCaller({}, { signal: abort }));
  useEffect(() => current.set(data), [data]);
}

/** Who looks at the page, once the server has said so. */
export function useCaller(): GetCallerResponse | undefined {
  return useSignal(current, (caller) => caller);
}

const ROLES: Record<Role, string> = {
  [Role.UNSPECIFIED]: "nobody",
  [Role.VIEWER]: "viewer",
  [Role.CONTRIBUTOR]: "contributor",
  [Role.APPROVER]: "approver",
  [Role.ADMIN]: "admin",
};

export function roleName(role: Role): string {
  return ROLES[role];
}

/** Why the caller may not do what asks for a role; nothing if they may, or while it is not known. */
export function refusedBy(caller: GetCallerResponse | undefined, needed: Role): string | undefined {
  if (!caller || caller.role >= needed) return undefined;
  return `You are ${roleName(caller.role)} in ${caller.workspace}; this takes the role ${roleName(needed)}, which an admin gives`;
}

/** Whether the caller may do what asks for a role; not before it is known who it is. */
export function useMay(role: Role): boolean {
  return (useCaller()?.role ?? Role.UNSPECIFIED) >= role;
}
