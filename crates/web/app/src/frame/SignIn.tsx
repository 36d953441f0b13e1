import { type FormEvent, useState } from "react";
import { signIn } from "../api/session";

/** Asks for a token where the server asks for one. */
export function SignIn() {
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
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>Sign in to Herdbook</h1>
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
            "An admin makes one with `herdbook tokens create`. This browser forgets it when it is closed."}
        </p>
        <button type="submit" className="button primary" disabled={busy || token.trim() === ""}>
          Sign in
        </button>
      </form>
    </main>
  );
}
