import { models } from "../api/registry";
import type { Model } from "../generated/herdbook/registry/v1/model_pb";
import { type Kept, useBook } from "../table/useBook";

/** Models of the first page, which columns and suggestions are made of. */
const TOP = 100;

/** The models that a filter finds, in an order: those that are seen, wherever one scrolls to. */
export function useModels(filter: string, order: string): Kept<Model> {
  return useBook({
    key: `${filter}\n${order}`,
    top: TOP,
    nameOf: (model) => model.name,
    search: async (skip, pageSize, signal) => {
      const page = await models.searchModels({ filter, orderBy: [order], skip, pageSize }, { signal });
      return page.models;
    },
    count: (signal) => countModels(filter, signal),
  });
}

/** How many models a filter finds. */
export async function countModels(filter: string, signal: AbortSignal): Promise<number> {
  const page = await models.searchModels({ filter, pageSize: 1, count: true }, { signal });
  return Number(page.total ?? 0n);
}
