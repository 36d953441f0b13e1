import type { RunField } from "../generated/herdbook/tracking/v1/run_pb";
import { RunFieldKind } from "../generated/herdbook/tracking/v1/run_pb";
import { fieldOf } from "../table/columns";
import { runs } from "./clients";

/** Which runs are asked about. */
export interface Scope {
  experimentIds: readonly bigint[];
  filter: string;
}

/** What narrows fields down. */
export interface Narrowed {
  kind?: RunFieldKind;
  prefix?: string;
  contains?: string;
  differing?: boolean;
  /** So many at most; of more, the first by kind and key. */
  most: number;
}

export interface FieldList {
  fields: RunField[];
  /** How many runs there are. */
  runs: number;
  /** Whether these are all. */
  complete: boolean;
}

const PAGE = 1000;

/** The fields that runs have, as far as `most` goes. */
export async function listFields(scope: Scope, narrowed: Narrowed, signal: AbortSignal): Promise<FieldList> {
  const { most, ...rest } = narrowed;
  const fields: RunField[] = [];
  let pageToken = "";
  let found = 0;
  do {
    const page = await runs.listRunFields(
      {
        experimentIds: [...scope.experimentIds],
        filter: scope.filter,
        ...rest,
        pageSize: Math.min(PAGE, most - fields.length),
        pageToken,
      },
      { signal },
    );
    fields.push(...page.fields);
    found = Number(page.runCount);
    pageToken = page.nextPageToken;
  } while (pageToken && fields.length < most);
  return { fields, runs: found, complete: pageToken === "" };
}

const GROUPS = {
  [RunFieldKind.UNSPECIFIED]: "tags",
  [RunFieldKind.METRIC]: "metrics",
  [RunFieldKind.PARAM]: "params",
  [RunFieldKind.TAG]: "tags",
} as const;

/** A field in the notation of filters. */
export function nameOf(field: RunField): string {
  return fieldOf(GROUPS[field.kind], field.key);
}
