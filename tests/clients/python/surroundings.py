"""What a run ran: its code and its environment, as this process finds them."""

import platform
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

from herdbook.tracking.v1.run_pb2 import Environment, Source


def source() -> Source:
    return Source(
        repository=git("config", "--get", "remote.origin.url") or "herdbook",
        commit=git("rev-parse", "HEAD"),
        branch=git("rev-parse", "--abbrev-ref", "HEAD"),
        dirty=bool(git("status", "--porcelain")),
        entry_point=Path(sys.argv[0]).name,
        command=["python", *sys.argv],
    )


def environment() -> Environment:
    packages = {f"{package.metadata['Name']}=={package.version}" for package in distributions()}
    return Environment(
        python_version=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine()}",
        requirements=sorted(packages, key=str.lower),
    )


def git(*words: str) -> str:
    """What git says, or nothing where there is no repository."""
    folder = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=False
        ).stdout.strip()
    except FileNotFoundError:
        return ""
