import { artifacts } from "../api/clients";

/** A part of a run's file. */
export async function readPart(
  runId: string,
  path: string,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const part = artifacts.downloadArtifact(
    { runId, path, offset: BigInt(offset), length: BigInt(length) },
    { signal },
  );
  for await (const { message } of part) {
    if (message.case === "chunk") chunks.push(message.value as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
