"""A Herdbook that asks for tokens, and can be killed."""

import asyncio
import json
import signal
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

PATIENCE_S = 120


class Server:
    """`herdbook up` on a port of its own, in a folder of its own."""

    def __init__(self, herdbook: Path, folder: Path, *options: str) -> None:
        self.herdbook, self.folder, self.options = herdbook, folder, options
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._admin = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                self.herdbook, "up", "--auth", "required", "--listen", f"127.0.0.1:{self.port}",
                "--data-dir", self.folder / "data", "--ready-file", ready, *self.options,
                stdout=log, stderr=log,
            )  # fmt: skip
        for _ in range(PATIENCE_S * 20):
            if self._process.returncode is not None or ready.exists():
                break
            await asyncio.sleep(0.05)
        if not ready.exists():
            raise RuntimeError(f"Herdbook is not ready; its last words: {(self.folder / 'log').read_text()[-2000:]}")
        if not self._admin:
            database = json.loads(ready.read_text())["database"]
            self._admin = await self._call("tokens", "create", "--bootstrap", "--database-url", database)

    async def kill(self) -> None:
        """As a power failure would: no word to anybody."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()

    async def token(self, valid: timedelta | None = None) -> str:
        """A new token of the admin."""
        until = ["--expires", (datetime.now(timezone.utc) + valid).isoformat()] if valid else []
        return await self._call("tokens", "create", "admin", "--name", "conformance", *until)

    async def revoke_newest_token(self) -> None:
        tokens = json.loads(await self._call("tokens", "list", "--output", "json"))
        await self._call("tokens", "revoke", tokens["tokens"][0]["id"])

    async def heard(self, version: str) -> None:
        """Waits until lineage, which is told of things in the background, knows the run that a version is of."""
        problem = None
        for _ in range(PATIENCE_S * 5):
            try:
                answer = json.loads(await self._call("lineage", "tree", version, "--output", "json"))
                if any(found["node"]["key"]["kind"] == "run" for found in answer["graph"]["nodes"]):
                    return
            except RuntimeError as unheard:
                problem = unheard
            await asyncio.sleep(0.2)
        raise RuntimeError(f"lineage has not heard of {version} in {PATIENCE_S} s") from problem

    async def _call(self, *arguments: str) -> str:
        credentials = ["--token", self._admin] if self._admin else []
        process = await asyncio.create_subprocess_exec(
            self.herdbook, *arguments, "--server", self.url, *credentials,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, error = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"herdbook {' '.join(arguments)}: {error.decode()}")
        return out.decode().strip()


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
