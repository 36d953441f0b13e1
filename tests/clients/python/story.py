"""Tells what happens, and holds it to its word."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Story:
    """Prints a line a step; `end` says whether every step held."""

    def __init__(self) -> None:
        colour = sys.stdout.isatty()
        self.good, self.bad, self.bold, self.plain = (
            ("\033[32m✓\033[0m", "\033[31m✗\033[0m", "\033[1m", "\033[0m") if colour else ("✓", "✗", "", "")
        )
        self.held = 0
        self.broken: list[str] = []

    def chapter(self, title: str) -> None:
        print(f"\n{self.bold}{title}{self.plain}", flush=True)

    def tell(self, text: str) -> None:
        for line in text.splitlines():
            print(f"    {line}", flush=True)

    def check(self, holds: bool, claim: str) -> None:
        if holds:
            self.held += 1
        else:
            self.broken.append(claim)
        print(f"  {self.good if holds else self.bad} {claim}", flush=True)

    def end(self) -> int:
        if self.broken:
            print(f"\n{len(self.broken)} of {self.held + len(self.broken)} steps did not hold:")
            for claim in self.broken:
                print(f"  {self.bad} {claim}")
            return 1
        print(f"\nAll {self.held} steps held.")
        return 0


def until(ask: Callable[[], T], holds: Callable[[T], bool], seconds: float = 20) -> T:
    """Asks again until the answer is as expected; the last answer if it never is."""
    deadline = time.monotonic() + seconds
    while not holds(answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer
