import DOMPurify from "dompurify";
import { Marked } from "marked";
import { useMemo } from "react";
import "./markdown.css";

/** What may be left of what somebody wrote: text, and links that tell nobody where they were followed from. */
const ALLOWED = {
  ALLOWED_TAGS:
    "a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup table tbody td th thead tr ul".split(
      " ",
    ),
  ALLOWED_ATTR: ["href", "title", "align", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?!\/)|#)/i,
};

// HTML within Markdown is text: parsing it would already be too much for the policy of the page.
const reader = new Marked({
  gfm: true,
  renderer: { html: ({ text }) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;") },
});

/** Markdown that anybody may have written, as text that can do nothing. */
export default function Markdown({ text }: { text: string }) {
  const html = useMemo(() => {
    const clean = DOMPurify.sanitize(reader.parse(text, { async: false }), {
      ...ALLOWED,
      RETURN_DOM_FRAGMENT: true,
    });
    for (const link of clean.querySelectorAll("a")) {
      link.rel = "noopener noreferrer nofollow";
      link.target = "_blank";
    }
    return clean;
  }, [text]);
  return <div className="markdown" ref={(place) => place?.replaceChildren(html.cloneNode(true))} />;
}
