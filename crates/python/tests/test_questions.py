import time
from datetime import datetime, timezone

import numpy
import pandas
import pytest
from conftest import wait_until

import herdbook as hb


@pytest.fixture
def trained(experiment, tmp_path):
    model = tmp_path / "model.pkl"
    model.write_bytes(b"weights")
    with hb.start_run(experiment, params={"lr": "0.1"}, system=None) as run:
        run.log({"acc": 0.5, "loss": float("nan")}, step=0)
        run.log({"acc": 0.8, "loss": 2.0}, step=1)
        run.use_dataset("cats", digest="sha256:ca75")
        run.log_artifact(model)
    return run


def guarded(name: str) -> None:
    policy = hb.call("ModelService/GetPolicy", {"model": name}).policy.to_dict()
    for move in policy["moves"]:
        if move["to"] == "Production":
            threshold = {"metric": "acc", "comparison": "AT_LEAST", "threshold": 0.9}
            move["rules"] = [{"name": "accurate-enough", "metric_threshold": threshold}]
    hb.call("ModelService/SetPolicy", {"model": name, "policy": policy})


def test_register_promote_resolve_download(trained, tmp_path):
    name = f"cat-dog-{time.monotonic_ns()}"
    version = hb.register(trained, "model.pkl", name, tags={"team": "a"})
    assert (version.number, version.run_id, version.metrics["acc"]) == (1, trained.id, 0.8)
    guarded(name)
    with pytest.raises(hb.TransitionRefused) as refused:
        hb.promote(name, 1, "Production")
    (failure,) = refused.value.failures
    assert failure.version == f"{name}/1"
    assert '"accurate-enough"' in failure.description and "0.8" in failure.description
    assert hb.promote(name, 1, "Production", dry_run=True).outcome == "WOULD_REFUSE"
    run = hb.resume(trained.id)
    run.log({"acc": 0.95}, step=2)
    run.flush()
    assert hb.promote(name, "latest", "Production", comment="good").outcome == "ALLOWED"
    assert hb.resolve(f"{name}@Production").number == 1
    hb.set_alias(name, "champion", 1)
    (path,) = hb.download(f"{name}@champion", to=tmp_path / "served")
    assert path.read_bytes() == b"weights"
    with pytest.raises(hb.NotFound):
        hb.resolve(f"{name}@Staging")
    actions = []
    for event in hb.watch(name, after=0):
        actions.append(event.action)
        if event.action == "SET_ALIAS":
            break
    assert actions[0] == "CREATE_MODEL" and actions.count("TRANSITION") == 2


def test_search_and_history_as_frames(trained, experiment):
    found = hb.search("metrics.acc > 0.7 and params.lr = '0.1'", experiments=experiment, order_by="metrics.acc desc")
    assert isinstance(found, pandas.DataFrame)
    assert list(found.run_id) == [trained.id] and list(found["metrics.acc"]) == [0.8]
    assert hb.search("metrics.acc > 7", experiments=[experiment]).empty
    history = trained.history("loss")
    assert list(history.step) == [0, 1] and history.value.dtype == numpy.float64
    assert numpy.isnan(history.value[0]) and history.value[1] == 2.0
    assert str(history.time.dtype).endswith("UTC]")
    assert trained.history("nothing").empty
    assert list(trained.history("loss", samples=1).step) == [1]
    assert list(hb.curve(trained.id, "acc")["max"]) == [0.5, 0.8]
    with pytest.raises(hb.InvalidRequest, match="filter|expected"):
        hb.search("metrics.acc >")


def known(ask) -> list[str]:
    """The answer; none while lineage has not heard of what is asked about."""
    try:
        return ask()
    except hb.NotFound:
        return []


def test_lineage(trained):
    wait_until(lambda: "dataset:cats@sha256:ca75" in known(lambda: hb.lineage(trained).names()))
    frame = hb.lineage(trained).to_frame()
    assert "environment" in set(frame.kind)
    name = f"descended-{time.monotonic_ns()}"
    hb.register(trained, "model.pkl", name)
    hb.promote(name, 1, "Staging")
    hb.promote(name, 1, "Production")
    wait_until(lambda: f"{name}/1" in known(lambda: hb.impact("dataset:cats@sha256:ca75")))
    pedigree = hb.lineage(f"{name}@Production")
    assert f"run:{trained.id}" in pedigree.names("run") and f"run:{trained.id}" in str(pedigree)
    with pytest.raises(hb.NotFound):
        hb.lineage("nothing@Production")


def test_messages_of_the_contract():
    now = datetime(2026, 3, 1, 12, 30, 0, 250_000, tzinfo=timezone.utc)
    run = hb.call("RunService/CreateRun", {"name": "by hand", "started_at": now, "status": "SCHEDULED"}).run
    assert (run.started_at, run.status, run.ended_at, run.source) == (now, "SCHEDULED", None, None)
    assert run.message_name() == "herdbook.tracking.v1.Run" and "by hand" in repr(run)
    mask = {"run": {"id": run.id, "status": "FINISHED"}, "update_mask": ["status"]}
    assert hb.call("RunService/UpdateRun", mask).run.status == "FINISHED"
    with pytest.raises(ValueError, match='has no field "nam"; it has experiment_id, name'):
        hb.call("RunService/CreateRun", {"nam": "x"})
    with pytest.raises(TypeError, match="CreateRunRequest.tags is to be a dict"):
        hb.call("RunService/CreateRun", {"tags": ["x"]})
    with pytest.raises(ValueError, match='cannot be "ENDED"; it is one of'):
        hb.call("RunService/CreateRun", {"status": "ENDED"})
    with pytest.raises(ValueError, match="no method"):
        hb.call("RunService/Make", {})
    with pytest.raises(ValueError, match="use stream"):
        hb.call("MetricService/ReadMetrics", {})
    with pytest.raises(AttributeError, match="has no field"):
        run.nothing  # noqa: B018
    with pytest.raises(TypeError, match="a Run is wanted"):
        hb.call("RunService/UpdateRun", {"run": hb.call("RunService/GetRun", {"run_id": run.id})})


def test_errors_say_what_to_do():
    with pytest.raises(hb.NotFound) as error:
        hb.call("RunService/GetRun", {"run_id": "0" * 32})
    assert error.value.reason == "RUN_NOT_FOUND" and error.value.request_id
    with pytest.raises(hb.InvalidRequest) as error:
        hb.call("RunService/SearchRuns", {"page_size": 5000})
    assert [field for field, _ in error.value.fields] == ["page_size"]
    with pytest.raises(hb.InvalidRequest, match="(?i)large|limit|bytes"):
        hb.call("RunService/CreateRun", {"description": "x" * (17 << 20)})
