import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

import type { Client } from "@connectrpc/connect";

import type { File } from "./proto/herdbook/common/v1/file_pb.js";
import type { VersionService } from "./proto/herdbook/registry/v1/version_pb.js";
import type { ArtifactService } from "./proto/herdbook/tracking/v1/artifact_pb.js";
import { type Patience, persist } from "./retry.js";

/** Bytes of a file in one message. */
const CHUNK_BYTES = 1 << 20;

/** Bytes, or the path of a file. It is read twice, first for its digest, and again if the connection is lost. */
export type ArtifactContent = Uint8Array | string;

export async function upload(
  patience: Patience,
  artifacts: Client<typeof ArtifactService>,
  runId: string,
  path: string,
  content: ArtifactContent,
): Promise<File> {
  const hash = createHash("sha256");
  let size = 0n;
  for await (const chunk of chunks(content)) {
    hash.update(chunk);
    size += BigInt(chunk.length);
  }
  const header = { runId, path, digest: `sha256:${hash.digest("hex")}`, size };
  async function* messages() {
    yield { message: { case: "header" as const, value: header } };
    for await (const value of chunks(content)) yield { message: { case: "chunk" as const, value } };
  }
  const { file } = await persist(patience, () => artifacts.uploadArtifact(messages()));
  if (!file) throw new Error(`${path}: the server names no file`);
  return file;
}

async function* chunks(content: ArtifactContent): AsyncGenerator<Uint8Array> {
  if (typeof content === "string") {
    yield* createReadStream(content, { highWaterMark: CHUNK_BYTES });
    return;
  }
  for (let start = 0; start < content.length; start += CHUNK_BYTES) yield content.subarray(start, start + CHUNK_BYTES);
}

export function download(
  patience: Patience,
  artifacts: Client<typeof ArtifactService>,
  runId: string,
  path: string,
): AsyncGenerator<Uint8Array, File> {
  return verified(patience, (offset) => artifacts.downloadArtifact({ runId, path, offset }));
}

export function downloadVersionFile(
  patience: Patience,
  versions: Client<typeof VersionService>,
  reference: string,
  path: string,
): AsyncGenerator<Uint8Array, File> {
  return verified(patience, (offset) => versions.downloadVersionFile({ reference, path, offset }));
}

/** A part of a download: first the file's facts, then its bytes. */
interface Part {
  message: { case: "file"; value: File } | { case: "chunk"; value: Uint8Array } | { case: undefined; value?: undefined };
}

async function* verified(
  patience: Patience,
  open: (offset: bigint) => AsyncIterable<Part>,
): AsyncGenerator<Uint8Array, File> {
  const hash = createHash("sha256");
  let file: File | undefined;
  let offset = 0n;
  let parts = open(offset)[Symbol.asyncIterator]();
  const next = () =>
    persist(patience, async () => {
      try {
        return await parts.next();
      } catch (error) {
        parts = open(offset)[Symbol.asyncIterator]();
        throw error;
      }
    });
  try {
    for (let part = await next(); !part.done; part = await next()) {
      const { message } = part.value;
      if (message.case === "file") {
        if (file && file.digest !== message.value.digest) {
          throw new Error(`${file.path} was replaced while it was read; read it again`);
        }
        file = message.value;
      } else if (message.case === "chunk") {
        hash.update(message.value);
        offset += BigInt(message.value.length);
        yield message.value;
      }
    }
  } finally {
    await parts.return?.();
  }
  const found = `sha256:${hash.digest("hex")}`;
  if (!file || found !== file.digest) {
    throw new Error(`${file?.path} arrived as ${found}, not as ${file?.digest}; read it again`);
  }
  return file;
}
