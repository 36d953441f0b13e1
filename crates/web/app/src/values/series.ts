import { values as service } from "../api/clients";
import { type Value, ValueType } from "../generated/herdbook/tracking/v1/value_pb";

/** The values that some runs have under one key. */
export interface Series {
  key: string;
  type: ValueType;
  runIds: string[];
}

const PAGE = 1000;
/** Steps of a slider. */
const STEPS = 200;

/** What the runs have besides metrics, by key. */
export async function listSeries(runIds: readonly string[], signal: AbortSignal): Promise<Series[]> {
  const found = new Map<string, Series>();
  const lists = await Promise.all(
    runIds.map(async (runId) => ({
      runId,
      series: (await service.listValueKeys({ runId, pageSize: PAGE }, { signal })).series,
    })),
  );
  for (const { runId, series } of lists) {
    for (const { key, type } of series) {
      const known = found.get(`${type} ${key}`) ?? { key, type, runIds: [] };
      known.runIds.push(runId);
      found.set(`${type} ${key}`, known);
    }
  }
  return [...found.values()].sort((a, b) => a.key.localeCompare(b.key));
}

/** The values of a run's series, step by step; of media, the facts. */
export async function readSeries(runId: string, key: string, signal: AbortSignal): Promise<Value[]> {
  const read: Value[] = [];
  for await (const { values } of service.readValues({ runId, key, maxSteps: STEPS }, { signal })) {
    read.push(...values);
  }
  return read;
}

/** All bytes of a value. */
export async function bytesOf(
  runId: string,
  value: Value,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { key, step, index } = value;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const { message } of service.downloadValue(
    { runId, key, step, index },
    signal ? { signal } : {},
  )) {
    if (message.case === "chunk") chunks.push(message.value as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

export const TYPE_NAMES: Record<ValueType, string> = {
  [ValueType.UNSPECIFIED]: "value",
  [ValueType.HISTOGRAM]: "histogram",
  [ValueType.TEXT]: "text",
  [ValueType.IMAGE]: "image",
  [ValueType.AUDIO]: "audio",
  [ValueType.VIDEO]: "video",
  [ValueType.TABLE]: "table",
  [ValueType.DOCUMENT]: "document",
};
