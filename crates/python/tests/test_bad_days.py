"""No server, one that goes and comes back, processes that are forked, killed and ended."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import python, wait_until

import herdbook as hb

NOWHERE = "http://127.0.0.1:1"


def run_of(run_id: str) -> hb.Message:
    return hb.call("RunService/GetRun", {"run_id": run_id}).run


def count(run_id: str, key: str) -> int:
    try:
        return {metric.key: metric.count for metric in run_of(run_id).metrics}.get(key, 0)
    except hb.NotFound:
        return 0


def test_no_server_is_said_in_time():
    hb.configure(url=NOWHERE, patience=1.0)
    start = time.monotonic()
    with pytest.raises(hb.Unreachable, match="no Herdbook answers at http://127.0.0.1:1 .* `herdbook up`"):
        hb.resolve("cat-dog@Production")
    assert time.monotonic() - start < 10


def test_without_a_server_all_waits_for_sync(server, experiment, tmp_path):
    model = tmp_path / "model.pkl"
    model.write_bytes(b"weights")
    hb.configure(url=NOWHERE, patience=1.0)
    start = time.monotonic()
    with hb.start_run(experiment, params={"lr": 1}, system=None) as parent:
        with hb.start_run(experiment, system=None) as run:
            for step in range(1000):
                run.log({"loss": step}, step=step)
            run.log_artifact(model, "model/weights")
    model.unlink()
    assert not hb.sync(0.2)
    assert time.monotonic() - start < 10
    hb.configure(url=server.url, patience=20.0)
    assert hb.sync()
    assert count(run.id, "loss") == 1000
    assert (run_of(run.id).status, run_of(run.id).parent_run_id) == ("FINISHED", parent.id)
    assert hb.download(run.id, to=tmp_path)[0].read_bytes() == b"weights"
    assert not [path for path in (tmp_path / "spool").iterdir()]


def test_offline_sends_nothing_until_the_command_does(server, experiment, tmp_path):
    hb.configure(offline=True)
    with hb.start_run(experiment, system=None) as run:
        run.log({"loss": 1.0})
    hb.configure(offline=False)
    hb.session.session.close()
    spool = os.environ["HERDBOOK_SPOOL"]
    command = [os.environ["HERDBOOK_TEST_BINARY"], "sync", "--server", server.url, "--spool", spool]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 points sent" in done.stdout and run_of(run.id).status == "FINISHED"


def test_a_server_that_is_killed_meanwhile(server, experiment):
    run = hb.start_run(experiment, system=None)
    for step in range(20_000):
        if step == 5_000:
            assert run.flush()
            server.stop(signal.SIGKILL)
        run.log({"loss": step}, step=step)
    run.set_tags({"state": "late"})
    server.start()
    run.finish()
    assert hb.session.session.close()
    assert count(run.id, "loss") == 20_000
    assert (run_of(run.id).status, run_of(run.id).tags["state"]) == ("FINISHED", "late")


SCRIPT = """
import herdbook as hb, os, signal, sys, time
run = hb.start_run({experiment!r}, system=None)
print(run.id, flush=True)
for step in range(5000):
    run.log({{"loss": step}}, step=step)
{end}
"""


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("", "FINISHED", None),
        ("raise ValueError('no data')", "FAILED", "ValueError: no data"),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)", "KILLED", "SIGTERM"),
    ],
)
def test_a_process_sends_all_before_it_ends(experiment, end, status, reason):
    done = python(SCRIPT.format(experiment=experiment, end=end))
    run_id = done.stdout.strip()
    assert count(run_id, "loss") == 5000, done.stderr
    assert run_of(run_id).status == status
    assert run_of(run_id).tags.get("herdbook.failure") == reason


def test_what_a_killed_process_left_is_sent_by_the_next(experiment):
    # Far from any server, so that nothing of it is sent before.
    end = "time.sleep(0.5); os.kill(os.getpid(), signal.SIGKILL)"
    done = python(SCRIPT.format(experiment=experiment, end=end), HERDBOOK_URL=NOWHERE)
    run_id = done.stdout.strip()
    assert done.returncode == -signal.SIGKILL
    assert hb.sync()
    assert count(run_id, "loss") == 5000
    assert run_of(run_id).status == "KILLED" and "without finishing" in run_of(run_id).tags["herdbook.failure"]


def test_sync_by_the_module(experiment, server):
    hb.configure(offline=True)
    with hb.start_run(experiment, system=None) as run:
        run.log({"loss": 1.0})
    hb.session.session.close()
    done = subprocess.run([sys.executable, "-m", "herdbook", "sync"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    hb.configure(offline=False)
    assert count(run.id, "loss") == 1


def _in_child(run: hb.Run, number: int) -> None:
    for step in range(100):
        run.log({f"child-{number}": step}, step=step)


def test_children_of_a_fork_log_to_the_same_run(experiment):
    run = hb.start_run(experiment, system=None)
    run.log({"loss": 1.0})
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_in_child, args=(run, number)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    run.log({"loss": 2.0})
    assert run.flush()
    assert [count(run.id, f"child-{number}") for number in range(3)] == [100] * 3
    assert count(run.id, "loss") == 2
    run.finish()


def test_a_child_that_logs_nothing_ends_at_once(experiment):
    run = hb.start_run(experiment, system=None)
    run.log({"loss": 1.0})
    fork = multiprocessing.get_context("fork")
    with fork.Pool(4) as pool:
        assert pool.map(abs, [-1] * 100) == [1] * 100
    assert run.flush()
    run.finish()
    assert run_of(run.id).status == "FINISHED"


def test_a_token_that_is_not_taken(experiment, tmp_path):
    hb.configure(token="hbk_" + "x" * 43, patience=5.0)
    with pytest.raises(hb.NotAllowed):
        hb.resolve("cat-dog@Production")
    start = time.monotonic()
    with hb.start_run(experiment, system=None) as run:
        run.log({"loss": 1.0})
    assert time.monotonic() - start < 4
    hb.session.session.close()
    hb.configure(token="")
    wait_until(hb.sync)
    assert count(run.id, "loss") == 1


def test_a_spool_that_cannot_be_written_is_told(experiment, tmp_path):
    (tmp_path / "file").write_text("in the way")
    hb.configure(spool=tmp_path / "file" / "spool")
    with pytest.raises(hb.InvalidRequest, match="cannot be used"):
        hb.start_run(experiment)
