"""Runs what MLflow's Java client does (`java/`, built before) at a Herdbook of its own that asks for tokens, or at another
server. Ends with 0 if all is as it should be."""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "conformance"))

from server import Server  # noqa: E402


def run(uri: str, token: str | None = None) -> int:
    # For files the client calls the `mlflow` command, which is beside this Python.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"MLFLOW_TRACKING_URI": uri, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    if token:
        environment["MLFLOW_TRACKING_TOKEN"] = token
    return subprocess.run(["java", "-jar", HERE / "java/target/mlflow-java.jar"], env=environment).returncode


async def at_herdbook(herdbook: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="herdbook-mlflow-java-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL, which may be another account's, has to enter it.
        server = Server(herdbook, Path(folder))
        await server.start()
        try:
            return run(server.url, await server.token())
        finally:
            await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--herdbook", type=Path, help="the binary of Herdbook")
    where.add_argument("--at", help="a server that runs: http://127.0.0.1:5000")
    options = parser.parse_args()
    sys.exit(run(options.at) if options.at else asyncio.run(at_herdbook(options.herdbook.resolve())))


if __name__ == "__main__":
    main()
