/** A key for safe repeats. `crypto.randomUUID` is there on TLS and loopback alone. */
export function newRequestId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
