import math
import threading
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest

import herdbook as hb


def points(run: hb.Run, key: str) -> list[tuple[int, float]]:
    assert run.flush()
    answers = hb.stream("MetricService/ReadMetrics", {"run_id": run.id, "keys": [key]})
    return [point for answer in answers for point in zip(answer.steps, answer.values, strict=True)]


def test_a_run_with_all_there_is(experiment, tmp_path):
    model = tmp_path / "model.pkl"
    model.write_bytes(b"weights" * 1000)
    with hb.start_run(experiment, name="first", params={"lr": 0.1, "net": {"depth": 3}}, tags={"team": "a"}) as run:
        assert hb.current_run() is run
        for step in range(1000):
            run.log({"loss": step / 2, "acc": step}, step=step)
        run.set_tags({"team": "b"})
        run.use_dataset("cats-v1", digest="sha256:1", uri="s3://cats")
        run.log_artifact(model)
        model.write_bytes(b"later")
    assert hb.current_run() is None
    info = hb.call("RunService/GetRun", {"run_id": run.id}).run
    assert (info.name, info.status) == ("first", "FINISHED")
    assert info.params == {"lr": "0.1", "net/depth": "3"}
    assert info.tags["team"] == "b"
    assert [one.dataset.name for one in info.inputs] == ["cats-v1"]
    assert points(run, "loss") == [(step, step / 2) for step in range(1000)]
    assert (hb.download(run, to=tmp_path / "back")[0]).read_bytes() == b"weights" * 1000
    assert info.environment.python_version and "numpy" in " ".join(info.environment.requirements)


def test_numbers_of_all_kinds(experiment):
    run = hb.start_run(experiment, system=None)
    kinds = [1, True, 2.5, numpy.float32(0.5), numpy.int64(7), numpy.array(3.0), numpy.array([4.0]), Decimal("1.5"),
             Fraction(1, 4), 2**53 + 1, 10**300, math.nan, math.inf, -math.inf]  # fmt: skip
    for value in kinds:
        run.log({"value": value})
    found = points(run, "value")
    assert [step for step, _ in found] == list(range(len(kinds)))
    expected = [1.0, 1.0, 2.5, 0.5, 7.0, 3.0, 4.0, 1.5, 0.25, float(2**53), 1e300, math.nan, math.inf, -math.inf]
    assert numpy.array_equal([value for _, value in found], expected, equal_nan=True)


def test_nested_values_and_steps_of_any_integer(experiment):
    run = hb.start_run(experiment, system=None)
    run.log({"train": {"loss": 1.0, "acc": 2}, "lr": 3}, step=numpy.int32(-5))
    run.log({"lr": 4}, step=2**62)
    run.log({"lr": 5})
    assert points(run, "train/loss") == [(-5, 1.0)]
    assert points(run, "lr") == [(-5, 3.0), (2**62, 4.0), (2**62 + 1, 5.0)]


def test_what_is_wrong_is_told_once_and_the_rest_is_logged(experiment, caplog):
    run = hb.start_run(experiment, system=None)
    for _ in range(3):
        run.log({"good": 1.0, "bad": "text", "worse": None, "array": numpy.zeros(3)})
    run.log({"good": 2.0}, step="three")
    run.log({"": 1.0})
    assert points(run, "good") == [(0, 1.0), (1, 1.0), (2, 1.0)]
    told = [record.getMessage() for record in caplog.records]
    assert len([text for text in told if '"bad"' in text]) == 1
    assert any("NoneType" in text for text in told) and any("step three" in text for text in told)


def test_strict_raises_and_logs_nothing_of_the_row(experiment):
    run = hb.start_run(experiment, system=None, strict=True)
    with pytest.raises(ValueError, match="bad"):
        run.log({"good": 1.0, "bad": "text"})
    with pytest.raises(ValueError, match="step"):
        run.log({"good": 1.0}, step=1.5)
    run.log({"good": 2.0})
    assert points(run, "good") == [(0, 2.0)]
    run.set_params({"lr": 1})
    with pytest.raises(hb.AlreadyExists):
        run.set_params({"lr": 2})
    with pytest.raises(hb.InvalidRequest, match="cannot be read"):
        run.log_artifact("/nowhere/model.pkl")


def test_many_threads_and_many_runs(experiment):
    runs = [hb.start_run(experiment, system=None, capture=False) for _ in range(20)]

    def log(thread: int) -> None:
        for step in range(500):
            for run in runs:
                run.log({f"thread-{thread}": step}, step=step)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run in runs:
        assert points(run, "thread-3") == [(step, step) for step in range(500)]
        run.finish()


def test_failures_have_their_reason(experiment):
    with pytest.raises(ZeroDivisionError):
        with hb.start_run(experiment) as run:
            raise ZeroDivisionError("division by zero")
    info = run.info()
    assert (info.status, info.tags["herdbook.failure"]) == ("FAILED", "ZeroDivisionError: division by zero")


def test_nested_runs_know_their_parent(experiment):
    with hb.start_run(experiment, system=None) as parent:
        with hb.start_run(experiment, system=None) as child:
            assert hb.current_run() is child
        assert hb.current_run() is parent
    assert child.info().parent_run_id == parent.id


def test_tracked_functions(experiment):
    @hb.track(experiment=experiment)
    def train(lr: float, epochs: int = 3) -> str:
        hb.current_run().log({"loss": lr})
        return hb.current_run().id

    info = hb.call("RunService/GetRun", {"run_id": train(0.5)}).run
    assert info.params == {"lr": "0.5", "epochs": "3"} and info.status == "FINISHED"
    assert info.name.endswith("train")


def test_async_runs_side_by_side(experiment):
    import asyncio

    @hb.track(experiment=experiment)
    async def train(lr: float) -> str:
        run = hb.current_run()
        for step in range(10):
            run.log({"loss": lr}, step)
            await asyncio.sleep(0)
            assert hb.current_run() is run
        return run.id

    async def both() -> list[str]:
        return await asyncio.gather(train(1.0), train(2.0))

    first, second = asyncio.run(both())
    assert first != second
    assert hb.call("RunService/GetRun", {"run_id": second}).run.params == {"lr": "2.0"}


def test_system_metrics_come_by_themselves(experiment):
    run = hb.start_run(experiment, system=0.2)
    from conftest import wait_until

    wait_until(lambda: any(metric.key == "system/cpu_percent" for metric in run.info().metrics))
    run.finish()


def test_somebody_asks_it_to_stop(experiment):
    from conftest import wait_until

    run = hb.start_run(experiment, system=None)
    run.log({"loss": 1.0})
    assert run.flush() and not run.stop_requested
    hb.call("RunService/RequestStop", {"run_id": run.id})

    def stopped() -> bool:
        run.log({"loss": 1.0})
        return run.stop_requested

    wait_until(stopped)
