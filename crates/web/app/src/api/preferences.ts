import { createClient } from "@connectrpc/connect";
import { useEffect } from "react";
import { type GetCallerResponse, PrincipalKind } from "../generated/herdbook/access/v1/access_pb";
import { PreferenceService } from "../generated/herdbook/team/v1/preference_pb";
import { keepAtServer } from "../state/personal";
import { transport } from "./clients";

const preferences = createClient(PreferenceService, transport);

/** The user that everybody is on loopback: what is personal is then the browser's. */
const LOCAL = "local";

/** Has the server keep what the user prefers, if it is known who that is. */
export function usePreferences(caller: GetCallerResponse | undefined): void {
  const known = caller && caller.principal !== LOCAL && caller.kind === PrincipalKind.PERSON;
  const who = known ? `${caller.principal} ${caller.workspace}` : undefined;
  useEffect(() => {
    if (!who) return;
    const abort = new AbortController();
    preferences.getPreferences({}, { signal: abort.signal }).then(
      (answer) =>
        keepAtServer(answer.preferences, (changes) => preferences.setPreferences({ preferences: changes })),
      // Then it stays with the browser until the page is loaded again.
      () => undefined,
    );
    return () => abort.abort();
  }, [who]);
}
