import { useEffect, useRef, useState } from "react";
import { runs as service } from "../api/clients";
import { useConnection } from "../api/connection";
import { withSlot } from "../charts/slot";
import type { Run } from "../generated/herdbook/tracking/v1/run_pb";
import { askedFor } from "../table/columns";
import type { Question } from "./useRuns";

/** Until a stream that ended, or could not be had, is tried again. */
const REOPEN_MS = 3000;

/**
 * Follows the runs of a question while the page is seen: tells which have changed, and whether rows may have moved,
 * by new runs, deleted ones, or values that the table is ordered by. Answers whether the server is telling.
 */
export function useWatch(
  question: Question | undefined,
  onChange: (changed: readonly Run[], moved: boolean) => void,
): boolean {
  const [told, setTold] = useState(false);
  const [visible, setVisible] = useState(document.visibilityState === "visible");
  const { epoch } = useConnection();
  const telling = useRef(onChange);
  telling.current = onChange;
  const known = useRef(new Set<string>());
  const key = question && visible ? `${question.experimentId} ${question.columns.join("\n")}` : undefined;
  const isOrdered = useRef(false);
  isOrdered.current = question !== undefined && (question.order !== "" || question.filter !== "");

  useEffect(() => {
    const look = () => setVisible(document.visibilityState === "visible");
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);

  useEffect(() => {
    if (key === undefined || !question) return;
    const abort = new AbortController();
    const request = { experimentIds: [question.experimentId], columns: askedFor(question.columns) };
    const follow = async () => {
      // The first message has no runs: what changed between the reading of the rows and it is told by nobody.
      let opened = true;
      for await (const message of service.watchRuns(request, { signal: abort.signal })) {
        setTold(true);
        const fresh = message.runs.some((run) => !known.current.has(run.id));
        for (const run of message.runs) known.current.add(run.id);
        const moved =
          opened || fresh || isOrdered.current || message.deletedRunIds.length > 0 || message.incomplete;
        opened = false;
        if (message.runs.length || moved) telling.current(message.runs, moved);
      }
    };
    const keep = async () => {
      while (!abort.signal.aborted) {
        await withSlot(() => follow().catch(() => undefined));
        setTold(false);
        await new Promise((resolve) => setTimeout(resolve, REOPEN_MS));
      }
    };
    void keep();
    return () => abort.abort();
  }, [key, epoch]);
  return told;
}
