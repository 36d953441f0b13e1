import { useMemo } from "react";
import { type RunField, RunFieldKind } from "../generated/herdbook/tracking/v1/run_pb";
import type { Fields } from "../table/columns";
import { useAnswer } from "./answer";
import { type FieldList, listFields, nameOf, type Scope } from "./fields";

/** The fields of an experiment, as far as a page lists them. */
export interface KnownFields extends Fields {
  scope: Scope;
  /** Whether these are all: if not, others are found by their names. */
  complete: boolean;
  /** Those in which runs differ, in the notation of filters. */
  differing: ReadonlySet<string>;
}

const EVERY_MS = 30_000;
/** Of each kind. */
const LISTED = 2000;
const FOUND = 100;

/** The fields that the runs of an experiment have; undefined until they are known. */
export function useFields(experimentId: bigint): { known: KnownFields | undefined; error: unknown } {
  const scope = useMemo(() => ({ experimentIds: [experimentId], filter: "" }), [experimentId]);
  const { data, error } = useAnswer(`fields ${experimentId}`, (signal) => listKinds(scope, signal), {
    every: EVERY_MS,
  });
  // Charts must not begin anew when a poll brings the same names.
  const text =
    data && JSON.stringify(data.map(({ fields }) => fields.map((one) => [nameOf(one), one.differs])));
  const known = useMemo(() => data && knownOf(scope, data), [text, scope]);
  return { known, error };
}

/** What is known, and what else has a text in its name. */
export function useFoundFields(known: KnownFields | undefined, search: string): Fields | undefined {
  const ask = known && !known.complete && search.length > 0;
  const found = useAnswer(ask ? `find ${known.scope.experimentIds} ${search}` : undefined, (signal) =>
    listFields(known?.scope ?? { experimentIds: [], filter: "" }, { contains: search, most: FOUND }, signal),
  ).data;
  return useMemo(() => {
    if (!known || !ask || !found) return known;
    const more = keysOf(found.fields);
    const both = (a: string[], b: string[]) => [...new Set([...a, ...b])].sort();
    return {
      metrics: both(known.metrics, more.metrics),
      params: both(known.params, more.params),
      tags: both(known.tags, more.tags),
    };
  }, [known, ask, found]);
}

/** One call tells of few fields; where there are many metrics, the other kinds do not wait for them. */
async function listKinds(scope: Scope, signal: AbortSignal): Promise<FieldList[]> {
  const all = await listFields(scope, { most: 1000 }, signal);
  if (all.complete) return [all];
  const kinds = [RunFieldKind.METRIC, RunFieldKind.PARAM, RunFieldKind.TAG];
  return Promise.all(kinds.map((kind) => listFields(scope, { kind, most: LISTED }, signal)));
}

function knownOf(scope: Scope, lists: readonly FieldList[]): KnownFields {
  const fields = lists.flatMap((list) => list.fields);
  return {
    scope,
    ...keysOf(fields),
    complete: lists.every((list) => list.complete),
    differing: new Set(fields.filter(({ differs }) => differs).map(nameOf)),
  };
}

function keysOf(fields: readonly RunField[]): Fields {
  const of = (kind: RunFieldKind) => fields.filter((one) => one.kind === kind).map(({ key }) => key);
  return {
    metrics: of(RunFieldKind.METRIC),
    params: of(RunFieldKind.PARAM),
    tags: of(RunFieldKind.TAG),
  };
}
