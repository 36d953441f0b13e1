import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import {
  CurveAxis,
  CurveSchema,
  GetCurvesResponseSchema,
  WatchMetricsResponseSchema,
} from "../generated/herdbook/tracking/v1/metric_pb";
import { CurveStore } from "./store";

type Answer = MessageInitShape<typeof GetCurvesResponseSchema>;
type Told = MessageInitShape<typeof WatchMetricsResponseSchema>;

/** A server of which the test says when it answers, and what it tells. */
const server = vi.hoisted(() => ({
  answers: [] as ((answer: unknown) => void)[],
  tell: (_: unknown) => {},
}));

vi.mock("../api/clients", () => ({
  metrics: {
    getCurves: () => new Promise((answer) => server.answers.push(answer)),
    async *watchMetrics() {
      while (true) yield await new Promise((tell) => (server.tell = tell));
    },
  },
}));

vi.stubGlobal("document", {
  visibilityState: "visible",
  addEventListener: () => {},
  removeEventListener: () => {},
});

async function asked(count: number) {
  await vi.waitFor(() => expect(server.answers).toHaveLength(count));
  return (answer: Answer) => server.answers[count - 1]?.(create(GetCurvesResponseSchema, answer));
}

const tell = (told: Told) => server.tell(create(WatchMetricsResponseSchema, told));

const curve = create(CurveSchema, {
  runId: "r",
  key: "loss",
  firstX: [1n],
  lastX: [1n],
  first: [0.5],
  last: [0.5],
  min: [0.5],
  max: [0.5],
  sum: [0.5],
  count: [1n],
  nonfinite: [0n],
});

describe("curves of a run at work", () => {
  it("keep a point that comes between the reading of an answer and its arrival", async () => {
    const store = new CurveStore();
    store.want(Symbol(), ["loss"]);
    store.show({ runIds: ["r"], running: ["r"], axis: CurveAxis.STEP, buckets: 320 });
    (await asked(1))({ curves: [curve] });
    await vi.waitFor(() => expect(store.linesOf(["loss"])[0]?.x).toEqual([1]));
    tell({ runId: "r" });
    const answer = await asked(2);
    tell({ runId: "r", points: { key: "loss", steps: [2n], timesUs: [2n], values: [0.25] } });
    await vi.waitFor(() => expect(store.linesOf(["loss"])[0]?.x).toEqual([1, 2]));
    const before = store.version;
    answer({ curves: [curve] });
    await vi.waitFor(() => expect(store.version).toBeGreaterThan(before));
    expect(store.linesOf(["loss"])[0]?.y).toEqual([0.5, 0.25]);
    store.close();
  });
});
