"""The `herdbook` command, as the job uses it: JSON out, and an exit code that says what kind of answer it is."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from enum import IntEnum


PATIENCE_S = 60


class Exit(IntEnum):
    """The exit codes of `herdbook`, and of the job itself."""

    DONE = 0
    FAILED = 1
    REFUSED = 4
    UNREACHABLE = 6
    PENDING = 7


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    content: dict
    """The message of the contract; empty if there is none."""
    words: str
    """What it said to people."""


class CommandFailed(Exception):
    """A command that had to work did not."""

    def __init__(self, arguments: tuple[str, ...], answer: Answer) -> None:
        super().__init__(f"herdbook {' '.join(arguments)}: {answer.words}")
        self.answer = answer


def ask(*arguments: str) -> Answer:
    """Runs a command, whatever comes of it. HERDBOOK_URL and HERDBOOK_TOKEN say where, as everywhere."""
    command = [os.environ.get("HERDBOOK", "herdbook"), *arguments, "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Answer(done.returncode, json.loads(done.stdout or "{}"), done.stderr.strip())


def need(*arguments: str) -> dict:
    """Runs a command that has to work and does no harm twice; again while the server is away."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask(*arguments)).code == Exit.UNREACHABLE and time.monotonic() < deadline:
        time.sleep(1)
    if answer.code != Exit.DONE:
        raise CommandFailed(arguments, answer)
    return answer.content
