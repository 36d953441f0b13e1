import { createClient } from "@connectrpc/connect";
import { LineageService } from "../generated/herdbook/lineage/v1/lineage_pb";
import { transport } from "./clients";

// Apart from the clients of every page, so that those without lineage do not load its contract.
export const lineage = createClient(LineageService, transport);
