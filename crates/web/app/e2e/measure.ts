// Measures what a person waits for, and prints it: `npm run measure`. Of a Herdbook of its own with the binary in
// HERDBOOK_TEST_BINARY (take a release build), or of the one at HERDBOOK_URL, to which it logs what it needs.
// Each line has its goal, if there is one, and how busy the machine was; where one is missed it ends with 1.
import { performance } from "node:perf_hooks";
import { charts, live } from "./measure/charts.ts";
import { pedigree } from "./measure/lineage.ts";
import type { Place } from "./measure/place.ts";
import { models, moved } from "./measure/registry.ts";
import { amount, missedGoals } from "./measure/report.ts";
import { bundle, firstLoad, runs } from "./measure/tables.ts";
import { launch } from "./support/browser.ts";
import { seedCrowd, seedLong, servicesAt } from "./support/seed.ts";
import { Server } from "./support/server.ts";

const RUNS = Number(process.env["RUNS"] ?? 50_000);
const LONG_RUNS = 10;
const POINTS = Number(process.env["POINTS"] ?? 1_000_000);
const NODES = Number(process.env["NODES"] ?? 2000);
const MODELS = Number(process.env["MODELS"] ?? 100_000);

const given = process.env["HERDBOOK_URL"];
const server = given ? undefined : await Server.start();
const url = given ?? server?.url ?? "";
const grpc = process.env["HERDBOOK_GRPC_URL"] ?? url;
const services = servicesAt(grpc);
const tag = Date.now().toString(36);

const seeding = performance.now();
// First, so that its points are as those of an hour ago when they are drawn.
const { experiment } = await services.experiments.createExperiment({ name: `long-${tag}` });
const long = experiment?.id ?? 0n;
for (let run = 0; run < LONG_RUNS; run++) await seedLong(services, long, `long-${run}`, ["loss"], POINTS);
const crowd = await seedCrowd(services, RUNS, `crowd-${tag}`);
const took = amount(performance.now() - seeding, "ms");
console.log(`logged ${RUNS} runs and ${LONG_RUNS} x ${POINTS} points in ${took}`);

const place: Place = { url, grpc, services, browser: await launch(), tag };
await firstLoad(place);
await bundle(place, crowd);
await charts(place, long, LONG_RUNS, POINTS);
await live(place, long);
await moved(place);
await runs(place, crowd, RUNS);
await pedigree(place, NODES);
await models(place, MODELS);
await place.browser.close();
await server?.remove();
console.log(`goals missed: ${missedGoals()}`);
process.exitCode = missedGoals() > 0 ? 1 : 0;
