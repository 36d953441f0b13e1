"""What a run runs in: the code, the packages, the machine. What cannot be found out is left out."""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

_PATIENCE_S = 5.0
_DIFF_BYTES = 1 << 20


def _git(*arguments: str, text: bool = True) -> Any:
    command = ["git", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip() if text else done.stdout


def _without_secrets(address: str) -> str:
    """The address of a repository without a name and password in it."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path


def source() -> tuple[dict[str, Any], bytes]:
    """The code as a `Source` of the contract, and what its commit lacks, as `git diff HEAD --binary` prints it."""
    script = Path(sys.argv[0] or "-").name
    facts: dict[str, Any] = {"entry_point": script, "command": [sys.executable, *sys.argv]}
    top, commit = _git("rev-parse", "--show-toplevel"), _git("rev-parse", "HEAD")
    if not top or not commit:
        return facts, b""
    diff = _git("diff", "HEAD", "--binary", text=False) or b""
    facts["commit"] = commit
    facts["repository"] = _without_secrets(_git("config", "--get", "remote.origin.url") or Path(top).name)
    facts["branch"] = _git("rev-parse", "--abbrev-ref", "HEAD") or ""
    facts["dirty"] = bool(_git("status", "--porcelain"))
    if diff:
        facts["diff_digest"] = f"sha256:{hashlib.sha256(diff).hexdigest()}"
    return facts, diff if len(diff) <= _DIFF_BYTES else b""


@cache
def environment() -> dict[str, Any]:
    """The interpreter and the installed packages, as an `Environment` of the contract."""
    packages: dict[str, str] = {}
    for found in importlib.metadata.distributions():
        name = found.metadata["Name"] if found.metadata else None
        if name:
            packages.setdefault(name.lower(), f"{name}=={found.version}")
    return {
        "python_version": platform.python_version(),
        "platform": f"{platform.system().lower()}-{platform.machine()}",
        "requirements": [packages[name] for name in sorted(packages)],
    }


@cache
def machine() -> dict[str, str]:
    """Host, processors and GPUs, as tags."""
    facts = {"herdbook.host": platform.node(), "herdbook.cpus": str(os.cpu_count() or 0)}
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=_PATIENCE_S).stdout
    except (OSError, subprocess.SubprocessError):
        return facts
    gpus = [line.split(", ") for line in answer.splitlines() if ", " in line]
    if gpus:
        facts["herdbook.gpus"] = "; ".join(gpu[0] for gpu in gpus)
        facts["herdbook.gpu_driver"] = gpus[0][1]
        torch = sys.modules.get("torch")
        cuda = getattr(getattr(torch, "version", None), "cuda", None)
        if cuda:
            facts["herdbook.cuda"] = str(cuda)
    return facts
