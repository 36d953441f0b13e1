"""The conformance scenario by nothing but generated code; tests/clients/conformance runs it."""

import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE / "generated"), str(HERE.parent / "conformance")]

import grpc
from numbered import NumberedWriter, watch
from services import Services, digest, failed_rules
from steps import ask, expect, play

from herdbook.access.v1 import access_pb2 as access
from herdbook.access.v1.access_pb2_grpc import AccessServiceStub
from herdbook.common.v1 import lifecycle_pb2 as lifecycle
from herdbook.lineage.v1 import question_pb2 as questions
from herdbook.registry.v1 import model_pb2 as models
from herdbook.registry.v1 import transition_pb2 as transitions
from herdbook.registry.v1 import version_pb2 as versions
from herdbook.tracking.v1 import artifact_pb2 as artifacts
from herdbook.tracking.v1 import experiment_pb2 as experiments
from herdbook.tracking.v1 import metric_pb2 as metrics
from herdbook.tracking.v1 import run_pb2 as runs

POINTS, BATCH = 10_000, 500
ARTIFACT_BYTES, CHUNK_BYTES = 20_000_000, 1 << 20
PATIENCE_S = 60
# Channels of a process otherwise share a connection, also one that was cut a moment ago.
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1)]


def refusal(call) -> grpc.RpcError:
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was not refused")


def channel(url: str, token: str | None) -> grpc.Channel:
    plain = grpc.insecure_channel(url.removeprefix("http://"), OPTIONS)
    return grpc.intercept_channel(plain, Credentials(token)) if token else plain


class Credentials(
    grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor,
):  # fmt: skip
    """Puts the token on each call."""

    def __init__(self, token: str) -> None:
        self.metadata = (("authorization", f"Bearer {token}"),)

    def _call(self, proceed, details, request):
        return proceed(details._replace(metadata=self.metadata), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_unary = intercept_stream_stream = _call


class Scenario:
    """The steps, in their order."""

    def __init__(self) -> None:
        self.url, self.key = os.environ["HERDBOOK_URL"], os.environ["HERDBOOK_TOKEN"]
        self.name = os.environ["CONFORMANCE_NAME"]
        self.services = Services.over(channel(self.url, self.key))

    def connect(self) -> str:
        caller = AccessServiceStub(channel(self.url, self.key)).GetCaller(access.GetCallerRequest())
        stranger = AccessServiceStub(channel(self.url, None))
        error = refusal(lambda: stranger.GetCaller(access.GetCallerRequest()))
        expect(error.code() == grpc.StatusCode.UNAUTHENTICATED, "a stranger was let in")
        return f"as {caller.principal}"

    def tls(self) -> str:
        def call(authority: str) -> access.GetCallerResponse:
            trusted = grpc.ssl_channel_credentials(Path(os.environ[authority]).read_bytes())
            address = os.environ["CONFORMANCE_TLS"].removeprefix("https://")
            with grpc.secure_channel(address, trusted, OPTIONS) as secure:
                stub = AccessServiceStub(grpc.intercept_channel(secure, Credentials(self.key)))
                return stub.GetCaller(access.GetCallerRequest(), timeout=10)

        principal = call("CONFORMANCE_AUTHORITY").principal
        said = refusal(lambda: call("CONFORMANCE_STRANGER")).details()
        expect("certificate" in said.lower(), said)
        return f"as {principal}"

    def create(self) -> str:
        request = experiments.CreateExperimentRequest(name=f"{self.name}-conformance")
        self.experiment = self.services.experiments.CreateExperiment(request).experiment.id
        request = runs.CreateRunRequest(experiment_id=self.experiment, name="scenario", request_id=f"{self.name}-run")
        self.run = self.services.runs.CreateRun(request).run.id
        expect(self.services.runs.CreateRun(request).run.id == self.run, "a repeat made another run")
        return f"run {self.run}"

    def stream(self) -> str:
        return self._log("loss", "cut")

    def params(self) -> str:
        self.services.runs.LogBatch(runs.LogBatchRequest(run_id=self.run, params={"lr": "0.01", "optimizer": "sgd"}))
        kept = self.services.runs.GetRun(runs.GetRunRequest(run_id=self.run)).run.params
        expect(dict(kept) == {"lr": "0.01", "optimizer": "sgd"}, f"params are {kept}")
        return f"{len(kept)} params"

    def artifact(self) -> str:
        content = bytes((i * 31 + i // 251) % 256 for i in range(ARTIFACT_BYTES))
        header = artifacts.ArtifactHeader(
            run_id=self.run, path="model/weights.bin", digest=digest(content), size=len(content)
        )

        def pieces():
            yield artifacts.UploadArtifactRequest(header=header)
            for start in range(0, len(content), CHUNK_BYTES):
                yield artifacts.UploadArtifactRequest(chunk=content[start : start + CHUNK_BYTES])

        self.services.artifacts.UploadArtifact(pieces())
        request = artifacts.DownloadArtifactRequest(run_id=self.run, path="model/weights.bin")
        answers = self.services.artifacts.DownloadArtifact(request)
        file = next(answers).file
        back = b"".join(answer.chunk for answer in answers)
        expect(back == content and digest(back) == file.digest, "other bytes came back")
        return f"{len(back)} bytes, {file.digest[:19]}"

    def curve(self) -> str:
        request = metrics.GetCurvesRequest(run_ids=[self.run], keys=["loss"], buckets=100)
        (curve,) = self.services.metrics.GetCurves(request).curves
        expect(len(curve.count) <= 100, f"{len(curve.count)} buckets")
        expect(sum(curve.count) == POINTS, f"{sum(curve.count)} points in buckets")
        return f"{len(curve.count)} buckets"

    def search(self) -> str:
        request = runs.SearchRunsRequest(
            experiment_ids=[self.experiment], filter="params.lr = '0.01' and metrics.loss > 1"
        )
        found = self.services.runs.SearchRuns(request).runs
        expect([run.id for run in found] == [self.run], f"{len(found)} runs found")
        return "1 run"

    def register(self) -> str:
        self._accuracy(0.8, 0)
        self.model = f"{self.name}-model"
        self.services.models.CreateModel(models.CreateModelRequest(name=self.model))
        policy = self.services.models.GetPolicy(models.GetPolicyRequest(model=self.model)).policy
        threshold = models.MetricThreshold(metric="accuracy", comparison=models.COMPARISON_AT_LEAST, threshold=0.9)
        for move in policy.moves:
            if move.to == "Production":
                move.rules.append(models.Rule(name="accurate-enough", metric_threshold=threshold))
        self.services.models.SetPolicy(models.SetPolicyRequest(model=self.model, policy=policy))
        request = versions.CreateVersionRequest(model=self.model, source=f"runs:/{self.run}/model")
        self.version = self.services.versions.CreateVersion(request).version
        expect([file.size for file in self.version.files] == [ARTIFACT_BYTES], "other files were registered")
        return f"{self.model}/{self.version.number}"

    def refused(self) -> str:
        error = refusal(self._promote)
        expect(error.code() == grpc.StatusCode.FAILED_PRECONDITION, f"{error.code()}")
        rules = failed_rules(error)
        expect(len(rules) == 1 and "accurate-enough" in rules[0], f"rules {rules}")
        return rules[0]

    def granted(self) -> str:
        self._accuracy(0.95, 1)
        decision = self._promote().decision
        expect(decision.outcome == transitions.OUTCOME_ALLOWED, f"outcome {decision.outcome}")
        reference = f"{self.model}@Production"
        found = self.services.versions.GetVersion(versions.GetVersionRequest(reference=reference)).version
        expect(found.number == self.version.number, f"{reference} is {found.number}")
        return f"{reference} is version {found.number}"

    def watch(self) -> str:
        def listen(after: int):
            return self.services.transitions.Watch(transitions.WatchRequest(after_revision=after, model=self.model))

        error = refusal(lambda: next(listen(10**12)))
        expect(error.code() == grpc.StatusCode.OUT_OF_RANGE, f"{error.code()} ahead of the workspace")
        events = watch(listen, self.version.revision)
        expect(next(events).decision.outcome == transitions.OUTCOME_REFUSED, "the refusal is not the first event")
        ask("drop")
        request = models.SetAliasRequest(model=self.model, alias="champion", version=self.version.number)
        channel_of_its_own = Services.over(channel(self.url, self.key))
        channel_of_its_own.models.SetAlias(request, wait_for_ready=True)
        expect(next(events).decision.outcome == transitions.OUTCOME_ALLOWED, "the grant is not the second event")
        expect(next(events).action == transitions.AUDIT_ACTION_SET_ALIAS, "the alias is not the third event")
        return "3 events, each once"

    def lineage(self) -> str:
        ask("lineage")
        node = f"model_version:{self.model}@{self.version.number}"
        graph = self.services.lineage.GetAncestors(questions.GetAncestorsRequest(node=node)).graph
        names = {(found.node.key.kind, found.node.key.name) for found in graph.nodes}
        expect(("run", self.run) in names, f"its run is not among {names}")
        return f"{len(graph.nodes)} nodes"

    def restart(self) -> str:
        return self._log("val_loss", "restart")

    def deadline(self) -> str:
        future = Services.over(channel(os.environ["CONFORMANCE_FUTURE"], None))
        started = time.monotonic()
        error = refusal(lambda: future.runs.SearchRuns(runs.SearchRunsRequest(), timeout=0.3))
        expect(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, f"{error.code()}")
        took = time.monotonic() - started
        expect(took < 5, f"only after {took:.1f} s")
        return f"after {took:.1f} s"

    def too_large(self) -> str:
        tags = {f"tag-{i}": "x" * 8000 for i in range(2500)}
        error = refusal(lambda: self.services.runs.LogBatch(runs.LogBatchRequest(run_id=self.run, tags=tags)))
        expect(error.code() == grpc.StatusCode.OUT_OF_RANGE, f"{error.code()}")
        return error.details()

    def newer(self) -> str:
        future = Services.over(channel(os.environ["CONFORMANCE_FUTURE"], None))
        run = future.runs.GetRun(runs.GetRunRequest(run_id=self.run)).run
        expect(run.id == self.run and run.status == 77, f"status {run.status}")
        back = future.runs.UpdateRun(runs.UpdateRunRequest(run=run)).run.description
        expect(back == "kept", f"what was not known was {back}")
        return "kept"

    def older(self) -> str:
        future = Services.over(channel(os.environ["CONFORMANCE_FUTURE"], None))
        error = refusal(lambda: future.experiments.ListExperiments(experiments.ListExperimentsRequest()))
        expect(error.code() == grpc.StatusCode.UNIMPLEMENTED, f"{error.code()}")
        return error.details()

    def delete(self) -> str:
        self.services.runs.DeleteRun(runs.DeleteRunRequest(run_id=self.run))
        run = self.services.runs.GetRun(runs.GetRunRequest(run_id=self.run)).run
        expect(run.lifecycle == lifecycle.LIFECYCLE_DELETED, f"lifecycle {run.lifecycle}")
        return "deleted"

    def token(self) -> str:
        expired = ask("token")["expired"]
        for token in (self.key, expired):
            caller = AccessServiceStub(channel(self.url, token))
            error = refusal(lambda: caller.GetCaller(access.GetCallerRequest()))
            expect(error.code() == grpc.StatusCode.UNAUTHENTICATED, f"{error.code()}")
        return error.details()

    def nobody(self) -> str:
        nowhere = Services.over(channel(os.environ["CONFORMANCE_NOWHERE"], None))
        started = time.monotonic()
        error = refusal(lambda: nowhere.runs.GetRun(runs.GetRunRequest(run_id=self.run), timeout=5))
        expect(error.code() == grpc.StatusCode.UNAVAILABLE, f"{error.code()}")
        expect(time.monotonic() - started < 10, "it waited too long")
        return error.details()

    def _log(self, key: str, trouble: str) -> str:
        writer = NumberedWriter(self.services.metrics, self.run, f"conformance-{key}", key)
        writer.connect()
        for first in range(0, POINTS, BATCH):
            if first == POINTS // 2:
                ask(trouble)
            writer.add(first, [step * 0.5 for step in range(first, first + BATCH)])
        writer.flush(PATIENCE_S)
        writer.close()
        expect(writer.streams > 1, "the connection was never lost")
        request = metrics.ReadMetricsRequest(run_id=self.run, keys=[key])
        steps, total = [], 0.0
        for answer in self.services.metrics.ReadMetrics(request):
            steps += answer.steps
            total += sum(answer.values)
        expect(sorted(steps) == list(range(POINTS)), f"{len(steps)} points, {len(set(steps))} steps")
        expect(total == POINTS * (POINTS - 1) / 4, f"the values add up to {total}")
        return f"{len(steps)} points over {writer.streams} streams"

    def _accuracy(self, value: float, step: int) -> None:
        points = [runs.Metric(key="accuracy", value=value, step=step)]
        self.services.runs.LogBatch(runs.LogBatchRequest(run_id=self.run, metrics=points))

    def _promote(self) -> transitions.TransitionVersionResponse:
        return self.services.transitions.TransitionVersion(
            transitions.TransitionVersionRequest(model=self.model, version=self.version.number, to="Production")
        )


if __name__ == "__main__":
    sys.exit(not play(Scenario()))
