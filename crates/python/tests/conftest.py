"""A real server for all tests, one process; each test has a spool of its own and experiments of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import herdbook as hb
from herdbook.session import session

PATIENCE_S = 60.0


class Server:
    """`herdbook up`, which can go away and come back at the same address."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._process = folder, 0, None
        folder.chmod(0o755)  # PostgreSQL, which may be another account's, has to enter it.

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [os.environ["HERDBOOK_TEST_BINARY"], "up", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data-dir", self.folder / "data", "--ready-file", ready]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: ready.exists() or self._process.poll() is not None)
        assert ready.exists(), (self.folder / "log").read_text()[-2000:]
        self.port = int(json.loads(ready.read_text())["address"].rpartition(":")[2])

    def stop(self, how: int = signal.SIGTERM) -> None:
        self._process.send_signal(how)
        self._process.wait(PATIENCE_S)


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Asks again until it holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for folder in tmp_path_factory.getbasetemp().parents:
        if folder != Path("/tmp") and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    tmp_path_factory.getbasetemp().chmod(0o755)
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def connected(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HERDBOOK_URL", server.url)
    monkeypatch.setenv("HERDBOOK_SPOOL", str(tmp_path / "spool"))
    hb.configure(url=server.url, spool=tmp_path / "spool", offline=False, strict=False, patience=20.0)
    yield
    session.close(0)
    session.open_runs.clear()


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    return request.node.nodeid


def python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of its own process."""
    return subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
