import { onDemand } from "./onDemand";

/** Markdown, whose two libraries are loaded when the first of it is shown; until then it stands there as it was written. */
export const Markdown = onDemand(
  () => import("./Markdown"),
  ({ text }) => <p className="soft">{text}</p>,
);
