import type { ReactNode } from "react";
import { messageOf } from "../api/errors";
import { Link } from "../frame/Link";

/** Around each panel: what it shows and where that is from, or why it cannot be shown. */
export function PanelFrame({
  title,
  to,
  query,
  error,
  children,
}: {
  title: string;
  /** The page that has it whole. */
  to?: string | undefined;
  query?: Record<string, string | undefined>;
  error?: unknown;
  children: ReactNode;
}) {
  return (
    <figure className="report-panel">
      {error === undefined ? (
        children
      ) : (
        <p className="bad" role="note">
          This panel cannot be shown: {messageOf(error)}
        </p>
      )}
      <figcaption className="soft">
        {to ? (
          <Link to={to} {...(query && { query })}>
            {title}
          </Link>
        ) : (
          title
        )}
      </figcaption>
    </figure>
  );
}
