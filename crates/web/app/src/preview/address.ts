import { hrefTo } from "../state/url";

/** Where a file of a run is saved from, or shown from. */
export function fileAddress(runId: string, path: string, show = false): string {
  const place = `/files/runs/${runId}/${path.split("/").map(encodeURIComponent).join("/")}`;
  return hrefTo(place, show ? { show: "1" } : {});
}
