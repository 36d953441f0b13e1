import type { Table, Text, Value } from "../generated/herdbook/tracking/v1/value_pb";
import { bytesOf } from "./series";

/** A table as its bytes have it. */
export interface TableJson {
  columns: string[];
  data: unknown[][];
}

/** The words of a text, also of one that is too long to come with its value. */
export async function textOf(runId: string, value: Value, { text, content }: Text): Promise<string> {
  return content ? decoded(await bytesOf(runId, value)) : text;
}

/** A table, also one that is too large to come with its value. */
export async function tableOf(runId: string, value: Value, table: Table): Promise<TableJson> {
  return table.content ? parsed(await bytesOf(runId, value)) : inline(table);
}

export function inline({ columns, rows }: Table): TableJson {
  return { columns, data: JSON.parse(rows || "[]") as unknown[][] };
}

export function parsed(data: Uint8Array): TableJson {
  return JSON.parse(decoded(data)) as TableJson;
}

export function decoded(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** A cell as people read it. */
export function cellText(cell: unknown): string {
  return typeof cell === "string" ? cell : JSON.stringify(cell);
}
