import { useEffect, useState } from "react";
import { useTitle } from "../frame/Crumb";
import { Link } from "../frame/Link";
import { Notice, Skeleton } from "../frame/States";
import { hrefTo, navigate } from "../state/url";
import { elementsOf, pageNamed } from "./document";
import "./reference.css";

/** A page about the calls of the contract; all of them, if none is named. */
export default function ReferencePage({ name }: { name: string }) {
  useTitle("Reference");
  const [page, setPage] = useState<{ name: string; text: string }>();
  useEffect(() => {
    let left = false;
    pageNamed(name)?.().then((text) => {
      if (!left) setPage({ name, text });
    });
    return () => {
      left = true;
    };
  }, [name]);
  if (!pageNamed(name)) {
    return (
      <Notice title="There is no such page" action={<Link to="/reference">All calls</Link>}>
        The reference has no page {name}.
      </Notice>
    );
  }
  if (page?.name !== name) return <Skeleton />;
  return <article className="page reference" ref={(place) => show(place, page.text, name)} />;
}

function show(place: HTMLElement | null, text: string, name: string): void {
  if (!place || place.dataset["page"] === name) return;
  place.dataset["page"] = name;
  place.replaceChildren(elementsOf(text, name));
  for (const link of place.querySelectorAll("a")) {
    // A link within the page is the browser's own; what leads elsewhere in the app does not load it again.
    if (!link.pathname.startsWith("/reference") || link.pathname === window.location.pathname) continue;
    link.href = hrefTo(link.pathname) + link.hash;
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      navigate(link.href);
    });
  }
  if (window.location.hash) document.getElementById(window.location.hash.slice(1))?.scrollIntoView();
}
