import { useState } from "react";

interface Props {
  /** How many rules fail. */
  left: number;
  busy: boolean;
  onOverride: (reason: string) => void;
}

/** For an emergency: an admin's way past the rules, which asks why. */
export function Override({ left, busy, onOverride }: Props) {
  const [reason, setReason] = useState("");
  return (
    <details className="override">
      <summary>Override as admin…</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onOverride(reason.trim());
        }}
      >
        <label>
          Reason, which the audit log keeps for good
          <textarea
            className="input"
            rows={2}
            required
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <button type="submit" className="button danger" disabled={busy || reason.trim() === ""}>
          Move against {left === 1 ? "a rule" : `${left} rules`}
        </button>
      </form>
    </details>
  );
}
