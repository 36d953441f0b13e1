import { createClient } from "@connectrpc/connect";
import { AuditService } from "../generated/herdbook/registry/v1/audit_pb";
import { CheckService } from "../generated/herdbook/registry/v1/check_pb";
import { CompareService } from "../generated/herdbook/registry/v1/compare_pb";
import { ModelService } from "../generated/herdbook/registry/v1/model_pb";
import { PolicyService } from "../generated/herdbook/registry/v1/policy_pb";
import { RequestService } from "../generated/herdbook/registry/v1/request_pb";
import { SignatureService } from "../generated/herdbook/registry/v1/signature_pb";
import { TransitionService } from "../generated/herdbook/registry/v1/transition_pb";
import { VersionService } from "../generated/herdbook/registry/v1/version_pb";
import { transport } from "./clients";

// Apart from the clients of every page, so that those that show no models do not load its contract.
export const audit = createClient(AuditService, transport);
export const checks = createClient(CheckService, transport);
export const comparisons = createClient(CompareService, transport);
export const models = createClient(ModelService, transport);
export const policies = createClient(PolicyService, transport);
export const requests = createClient(RequestService, transport);
export const signatures = createClient(SignatureService, transport);
export const transitions = createClient(TransitionService, transport);
export const versions = createClient(VersionService, transport);
