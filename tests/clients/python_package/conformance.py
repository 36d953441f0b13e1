"""The conformance scenario by the package `herdbook`; tests/clients/conformance runs it."""

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "conformance"))

import herdbook as hb
from herdbook.session import session
from steps import ask, expect, play

POINTS, BATCH = 10_000, 500
ARTIFACT_BYTES = 20_000_000


def refusal(call, kind: type[hb.HerdbookError]) -> hb.HerdbookError:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("it was not refused")


def caller() -> hb.Message:
    return hb.call("AccessService/GetCaller")


class Scenario:
    """The steps, in their order."""

    def __init__(self, folder: Path) -> None:
        self.url, self.key = os.environ["HERDBOOK_URL"], os.environ["HERDBOOK_TOKEN"]
        self.name, self.folder = os.environ["CONFORMANCE_NAME"], folder
        hb.configure(spool=folder / "spool", patience=60.0)

    def _at(self, url: str, token: str = "", patience: float = 60.0) -> None:
        hb.configure(url=url, token=token, patience=patience)

    def connect(self) -> str:
        principal = caller().principal
        self._at(self.url)
        refusal(caller, hb.NotAllowed)
        self._at(self.url, self.key)
        return f"as {principal}"

    def tls(self) -> str:
        def at(authority: str) -> None:
            hb.configure(url=os.environ["CONFORMANCE_TLS"], ca_file=os.environ[authority], patience=2.0)

        at("CONFORMANCE_AUTHORITY")
        principal = caller().principal
        at("CONFORMANCE_STRANGER")
        said = refusal(caller, hb.Unreachable).message
        expect("certificate" in said, said)
        hb.configure(url=self.url, ca_file="", patience=60.0)
        return f"as {principal}; {said}"

    def create(self) -> str:
        self.experiment = f"{self.name}-conformance"
        self.run = hb.start_run(self.experiment, name="scenario", system=None, capture=False)
        expect(self.run.info().name == "scenario", "the run is not there")
        request = {"experiment_id": 0, "request_id": f"{self.name}-run"}
        made = [hb.call("RunService/CreateRun", request).run.id for _ in range(2)]
        expect(made[0] == made[1], "a repeat made another run")
        return f"run {self.run.id}"

    def stream(self) -> str:
        return self._log("loss", "cut")

    def params(self) -> str:
        self.run.set_params({"lr": 0.01, "optimizer": "sgd"})
        kept = self.run.info().params
        expect(kept == {"lr": "0.01", "optimizer": "sgd"}, f"params are {kept}")
        return f"{len(kept)} params"

    def artifact(self) -> str:
        content = bytes((i * 31 + i // 251) % 256 for i in range(ARTIFACT_BYTES))
        (self.folder / "weights.bin").write_bytes(content)
        self.run.log_artifact(self.folder / "weights.bin", "model/weights.bin")
        (path,) = hb.download(self.run, to=self.folder / "back")
        expect(path.read_bytes() == content, "other bytes came back")
        return f"{len(content)} bytes, {hashlib.sha256(content).hexdigest()[:12]}"

    def curve(self) -> str:
        request = {"run_ids": [self.run.id], "keys": ["loss"], "buckets": 100}
        (curve,) = hb.call("MetricService/GetCurves", request).curves
        expect(len(curve.count) <= 100, f"{len(curve.count)} buckets")
        expect(sum(curve.count) == POINTS, f"{sum(curve.count)} points in buckets")
        return f"{len(curve.count)} buckets"

    def search(self) -> str:
        found = list(hb.runs("params.lr = '0.01' and metrics.loss > 1", experiments=self.experiment))
        expect([run.id for run in found] == [self.run.id], f"{len(found)} runs found")
        return "1 run"

    def register(self) -> str:
        self.run.log({"accuracy": 0.8}, 0)
        self.model = f"{self.name}-model"
        self.version = hb.register(self.run, "model", self.model)
        policy = hb.call("ModelService/GetPolicy", {"model": self.model}).policy.to_dict()
        threshold = {"metric": "accuracy", "comparison": "AT_LEAST", "threshold": 0.9}
        for move in policy["moves"]:
            if move["to"] == "Production":
                move.setdefault("rules", []).append({"name": "accurate-enough", "metric_threshold": threshold})
        hb.call("ModelService/SetPolicy", {"model": self.model, "policy": policy})
        expect([file.size for file in self.version.files] == [ARTIFACT_BYTES], "other files were registered")
        return f"{self.model}/{self.version.number}"

    def refused(self) -> str:
        error = refusal(lambda: hb.promote(self.model, 1, "Production"), hb.TransitionRefused)
        (failure,) = error.failures
        expect("accurate-enough" in failure.description, f"rule {failure}")
        return failure.description

    def granted(self) -> str:
        self.run.log({"accuracy": 0.95}, 1)
        expect(self.run.flush(), "the point is not there")
        decision = hb.promote(self.model, self.version.number, "Production")
        expect(decision.outcome == "ALLOWED", f"outcome {decision.outcome}")
        found = hb.resolve(f"{self.model}@Production")
        expect(found.number == self.version.number, f"it is {found.number}")
        return f"{self.model}@Production is version {found.number}"

    def watch(self) -> str:
        error = refusal(lambda: next(hb.watch(self.model, after=10**12)), hb.InvalidRequest)
        expect(error.code == "OUT_OF_RANGE", f"{error.code} ahead of the workspace")
        # The policy came after the version.
        events = (event for event in hb.watch(self.model, after=self.version.revision) if event.action != "SET_POLICY")
        expect(next(events).decision.outcome == "REFUSED", "the refusal is not the first event")
        ask("drop")
        hb.set_alias(self.model, "champion", self.version.number)
        expect(next(events).decision.outcome == "ALLOWED", "the grant is not the second event")
        expect(next(events).action == "SET_ALIAS", "the alias is not the third event")
        return "3 events, each once"

    def lineage(self) -> str:
        ask("lineage")
        names = hb.lineage(self.version).names()
        expect(f"run:{self.run.id}" in names, f"its run is not among {names}")
        return f"{len(names)} nodes"

    def restart(self) -> str:
        return self._log("val_loss", "restart")

    def deadline(self) -> str:
        self._at(os.environ["CONFORMANCE_FUTURE"])
        started = time.monotonic()
        error = refusal(lambda: hb.call("RunService/SearchRuns", timeout=0.3), hb.Unreachable)
        took = time.monotonic() - started
        self._at(self.url, self.key)
        expect(took < 5, f"only after {took:.1f} s")
        return f"{error.code} after {took:.1f} s"

    def too_large(self) -> str:
        tags = {f"tag-{i}": "x" * 8000 for i in range(2500)}
        request = {"run_id": self.run.id, "tags": tags}
        return refusal(lambda: hb.call("RunService/LogBatch", request), hb.InvalidRequest).message

    def newer(self) -> str:
        self._at(os.environ["CONFORMANCE_FUTURE"])
        run = hb.call("RunService/GetRun", {"run_id": self.run.id}).run
        expect(run.id == self.run.id and run.status == 77, f"status {run.status}")
        back = hb.call("RunService/UpdateRun", {"run": run}).run.description
        self._at(self.url, self.key)
        expect(back == "kept", f"what was not known was {back}")
        return "kept"

    def older(self) -> str:
        self._at(os.environ["CONFORMANCE_FUTURE"])
        error = refusal(lambda: hb.call("ExperimentService/ListExperiments"), hb.HerdbookError)
        self._at(self.url, self.key)
        expect(error.code == "UNIMPLEMENTED", error.code)
        return error.message

    def delete(self) -> str:
        hb.call("RunService/DeleteRun", {"run_id": self.run.id})
        run = hb.call("RunService/GetRun", {"run_id": self.run.id}).run
        expect(run.lifecycle == "DELETED", f"lifecycle {run.lifecycle}")
        return "deleted"

    def token(self) -> str:
        expired = ask("token")["expired"]
        refusal(caller, hb.NotAllowed)
        self._at(self.url, expired)
        return refusal(caller, hb.NotAllowed).message

    def nobody(self) -> str:
        self._at(os.environ["CONFORMANCE_NOWHERE"], patience=2.0)
        started = time.monotonic()
        error = refusal(caller, hb.Unreachable)
        expect(time.monotonic() - started < 10, "it waited too long")
        return error.message

    def _log(self, key: str, trouble: str) -> str:
        for step in range(POINTS):
            if step == POINTS // 2:
                ask(trouble)
            self.run.log({key: step * 0.5}, step)
            if step % BATCH == 0:
                time.sleep(0.002)  # So that several batches travel.
        expect(self.run.flush(60), "not all is there")
        steps, total = [], 0.0
        for answer in hb.stream("MetricService/ReadMetrics", {"run_id": self.run.id, "keys": [key]}):
            steps += answer.steps
            total += sum(answer.values)
        expect(sorted(steps) == list(range(POINTS)), f"{len(steps)} points, {len(set(steps))} steps")
        expect(total == POINTS * (POINTS - 1) / 4, f"the values add up to {total}")
        return f"{len(steps)} points"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="herdbook-package-") as folder:
        passed = play(Scenario(Path(folder)))
        # The folder goes before the process would end the run, which is deleted by now.
        session.open_runs.clear()
        session.close(0)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
