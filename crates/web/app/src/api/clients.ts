import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AccessService } from "../generated/herdbook/access/v1/access_pb";
import { VersionService } from "../generated/herdbook/registry/v1/version_pb";
import { ActivityService } from "../generated/herdbook/team/v1/activity_pb";
import { CommentService } from "../generated/herdbook/team/v1/comment_pb";
import { PreferenceService } from "../generated/herdbook/team/v1/preference_pb";
import { ReportService } from "../generated/herdbook/team/v1/report_pb";
import { ViewService } from "../generated/herdbook/team/v1/view_pb";
import { ArtifactService } from "../generated/herdbook/tracking/v1/artifact_pb";
import { ExperimentService } from "../generated/herdbook/tracking/v1/experiment_pb";
import { MetricService } from "../generated/herdbook/tracking/v1/metric_pb";
import { RunService } from "../generated/herdbook/tracking/v1/run_pb";
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
export const activity = createClient(ActivityService, transport);
export const artifacts = createClient(ArtifactService, transport);
export const comments = createClient(CommentService, transport);
export const experiments = createClient(ExperimentService, transport);
export const metrics = createClient(MetricService, transport);
export const preferences = createClient(PreferenceService, transport);
export const reports = createClient(ReportService, transport);
export const runs = createClient(RunService, transport);
export const views = createClient(ViewService, transport);
export const versions = createClient(VersionService, transport);
