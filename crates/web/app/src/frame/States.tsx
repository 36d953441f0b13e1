import type { ReactNode } from "react";
import { messageOf, troubleOf } from "../api/errors";
import { Link } from "./Link";

/** A page, or part of one, that has nothing to show: what is so, and the next step. */
export function Notice({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <section className="notice">
      <h2>{title}</h2>
      {children && <div className="soft">{children}</div>}
      {action}
    </section>
  );
}

/** Why there is nothing to show, by the kind of the error. */
export function Trouble({
  error,
  what,
  retry,
  home = <Link to="/experiments">All experiments</Link>,
}: {
  error: unknown;
  what: string;
  retry: () => void;
  /** Where to go from what is not here. */
  home?: ReactNode;
}) {
  const again = (
    <button type="button" className="button" onClick={retry}>
      Try again
    </button>
  );
  switch (troubleOf(error)) {
    case "gone":
      return (
        <Notice title={`${what} is not here`} action={home}>
          {messageOf(error)}. It may have been removed, or be in another workspace.
        </Notice>
      );
    case "forbidden":
      return (
        <Notice title={`You may not see ${what}`} action={home}>
          {messageOf(error)}
        </Notice>
      );
    case "wrong":
      return (
        <Notice title="The address asks for what cannot be" action={home}>
          {messageOf(error)}
        </Notice>
      );
    case "offline":
      return (
        <Notice title="Herdbook does not answer" action={again}>
          Nothing is lost. This page goes on by itself as soon as the server is back.
        </Notice>
      );
    case "broken":
      return (
        <Notice title={`${what} could not be read`} action={again}>
          {messageOf(error)}
        </Notice>
      );
  }
}

/** Rows that are on their way, on the first load only. */
export function Skeleton({ rows = 6 }: { rows?: number }) {
  return (
    <div role="status" className="skeletons">
      <span className="hidden-text">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className="skeleton" />
      ))}
    </div>
  );
}
