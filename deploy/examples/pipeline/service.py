"""What is deployed to: here one process on this machine. To deploy elsewhere, say how in `start`, `problem` and `stop`."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
STOP_S = 10


@dataclass(frozen=True)
class Release:
    """A version whose files are here."""

    model: str
    number: int
    digest: str
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.model}/{self.number}"


class Service:
    """A service of a name at a port; what it runs is remembered in a folder."""

    def __init__(self, name: str, port: int, folder: Path) -> None:
        self.name, self.port = name, port
        self._pid_file = folder / f"{name}.pid"
        self._log = folder / f"{name}.log"
        self._served_file = folder / f"{name}.json"

    def start(self, release: Release) -> None:
        """Serves a release in place of what is served now."""
        self.stop()
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, HERE / "serve.py", release.folder, "--port", str(self.port), "--digest", release.digest],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._pid_file.write_text(str(process.pid))

    @property
    def version(self) -> str:
        """The version that is served now; empty if nothing is known of it."""
        return self._served().get("version", "")

    @property
    def deployment(self) -> str:
        """The node of lineage that what is served now has, likewise."""
        return self._served().get("deployment", "")

    def remember(self, version: str, deployment: str) -> None:
        self._served_file.write_text(json.dumps({"version": version, "deployment": deployment}))

    def forget(self) -> None:
        self._served_file.unlink(missing_ok=True)

    def _served(self) -> dict[str, str]:
        return json.loads(self._served_file.read_text()) if self._served_file.exists() else {}

    def problem(self, release: Release) -> str:
        """What keeps the release from serving well; empty if nothing does."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                served = json.load(answer)["digest"]
        except urllib.error.HTTPError as error:
            return f"{error.code}: {error.read().decode(errors='replace')}"
        except (OSError, ValueError, KeyError) as error:
            return f"it does not answer ({error})"
        return "" if served == release.digest else f"it serves {served}"

    def stop(self) -> None:
        """Stops what is served now, if anything is."""
        if not self._pid_file.exists():
            return
        pid = int(self._pid_file.read_text())
        deadline = time.monotonic() + STOP_S
        try:
            while _serves(pid):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
                time.sleep(0.05)
        except ProcessLookupError:
            pass  # It ended in between.
        self._pid_file.unlink()


def _serves(pid: int) -> bool:
    """Whether the process is one of ours still: another program may have its number by now."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # An earlier job started it.
    command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(HERE / "serve.py") in command.stdout
