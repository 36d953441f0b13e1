import { createClient } from "@connectrpc/connect";
import { ModelService } from "../generated/herdbook/registry/v1/model_pb";
import { VersionService } from "../generated/herdbook/registry/v1/version_pb";
import { transport } from "./clients";

// Apart from the clients of every page, so that those that show no models do not load its contract.
export const models = createClient(ModelService, transport);
export const versions = createClient(VersionService, transport);
