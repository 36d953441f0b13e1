import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from "react";
import { hrefTo, navigate } from "../state/url";

interface Props extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  to: string;
  query?: Record<string, string | undefined>;
  children: ReactNode;
}

/** A link within the app: a real address, followed without loading the app again. */
export function Link({ to, query, children, ...rest }: Props) {
  const href = hrefTo(to, query);
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(href);
  };
  return (
    <a {...rest} href={href} onClick={follow}>
      {children}
    </a>
  );
}
