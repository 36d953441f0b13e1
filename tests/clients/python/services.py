"""The services, by the code that protoc generates, and what all chapters ask of their answers."""

import hashlib

import grpc
from google.rpc import error_details_pb2  # installed with grpcio-status
from grpc_status import rpc_status

from herdbook.lineage.v1.lineage_pb2_grpc import LineageServiceStub
from herdbook.registry.v1.model_pb2_grpc import ModelServiceStub
from herdbook.registry.v1.transition_pb2_grpc import TransitionServiceStub
from herdbook.registry.v1.version_pb2_grpc import VersionServiceStub
from herdbook.tracking.v1.artifact_pb2_grpc import ArtifactServiceStub
from herdbook.tracking.v1.experiment_pb2_grpc import ExperimentServiceStub
from herdbook.tracking.v1.metric_pb2_grpc import MetricServiceStub
from herdbook.tracking.v1.run_pb2_grpc import RunServiceStub
from herdbook.tracking.v1.value_pb2_grpc import ValueServiceStub


class Services:
    """A stub a service; addresses are host and port."""

    def __init__(self, tracking: str, registry: str, lineage: str) -> None:
        to_tracking, to_registry = grpc.insecure_channel(tracking), grpc.insecure_channel(registry)
        self.experiments = ExperimentServiceStub(to_tracking)
        self.runs = RunServiceStub(to_tracking)
        self.metrics = MetricServiceStub(to_tracking)
        self.values = ValueServiceStub(to_tracking)
        self.artifacts = ArtifactServiceStub(to_tracking)
        self.models = ModelServiceStub(to_registry)
        self.versions = VersionServiceStub(to_registry)
        self.transitions = TransitionServiceStub(to_registry)
        self.lineage = LineageServiceStub(grpc.insecure_channel(lineage))


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def failed_rules(error: grpc.RpcError) -> list[str]:
    """The rules that failed, from the error's typed details."""
    failures = []
    for detail in rpc_status.from_call(error).details:
        failure = error_details_pb2.PreconditionFailure()
        if detail.Unpack(failure):
            failures += [violation.description for violation in failure.violations]
    return failures
