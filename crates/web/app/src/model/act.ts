import { messageOf } from "../api/errors";
import { toast } from "../frame/toasts";

/** Does something, says that it is done, with a way back if there is one, or why it is not. */
export async function act(
  done: string,
  work: () => Promise<unknown>,
  options: { undo?: (() => Promise<unknown>) | undefined; after?: () => void } = {},
): Promise<boolean> {
  const { undo, after } = options;
  try {
    await work();
    toast(done, undo && (() => void act(`${done}: undone`, undo, after ? { after } : {})));
    after?.();
    return true;
  } catch (error) {
    toast(messageOf(error));
    return false;
  }
}

/** A key by which the server knows a call that is repeated. Without TLS browsers have no `randomUUID`. */
export function requestKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
