"""What the programs in Python share: the line to the laboratory, and the loop over the steps."""

import json
import sys
import time

from table import STEPS


def ask(what: str) -> dict[str, str]:
    """Has the laboratory do something to the server or the network."""
    print(json.dumps({"ask": what}), flush=True)
    return json.loads(sys.stdin.readline())


def expect(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(what)


def play(scenario: object) -> bool:
    """Does the steps, each a method of its name, until one fails; whether all passed."""
    for name in STEPS:
        started, passed = time.monotonic(), True
        try:
            detail = getattr(scenario, name.replace("-", "_"))()
        except Exception as error:  # Whatever it is, it is what the table has to tell.
            passed, detail = False, f"{type(error).__name__}: {error}"
        seconds = round(time.monotonic() - started, 3)
        print(json.dumps({"step": name, "passed": passed, "detail": detail, "seconds": seconds}), flush=True)
        if not passed:
            return False
    return True
