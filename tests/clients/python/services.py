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
    """A stub a service."""

    def __init__(self, tracking: grpc.Channel, registry: grpc.Channel, lineage: grpc.Channel) -> None:
        self.experiments = ExperimentServiceStub(tracking)
        self.runs = RunServiceStub(tracking)
        self.metrics = MetricServiceStub(tracking)
        self.values = ValueServiceStub(tracking)
        self.artifacts = ArtifactServiceStub(tracking)
        self.models = ModelServiceStub(registry)
        self.versions = VersionServiceStub(registry)
        self.transitions = TransitionServiceStub(registry)
        self.lineage = LineageServiceStub(lineage)

    @classmethod
    def over(cls, channel: grpc.Channel) -> "Services":
        """All of them over one channel."""
        return cls(channel, channel, channel)

    @classmethod
    def at(cls, tracking: str, registry: str, lineage: str) -> "Services":
        """Those at addresses of host and port."""
        return cls(*map(grpc.insecure_channel, (tracking, registry, lineage)))


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
