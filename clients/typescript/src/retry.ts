import { setTimeout as sleep } from "node:timers/promises";
import { randomUUID } from "node:crypto";

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

import { asError, type HerdbookError } from "./errors.js";

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 10_000;

/**
 * How long to wait after the failure of an attempt (0, 1, …): as the server advises, or else up to twice as long each
 * time, anywhere in the upper half, so that clients that lost a server together do not come back together.
 */
export function waitMs(error: HerdbookError, attempt: number): number {
  if (error.retryAfterMs > 0) return error.retryAfterMs;
  return Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempt, 16), LONGEST_WAIT_MS) * (0.5 + Math.random() / 2);
}

/** How long, and where, a client tries again. */
export interface Patience {
  url: string;
  patienceMs: number;
}

/**
 * Tries again while the server is away, for as long as the client is patient since it last got on, which the attempt
 * tells by a call.
 */
export async function persist<T>(
  { url, patienceMs }: Patience,
  attempt: (gotOn: () => void) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let until = Date.now() + patienceMs;
  for (let failures = 0; ; failures++) {
    try {
      return await attempt(() => {
        failures = 0;
        until = Date.now() + patienceMs;
      });
    } catch (caught) {
      if (!(caught instanceof ConnectError)) throw caught;
      const error = asError(caught);
      const pause = waitMs(error, failures);
      if (signal?.aborted || !error.passes) throw caught;
      if (Date.now() + pause > until) throw error.reason === "" ? unreachable(url, caught) : caught;
      await sleep(pause, undefined, { signal });
    }
  }
}

function unreachable(url: string, cause: ConnectError): ConnectError {
  const message = `no Herdbook answers at ${url}; start one there or set HERDBOOK_URL (${cause.rawMessage})`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
}

/** Tries unary calls again, with a key for safe repeats where the contract has one and the caller gave none. */
export function repeating(patience: Patience): Interceptor {
  return (next) => async (request) => {
    if (request.stream) return next(request);
    const { message } = request;
    if ("requestId" in message && message.requestId === "" && !("position" in message && message.position)) {
      message.requestId = randomUUID();
    }
    return persist(patience, () => next(request), request.signal);
  };
}
