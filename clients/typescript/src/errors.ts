import { Code, ConnectError } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./proto/google/rpc/error_details_pb.js";

/** A field of a request and what is wrong with it. */
export interface FieldProblem {
  field: string;
  description: string;
}

/** A rule that failed, for a version such as `fraud-detector/3`. */
export interface RuleFailure {
  kind: string;
  version: string;
  description: string;
}

/** What the server says about a failed call. */
export class HerdbookError extends Error {
  override readonly name = "HerdbookError";
  readonly code: Code;
  /** Stable and upper case, such as `TRANSITION_REFUSED`; empty if the server was not reached. */
  readonly reason: string;
  /** What the reason is about, such as the revision. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Fields of the request that are wrong. */
  readonly fields: readonly FieldProblem[];
  /** The rules that refused a move. */
  readonly failures: readonly RuleFailure[];
  /** When the server advises to try again, in milliseconds; 0 if it does not. */
  readonly retryAfterMs: number;
  /** By which the server's log has the call. */
  readonly requestId: string;

  constructor(cause: ConnectError) {
    super(cause.rawMessage, { cause });
    const info = cause.findDetails(ErrorInfoSchema)[0];
    const delay = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.code = cause.code;
    this.reason = info?.reason ?? "";
    this.metadata = info?.metadata ?? {};
    this.fields = cause
      .findDetails(BadRequestSchema)
      .flatMap((details) => details.fieldViolations)
      .map(({ field, description }) => ({ field, description }));
    this.failures = cause
      .findDetails(PreconditionFailureSchema)
      .flatMap((details) => details.violations)
      .map(({ type, subject, description }) => ({ kind: type, version: subject, description }));
    this.retryAfterMs = delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : 0;
    this.requestId = cause.findDetails(RequestInfoSchema)[0]?.requestId ?? "";
  }

  /** Whether the same call may succeed later: the server is away, or advises to try again. */
  get passes(): boolean {
    if (this.retryAfterMs > 0 || this.code === Code.Unavailable) return true;
    // Errors of the server have a reason. Without one the connection broke, which Node names in several ways.
    return this.reason === "" && [Code.Aborted, Code.Unknown, Code.Canceled].includes(this.code);
  }
}

/** Reads the details of an error that a call threw. */
export function asError(error: unknown): HerdbookError {
  return error instanceof HerdbookError ? error : new HerdbookError(ConnectError.from(error));
}
