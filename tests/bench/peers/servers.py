"""The servers that are measured beside Herdbook: how each is started, and what its tables differ in."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from client import Client

PROGRAMS = Path(sys.executable).parent
NODELAY = Path(__file__).parent / "nodelay"
PATIENCE = 120  # seconds for a server to start


@dataclass(frozen=True)
class Peer:
    package: str
    """Of PyPI, whose version stands in the table."""
    command: Callable[[int, str], list[str]]
    """The command line for a port and a database's URL without its scheme."""
    stalls: bool
    """Whether it sends the end of an answer only when its beginning is acknowledged, for which clients wait 40 ms."""
    charts: bool
    """Whether the server draws curves for its web page."""
    pages: bool
    """Whether it gives a curve in pages."""
    registry: bool
    """Whether it keeps models and their versions."""
    text: str
    """The column of a param's text."""
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    """What its tables have besides those that both have: an expression for each column."""


PEERS = {
    "MLflow": Peer(
        package="mlflow",
        command=lambda port, url: [
            *(str(PROGRAMS / "mlflow"), "server", "--port", str(port), "--artifacts-destination", "artifacts"),
            *("--backend-store-uri", f"postgresql+psycopg2{url}"),
        ],
        stalls=True,
        charts=True,
        pages=True,
        registry=True,
        text="value",
    ),
    "FastTrackML": Peer(
        package="fasttrackml",
        command=lambda port, url: [
            *(str(PROGRAMS / "fml"), "server", "--listen-address", f"127.0.0.1:{port}", "--log-level", "error"),
            *("--database-uri", f"postgres{url}"),
        ],
        stalls=False,
        charts=False,
        pages=False,
        registry=False,
        text="value_str",
        columns={
            "runs": {"row_num": "1000000 + n"},
            "metrics": {"iter": "n", "context_id": "1"},
            "latest_metrics": {"last_iter": "1", "context_id": "1"},
        },
    ),
}


@contextmanager
def running(peer: Peer, place: dict[str, str], database: str, nodelay: bool = False):
    """Runs a server on a database of its own: its process, its port, and the milliseconds it took to answer."""
    url = f"://{place['user']}@localhost:{place['port']}/{database}?host={quote(place['host'], safe='')}"
    port = free_port()
    path = {"PYTHONPATH": str(NODELAY)} if nodelay else {}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        server = subprocess.Popen(
            peer.command(port, url),
            stdout=sys.stderr,
            stderr=sys.stderr,
            cwd=folder,
            start_new_session=True,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"} | path,
        )
        try:
            wait_until_up(port, server)
            yield server.pid, port, (time.monotonic() - begin) * 1000
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_up(port: int, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            Client(port).get("/api/2.0/mlflow/experiments/get", experiment_id=0)
            return
        except (OSError, RuntimeError, http.client.HTTPException):
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


def memory_mib(root: int) -> float:
    """What a process and all below it hold in memory, shared pages once."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    kib, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024
