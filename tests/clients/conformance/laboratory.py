"""The surroundings of the programs: a server, a network that is cut on request, and their word about each step."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

from certificates import Certificates
from future import Future
from languages import Language
from proxy import Proxy
from server import Server, free_port
from table import STEPS, Step

BUILD_S, RUN_S = 1800, 120


class Laboratory:
    """A server for the programs, one after another.

    A program prints a line of JSON a step. When it wants something to happen it prints `{"ask": …}` and waits for a
    line: `cut` (lose answers, then cut the connections), `drop` (cut them now), `lineage` (wait until that has heard of
    its version), `restart` (kill the server and start it again), `token` (revoke its token; the answer has one that has
    expired).
    """

    def __init__(self, herdbook: Path, folder: Path) -> None:
        self.server = Server(herdbook, folder)
        self.certificates = Certificates(folder)
        self._restart: asyncio.Task | None = None

    async def __aenter__(self) -> "Laboratory":
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._restart:
            await self._restart
        await self.server.stop()

    async def run(self, language: Language, name: str, future: Future) -> AsyncIterator[Step]:
        """Builds and runs a program, and yields its steps as they are done."""
        if problem := await self._build(language):
            yield Step("build", False, problem)
            return
        certificates, name = self.certificates, name.lower().replace("+", "p").replace(" ", "-")
        async with Proxy(self.server.port) as proxy, Proxy(self.server.port, certificates.server) as gateway:
            environment = {
                "HERDBOOK_URL": f"http://127.0.0.1:{proxy.port}",
                "HERDBOOK_TOKEN": await self.server.token(),
                "CONFORMANCE_NAME": name,
                "CONFORMANCE_FUTURE": f"http://127.0.0.1:{future.port}",
                "CONFORMANCE_NOWHERE": f"http://127.0.0.1:{free_port()}",
                "CONFORMANCE_TLS": f"https://127.0.0.1:{gateway.port}",
                "CONFORMANCE_AUTHORITY": str(certificates.authority),
                "CONFORMANCE_STRANGER": str(certificates.stranger),
            }
            process = await asyncio.create_subprocess_exec(
                *language.run, env=os.environ | environment, limit=1 << 20,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(RUN_S):
                    async for step in self._steps(process, proxy, name):
                        yield step
                    await process.wait()
                if process.returncode:
                    yield Step("exit", False, f"exit code {process.returncode}")
            except TimeoutError:
                yield Step("exit", False, f"not done in {RUN_S} s")
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                if self._restart:
                    await self._restart

    async def _build(self, language: Language) -> str:
        """What is wrong with it; empty if nothing is."""
        if not language.build:
            return ""
        Path("target/clients").mkdir(parents=True, exist_ok=True)
        program = language.build.split()[0]
        if not shutil.which(program):
            return f"{program} is not installed"
        process = await asyncio.create_subprocess_shell(
            language.build, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await asyncio.wait_for(process.communicate(), BUILD_S)
        return out.decode()[-2000:] if process.returncode else ""

    async def _steps(self, process: asyncio.subprocess.Process, proxy: Proxy, name: str) -> AsyncIterator[Step]:
        cuts = 0
        async for line in process.stdout:
            said = json.loads(line)
            if ask := said.get("ask"):
                cuts += ask in ("cut", "drop")
                answer = await self._do(ask, proxy, name)
                process.stdin.write(json.dumps(answer).encode() + b"\n")
                await process.stdin.drain()
                continue
            step = Step(said["step"], said["passed"], said.get("detail", ""), said.get("seconds", 0.0))
            if proxy.cuts < cuts:
                step = Step(step.name, False, "it went on without noticing: the connection was not cut")
            cuts = proxy.cuts
            if step.name not in STEPS:
                step = Step(step.name, False, "no step of the scenario")
            yield step

    async def _do(self, ask: str, proxy: Proxy, name: str) -> dict[str, str]:
        match ask:
            case "cut":
                proxy.cut()
            case "drop":
                proxy.drop()
            case "lineage":
                await self.server.heard(f"{name}-model/1")
            case "restart":
                await self.server.kill()
                self._restart = asyncio.create_task(self.server.start())
            case "token":
                await self.server.revoke_newest_token()
                expired = await self.server.token(timedelta(seconds=1))
                await asyncio.sleep(1.5)  # Time itself is what is waited for.
                return {"expired": expired}
            case _:
                raise RuntimeError(f"{ask}: nothing that can be asked for")
        return {}
