"""MLflow's own server, to compare with."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

PATIENCE = 120  # seconds for a server to start
# Without it, every answer would take 40 ms.
NODELAY = Path(__file__).parents[2] / "bench/peers/nodelay"

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Seven more processes, for evaluations that nobody asks for.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONPATH": str(NODELAY),
    # Deliveries come to a listener on this machine.
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    "MLFLOW_WEBHOOK_CACHE_TTL": "0",
}


@contextmanager
def mlflow_server() -> Iterator[str]:
    """Runs it on SQLite, in a folder of its own: where it listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    uri = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w+") as log:
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"]
        environment = os.environ | SETTINGS
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True, env=environment)
        try:
            deadline = time.monotonic() + PATIENCE
            while not _up(uri):
                if server.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"MLflow's server did not start:\n{log.read()[-3000:]}")
                time.sleep(0.1)
            yield uri
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _up(uri: str) -> bool:
    try:
        return requests.get(f"{uri}/health", timeout=1).ok
    except requests.RequestException:
        return False
