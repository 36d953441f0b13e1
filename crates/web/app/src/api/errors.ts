import { Code, ConnectError } from "@connectrpc/connect";

/** Why a field of a request was refused. */
export interface Violation {
  field: string;
  description: string;
}

/** The fields that a request had wrong, as `google.rpc.BadRequest` in the details of the error tells them. */
export function violations(error: unknown): Violation[] {
  const found: Violation[] = [];
  for (const detail of ConnectError.from(error).details) {
    if (!("type" in detail) || detail.type !== "google.rpc.BadRequest") continue;
    for (const bytes of lengthDelimited(detail.value, 1)) {
      const text = (field: number) => new TextDecoder().decode(lengthDelimited(bytes, field)[0]);
      found.push({ field: text(1), description: text(2) });
    }
  }
  return found;
}

/**
 * The length-delimited fields of a number in a message. The two messages of `google.rpc` that the app reads
 * are not in `proto/`, and need no more than this.
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
