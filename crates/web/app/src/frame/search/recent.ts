import { readPersonal, writePersonal } from "../../state/personal";
import { workspace } from "../../state/url";
import type { Hit } from "./sources";

const KEPT = 8;
/** Pages of things, by the first part of their paths. */
const THINGS: Record<string, string> = {
  experiments: "experiment",
  runs: "run",
  models: "model",
  lineage: "lineage",
  reports: "report",
};

const name = () => `recent.${workspace() ?? ""}`;

/** Notes that somebody is on the page of a thing, so that they find it again. */
export function noteVisit(title: string): void {
  const { pathname: to, search } = window.location;
  const [, place = "", thing] = to.split("/");
  const query = new URLSearchParams(search);
  const node = query.get("node");
  if (!THINGS[place] || (!thing && !node)) return;
  const visit: Hit = {
    id: `recent ${to} ${node ?? ""}`,
    title,
    detail: THINGS[place],
    to,
    ...(node && { query: { node } }),
  };
  const others = recent().filter(({ id }) => id !== visit.id);
  writePersonal(name(), [visit, ...others].slice(0, KEPT));
}

export function recent(): Hit[] {
  return readPersonal<Hit[]>(name(), []);
}
