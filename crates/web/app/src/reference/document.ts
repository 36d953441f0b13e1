import DOMPurify from "dompurify";
import { Marked } from "marked";

/** The pages of docs/reference, each loaded when it is first gone to. */
const FILES = import.meta.glob<string>("../../../../../docs/reference/**/*.md", {
  query: "?raw",
  import: "default",
});
const START = "README";

const FILES_BY_NAME = new Map(
  Object.entries(FILES).map(([file, load]) => [
    file.replace(/^.*\/docs\/reference\//, "").slice(0, -3),
    load,
  ]),
);

/** The text of a page such as `registry/check`, or of the first one; nothing if there is none. */
export function pageNamed(name: string): (() => Promise<string>) | undefined {
  return FILES_BY_NAME.get(name || START);
}

/** Where a link of a page leads in the app: `check.md#check` of `registry/request` to `/reference/registry/check#check`. */
export function target(href: string, page: string): string {
  if (/^(?:https?:|#)/.test(href)) return href;
  const address = new URL(href, `http://app/reference/${page}`);
  const path = address.pathname.replace(/\.md$/, "").replace(/\/README$/, "");
  return path + address.hash;
}

/** A page as elements, whose headings can be linked to. */
export function elementsOf(text: string, page: string): DocumentFragment {
  const reader = new Marked({
    gfm: true,
    walkTokens: (token) => {
      if (token.type === "link") token.href = target(token.href, page);
    },
    renderer: {
      heading({ tokens, depth, text: title }) {
        return `<h${depth} id="${title.toLowerCase()}">${this.parser.parseInline(tokens)}</h${depth}>`;
      },
    },
  });
  const elements = DOMPurify.sanitize(reader.parse(text, { async: false }), { RETURN_DOM_FRAGMENT: true });
  // What scrolls must be reached by keys.
  for (const code of elements.querySelectorAll("pre")) code.tabIndex = 0;
  return elements;
}
