import { Code, ConnectError } from "@connectrpc/connect";

/** Why a field of a request was refused. */
export interface Violation {
  field: string;
  description: string;
}

/** What stands in the way of what was asked. */
export interface Precondition {
  kind: string;
  subject: string;
  description: string;
}

/** The fields that a request had wrong, as `google.rpc.BadRequest` in the details of the error tells them. */
export function violations(error: unknown): Violation[] {
  return detailsOf(error, "google.rpc.BadRequest").flatMap((detail) =>
    lengthDelimited(detail, 1).map((one) => ({ field: textIn(one, 1), description: textIn(one, 2) })),
  );
}

/** What was refused and why, as `google.rpc.PreconditionFailure` in the details of the error tells it. */
export function preconditions(error: unknown): Precondition[] {
  return detailsOf(error, "google.rpc.PreconditionFailure").flatMap((detail) =>
    lengthDelimited(detail, 1).map((one) => ({
      kind: textIn(one, 1),
      subject: textIn(one, 2),
      description: textIn(one, 3),
    })),
  );
}

/** The stable name of what went wrong, such as `TRANSITION_REFUSED`. */
export function reasonOf(error: unknown): string | undefined {
  const [info] = detailsOf(error, "google.rpc.ErrorInfo");
  return info && textIn(info, 1);
}

/** What else is told of what went wrong, by its name, such as `near`. */
export function metadataOf(error: unknown, name: string): string | undefined {
  const [info] = detailsOf(error, "google.rpc.ErrorInfo");
  const entry = info && lengthDelimited(info, 3).find((one) => textIn(one, 1) === name);
  return entry && textIn(entry, 2);
}

function detailsOf(error: unknown, type: string): Uint8Array[] {
  return ConnectError.from(error).details.flatMap((detail) =>
    "type" in detail && detail.type === type ? [detail.value] : [],
  );
}

function textIn(message: Uint8Array, field: number): string {
  return new TextDecoder().decode(lengthDelimited(message, field)[0]);
}

/**
 * The length-delimited fields of a number in a message. The messages of `google.rpc` that the app reads are not
 * in `proto/`, and need no more than this.
 */
function lengthDelimited(message: Uint8Array, number: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; at < message.length; shift += 7) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < message.length) {
    const tag = varint();
    if ((tag & 7) !== 2) return found;
    const end = varint() + at;
    if (tag >> 3 === number) found.push(message.subarray(at, end));
    at = end;
  }
  return found;
}

/** What happened, as a page shows it. */
export type Trouble = "wrong" | "forbidden" | "gone" | "offline" | "broken";

export function troubleOf(error: unknown): Trouble {
  switch (ConnectError.from(error).code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
      return "wrong";
    case Code.PermissionDenied:
    case Code.Unauthenticated:
      return "forbidden";
    case Code.NotFound:
      return "gone";
    case Code.Unavailable:
      return "offline";
    default:
      return ConnectError.from(error).cause instanceof TypeError ? "offline" : "broken";
  }
}

/** The message of an error, as the server wrote it. */
export function messageOf(error: unknown): string {
  return ConnectError.from(error).rawMessage;
}
