/** Connects Node.js programs to a Herdbook; see {@link connect}. */
export { type Config, connect, fromEnv, HerdbookClient, VERSION } from "./client.js";
export { asError, type FieldProblem, HerdbookError, type RuleFailure } from "./errors.js";
export { MetricWriter, type WriterOptions } from "./writer.js";
