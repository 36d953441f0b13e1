import { type Answer, useAnswer } from "../api/answer";
import { requests } from "../api/registry";
import type { TransitionRequest } from "../generated/herdbook/registry/v1/request_pb";

const MOST = 100;
const EVERY_MS = 15_000;

export interface Awaiting {
  requests: TransitionRequest[];
  more: boolean;
}

/** What waits for the caller's approval, newest first. */
export function useAwaiting(): Answer<Awaiting> {
  return useAnswer(
    "awaiting",
    async (signal) => {
      const page = await requests.listRequests({ awaitingMe: true, pageSize: MOST }, { signal });
      return { requests: page.requests, more: page.nextPageToken !== "" };
    },
    { every: EVERY_MS },
  );
}
