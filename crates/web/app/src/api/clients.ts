import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AccessService } from "../generated/herdbook/access/v1/access_pb";
import { ArtifactService } from "../generated/herdbook/tracking/v1/artifact_pb";
import { ExperimentService } from "../generated/herdbook/tracking/v1/experiment_pb";
import { MetricService } from "../generated/herdbook/tracking/v1/metric_pb";
import { RunService } from "../generated/herdbook/tracking/v1/run_pb";
import { ValueService } from "../generated/herdbook/tracking/v1/value_pb";
import { workspace } from "../state/url";
import { heard, noteError } from "./connection";
import { signedOut } from "./session";

/** Names the workspace, and notes what each answer says about the connection and the session. */
const noted: Interceptor = (next) => async (request) => {
  const name = workspace();
  if (name) request.header.set("herdbook-workspace", name);
  try {
    const response = await next(request);
    heard();
    return response;
  } catch (error) {
    if (!request.signal.aborted) {
      noteError(error);
      if (ConnectError.from(error).code === Code.Unauthenticated) signedOut();
    }
    throw error;
  }
};

export const transport = createGrpcWebTransport({ baseUrl: window.location.origin, interceptors: [noted] });

export const access = createClient(AccessService, transport);
export const artifacts = createClient(ArtifactService, transport);
export const experiments = createClient(ExperimentService, transport);
export const metrics = createClient(MetricService, transport);
export const runs = createClient(RunService, transport);
export const values = createClient(ValueService, transport);
