"""Writes docs/reference from the contract, or says whether it is as the contract has it; and makes its examples for real.

    python tests/reference write
    python tests/reference check
    python tests/reference try --herdbook target/debug/herdbook
"""

import argparse
import asyncio
import importlib
import os
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path += [str(TESTS / "clients/python/generated"), str(TESTS / "clients/conformance")]

import contract
from examples import STORY
from pages import Pages
from python_code import expression
from server import Server
from trial import Trial

PAGES = Path("docs/reference")


def main() -> int:
    parser = argparse.ArgumentParser(prog="reference", description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["write", "check", "try"])
    parser.add_argument("--herdbook", type=Path, help="the binary of Herdbook, to try the examples on")
    options = parser.parse_args()
    files = contract.read(Path("proto"))
    modules = [importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2") for file in files]
    if problems := lacking(files):
        return report(problems)
    match options.what:
        case "write":
            write(pages(files))
        case "check":
            return report(stale(pages(files)))
        case "try":
            return report(asyncio.run(attempt(files, modules, options.herdbook.resolve())))
    return 0


def lacking(files: list[contract.File]) -> list[str]:
    calls = {f"{s.part.name}/{m.part.name}" for file in files for s in file.services() for m in file.methods(s)}
    told = {example.rpc for example in STORY}
    return [f"{rpc} has no example: give it one in tests/reference/examples" for rpc in sorted(calls - told)] + [
        f"{rpc} is no call of the contract, but has an example" for rpc in sorted(told - calls)
    ]


def pages(files: list[contract.File]) -> dict[str, str]:
    first = {example.rpc: example for example in reversed(STORY)}
    return Pages(files, first).write()


def write(pages: dict[str, str]) -> None:
    for old in PAGES.rglob("*.md"):
        if str(old.relative_to(PAGES)) not in pages:
            old.unlink()
    for path, text in pages.items():
        (PAGES / path).parent.mkdir(parents=True, exist_ok=True)
        (PAGES / path).write_text(text)


def stale(pages: dict[str, str]) -> list[str]:
    kept = {str(path.relative_to(PAGES)): path.read_text() for path in PAGES.rglob("*.md")}
    differ = sorted(path for path in kept.keys() | pages.keys() if kept.get(path) != pages.get(path))
    return [f"docs/reference/{path} is not what the contract makes: run ./dev generate and commit it" for path in differ]


async def attempt(files: list[contract.File], modules: list, herdbook: Path) -> list[str]:
    """What is wrong with the examples: as calls, and as Python."""
    names = {name: getattr(module, name) for module in modules for name in dir(module) if not name.startswith("_")}
    names |= vars(importlib.import_module("google.protobuf.timestamp_pb2"))
    names |= vars(importlib.import_module("google.protobuf.duration_pb2"))
    names |= vars(importlib.import_module("google.protobuf.field_mask_pb2"))
    problems = []
    with tempfile.TemporaryDirectory(prefix="herdbook-reference-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL, which may be another account's, has to enter it.
        server = Server(herdbook, Path(folder), "--webhook-allow", "127.0.0.0/8")
        await server.start()
        try:
            trial = Trial(server.url.removeprefix("http://"), await server.token(), files)
            for example in STORY:
                for request in trial.requests(example):
                    # Of the packages only one may have a message of this name in mind.
                    own = names | {request.DESCRIPTOR.name: type(request)}
                    if eval(expression(request), own) != request:
                        problems.append(f"{example.rpc}: its Python is not its JSON")
                if problem := await asyncio.to_thread(trial.make, example):
                    problems.append(f"{example.rpc}: {problem}")
        finally:
            await server.stop()
    print(f"{len(STORY)} examples tried, {len(problems)} problems")
    return problems


def report(problems: list[str]) -> int:
    for problem in problems:
        print(f"FAILED {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    os.chdir(TESTS.parent)
    sys.exit(main())
