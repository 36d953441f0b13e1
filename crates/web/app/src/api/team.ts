import { createClient } from "@connectrpc/connect";
import { ActivityService } from "../generated/herdbook/team/v1/activity_pb";
import { CommentService } from "../generated/herdbook/team/v1/comment_pb";
import { ReportService } from "../generated/herdbook/team/v1/report_pb";
import { ViewService } from "../generated/herdbook/team/v1/view_pb";
import { transport } from "./clients";

// Apart from the clients of every page, so that those on which nobody writes do not load its contract.
export const activity = createClient(ActivityService, transport);
export const comments = createClient(CommentService, transport);
export const reports = createClient(ReportService, transport);
export const views = createClient(ViewService, transport);
