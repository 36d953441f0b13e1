"""Asks Herdbook and MLflow's own server the same, with MLflow's unmodified clients, and compares all answers field by
field. What may differ stands in differences.toml, each with its reason; what stands there and differs no more fails
too."""

import argparse
import fnmatch
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

os.environ |= {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}

import fuzz  # noqa: E402
from peer import mlflow_server  # noqa: E402

HERE = Path(__file__).parent
ABSENT = "<absent>"

Differences = list[tuple[str, object, object]]


def differing(theirs: object, ours: object, place: str = "") -> Iterator[tuple[str, object, object]]:
    """Where two answers differ, and what stands there on each side."""
    match theirs, ours:
        case dict(), dict():
            for key in sorted(theirs.keys() | ours.keys()):
                yield from differing(theirs.get(key, ABSENT), ours.get(key, ABSENT), f"{place}.{key}" if place else key)
        case list(), list() if len(theirs) == len(ours):
            for number, pair in enumerate(zip(theirs, ours)):
                yield from differing(*pair, f"{place}[{number}]")
        case _ if type(theirs) is not type(ours) or theirs != ours:
            yield place, theirs, ours


def answers(python: str, client: str, uri: str, only: str | None) -> dict:
    """What a client gets at a server, in a process of its own."""
    command = [python, "answers.py", uri, "--client", client, *(("--only", only) if only else ())]
    told = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, check=True)
    return json.loads(told.stdout)


def compared(clients: dict[str, str], theirs: str, ours: str, only: str | None) -> tuple[set[str], Differences, list[str]]:
    """What was asked; all differences, with the client before each place; and what MLflow's own server cannot."""
    asked, found, failures = set(), [], []
    with ThreadPoolExecutor(2) as pool:
        for client, python in clients.items():
            # Side by side: a machine has two cores.
            sides = list(pool.map(lambda uri: answers(python, client, uri, only), (theirs, ours)))
            for place, answer in sides[0].items():
                if isinstance(answer, dict) and "failed" in answer:
                    failures.append(f"{client}.{place} fails on MLflow's own server: {answer['failed']}")
            asked |= {f"{client}.{place}" for place in sides[0]}
            found += [(f"{client}.{place}", *pair) for place, *pair in differing(*sides)]
    return asked, found, failures


def judged(asked: set[str], found: Differences, allowed: list[dict]) -> list[str]:
    """The complaints: differences that nobody allowed, and allowances that nothing needs."""
    complaints, used = [], set()
    for place, theirs, ours in found:
        # Brackets are no pattern here.
        reasons = [entry["where"] for entry in allowed if fnmatch.fnmatchcase(place, entry["where"].replace("[", "[[]"))]
        used.update(reasons)
        if not reasons:
            complaints.append(f"{place}\n    MLflow:   {brief(theirs)}\n    Herdbook: {brief(ours)}")
    for entry in allowed:
        function = re.match(r"[^.]+\.\w+\.\w+", entry["where"])
        if entry["where"] not in used and function and fnmatch.filter(asked, function[0]):
            complaints.append(f"differences.toml allows {entry['where']}, where nothing differs any more")
    return complaints


def brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 700 else f"{text[:700]}…"


def printed(complaints: list[str]) -> int:
    print(*complaints, sep="\n", flush=True)
    return len(complaints)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ours", help="where Herdbook listens: http://127.0.0.1:5757")
    parser.add_argument("--theirs", help="an MLflow server that runs; one is started without it")
    parser.add_argument(
        *("--client", "-c"),
        action="append",
        default=[],
        help="2=/path/to/python: another client; this Python's, of 3, is asked always",
    )
    parser.add_argument("--only", help="a subject, a function of one (search.pages), or fuzz")
    parser.add_argument("--seed", type=int, help="of the random searches; a new one is taken without it")
    parser.add_argument("--seconds", type=float, default=20, help="for random searches")
    options = parser.parse_args()
    clients = {"3": sys.executable} | dict(client.split("=", 1) for client in options.client)
    allowed = tomllib.loads((HERE / "differences.toml").read_text()).get("allowed", [])
    with nullcontext(options.theirs) if options.theirs else mlflow_server() as theirs:
        complaints = 0
        if options.only != "fuzz":
            asked, found, failures = compared(clients, theirs, options.ours, options.only)
            print(f"{len(asked)} questions by {len(clients)} clients, {len(found)} differences")
            complaints += printed(failures + judged(asked, found, allowed))
        if options.only in (None, "fuzz"):
            complaints += printed(fuzz.searched(theirs, options.ours, options.seed, options.seconds))
    print(f"{complaints} complaints")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
