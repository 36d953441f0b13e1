"""One table of language by step."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

STEPS = {
    "connect": "connect with a token",
    "tls": "TLS by a CA file; of another CA a clear error",
    "create": "create an experiment and a run",
    "stream": "10,000 points, the connection cut meanwhile",
    "params": "log params",
    "artifact": "20 MB artifact, up and down, by digest",
    "curve": "a curve of at most 100 buckets",
    "search": "find the run",
    "register": "register a version, with a rule",
    "refused": "a refused move, its rules from typed details",
    "granted": "a granted move, and `resolve`",
    "watch": "watch through a cut; list again when out of range",
    "lineage": "walk the lineage up",
    "restart": "server killed and started meanwhile",
    "deadline": "a deadline passes",
    "too-large": "a message that is too large",
    "newer": "a newer server: unknown field and enum value",
    "older": "an older server: a call that it lacks",
    "delete": "delete the run",
    "token": "token revoked, token expired",
    "nobody": "no server: clear and soon",
}
BEGIN, END = "<!-- table: made by `./dev test --clients --markdown` -->", "<!-- end of table -->"


@dataclass(frozen=True)
class Step:
    """What a program says about a step."""

    name: str
    passed: bool
    detail: str = ""
    seconds: float = 0.0


class Table:
    """What passed, by language."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._passed: dict[str, set[str]] = {}

    async def add(self, language: str, steps: AsyncIterator[Step]) -> None:
        passed = self._passed.setdefault(language, set())
        async for step in steps:
            print(f"{step.name:10} {'ok' if step.passed else 'FAILED':6} {step.seconds:6.2f} s  {step.detail}", flush=True)
            if step.passed:
                passed.add(step.name)
            else:
                self.problems.append(f"{language}, {step.name}: {step.detail}")
        if missing := [name for name in STEPS if name not in passed]:
            self.problems.append(f"{language}: not passed: {', '.join(missing)}")

    def markdown(self) -> str:
        languages = list(self._passed)
        rows = [["Step", *languages], ["---", *(":-:" for _ in languages)]]
        for name, title in STEPS.items():
            rows.append([title, *("✓" if name in self._passed[language] else "✗" for language in languages)])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def write(page: Path, table: Table) -> None:
    """Puts the table in place of the one that the page has between its marks."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table.markdown()}\n\n{END}{after}")
