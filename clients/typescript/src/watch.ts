import { type Client, Code, ConnectError } from "@connectrpc/connect";

import type { AuditRecord, EventSelector, TransitionService } from "./proto/herdbook/registry/v1/transition_pb.js";
import { type Patience, persist } from "./retry.js";

/** What to watch. */
export interface WatchOptions {
  /** Name of a model; all of the workspace if not given. */
  model?: string;
  /** Which changes; all if not given. */
  selector?: EventSelector;
  /** Changes after this revision; from now on if not given. */
  afterRevision?: bigint;
  /**
   * Called when the revision lies ahead of the workspace, as after a restored backup: lists anew what is watched over, and
   * returns the revision of that list. Without it that is an error.
   */
  relist?: () => Promise<bigint>;
  /** Ends the watch. */
  signal?: AbortSignal;
}

export async function* watch(
  patience: Patience,
  transitions: Client<typeof TransitionService>,
  { model, selector, afterRevision, relist, signal }: WatchOptions,
): AsyncGenerator<AuditRecord, void> {
  const open = () => transitions.watch({ model, selector, afterRevision }, { signal })[Symbol.asyncIterator]();
  let events = open();
  try {
    while (!signal?.aborted) {
      // The next event, over another connection if this one is lost.
      const next = await persist(
        patience,
        async () => {
          try {
            return await events.next();
          } catch (error) {
            if (error instanceof ConnectError && error.code === Code.OutOfRange && relist) {
              afterRevision = await relist();
              events = open();
              return events.next();
            }
            events = open();
            throw error;
          }
        },
        signal,
      );
      if (next.done) {
        events = open();
        continue;
      }
      const { event } = next.value;
      if (event.case === "record") {
        afterRevision = event.value.revision;
        yield event.value;
      } else if (event.case === "bookmark") {
        afterRevision = event.value;
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    await events.return?.();
  }
}
