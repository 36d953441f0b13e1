import { type FormEvent, useEffect, useState } from "react";
import { signIn } from "../api/session";
import { usePlace } from "../state/url";
import "./signin.css";

/** Why the identity provider's sign-in did not work, by the reason in the address. */
const REASONS: Record<string, string> = {
  OIDC_PROVIDER_UNAVAILABLE: "The identity provider does not answer as it should. Try again, or use a token.",
  OIDC_REFUSED: "The identity provider refused. Begin again, or ask an admin of Herdbook.",
  OIDC_STALE: "This sign-in was not begun in this browser within the last ten minutes. Begin again.",
  OIDC_NOT_BELIEVED:
    "The identity provider's answer cannot be believed. Begin again; tell an admin if it stays so.",
  OIDC_NO_NAME:
    "The identity provider does not say who you are in the way that Herdbook needs. Ask an admin.",
  OIDC_NOT_VERIFIED:
    "The identity provider has not verified your address. Verify it there, then sign in again.",
  OIDC_NAME_TAKEN: "Your name is somebody else's here. Ask an admin of Herdbook.",
  OIDC_NO_ROLE: "You are known now, and have no role in any workspace yet. Ask an admin of Herdbook for one.",
};

/** Asks who it is where the server asks: by the identity provider if there is one, or by a token. */
export function SignIn() {
  const { path, query } = usePlace();
  const provider = useProvider();
  const failure = query.get("sign-in");
  const hint = failure && (REASONS[failure] ?? "Signing in did not work. Try again.");
  const back = failure ? "/" : path + window.location.search + window.location.hash;
  return (
    <main className="sign-in">
      <div>
        <h1>Sign in to Herdbook</h1>
        {hint && (
          <p role="alert" className="bad">
            {hint}
          </p>
        )}
        {provider && (
          <a className="button primary" href={`/session/oidc?return_to=${encodeURIComponent(back)}`}>
            Sign in with {provider}
          </a>
        )}
        {provider ? (
          <details>
            <summary>Use a token instead</summary>
            <ByToken />
          </details>
        ) : (
          provider === null && <ByToken />
        )}
      </div>
    </main>
  );
}

/** What the identity provider is called; `null` if there is none, `undefined` until that is known. */
function useProvider(): string | null | undefined {
  const [provider, setProvider] = useState<string | null>();
  useEffect(() => {
    const abort = new AbortController();
    fetch("/session/ways", { signal: abort.signal })
      .then((answer) => answer.json() as Promise<{ identity_provider: string | null }>)
      .then(
        (ways) => setProvider(ways.identity_provider),
        () => !abort.signal.aborted && setProvider(null),
      );
    return () => abort.abort();
  }, []);
  return provider;
}

function ByToken() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(await signIn(token));
    setBusy(false);
  };
  return (
    <form onSubmit={submit}>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        className="input mono"
        type="password"
        autoComplete="current-password"
        placeholder="hbk_…"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        aria-invalid={problem !== undefined}
        aria-describedby="token-help"
      />
      <p id="token-help" className={problem ? "bad" : "soft"} role={problem ? "alert" : undefined}>
        {problem ??
          "An admin makes one on the Team page, or the first with `herdbook tokens create`. This browser forgets it when it is closed."}
      </p>
      <button type="submit" className="button primary" disabled={busy || token.trim() === ""}>
        Sign in
      </button>
    </form>
  );
}
