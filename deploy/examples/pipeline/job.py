"""A job for any CI: checks a version of a model, asks for its promotion, and deploys it when that is granted.

    python job.py fraud-detector/3 --service payments-eu --port 8080 --check "loads=python checks/loads.py"

Needs Python 3.11 and the `herdbook` command; HERDBOOK_URL and HERDBOOK_TOKEN say where and as whom. Exit codes:

    0  deployed, and healthy for as long as it was watched
    1  failed; what had been deployed was rolled back
    4  refused by a rule; nothing was deployed
    7  nobody approved in time; the request was withdrawn, nothing was deployed

Others are those of the `herdbook` command that failed.
"""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from fcntl import LOCK_EX, flock
from pathlib import Path

from registry import Answer, CommandFailed, Exit, ask, need
from service import Release, Service

CHECK_S = 3600


def main() -> int:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with alone(options.folder / f"{options.service}.lock"):
            return Job(options).run()
    except CommandFailed as failed:
        say(str(failed))
        return failed.answer.code


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="job.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", help="the version: model/number")
    parser.add_argument("--stage", default="Production", help="the stage it is to stand in [Production]")
    parser.add_argument("--service", required=True, help="the service that serves what stands there")
    parser.add_argument("--port", type=int, required=True, help="where it serves")
    parser.add_argument(
        "--check", action="append", default=[], metavar="NAME=COMMAND",
        help="a command that gets the folder with the version's files and ends with 0 if it passes; may be repeated",
    )  # fmt: skip
    parser.add_argument("--wait", type=float, default=3600, metavar="S", help="how long to wait for approval [3600]")
    parser.add_argument("--start", type=float, default=60, metavar="S", help="how long it may take to be healthy [60]")
    parser.add_argument("--watch", type=float, default=60, metavar="S", help="how long it has to stay healthy [60]")
    parser.add_argument("--every", type=float, default=2, metavar="S", help="how often to look [2]")
    parser.add_argument("--build", default="", help="what the CI calls this build, such as 812")
    parser.add_argument("--url", default="", help="the CI's page of this build")
    parser.add_argument("--folder", type=Path, default=Path("deployment"), help="for files and state [deployment]")
    return parser.parse_args()


class Job:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.model, _, number = options.version.rpartition("/")
        if not self.model or not number.isdigit():
            sys.exit(f"{options.version!r} is not model/number")
        self.comment = f"build {options.build}" if options.build else "deployment job"
        self.service = Service(options.service, options.port, options.folder)

    def run(self) -> int:
        release = self.fetch(self.options.version)
        self.check(release)
        answer = self.decide(release)
        if answer.code != Exit.DONE:
            say(answer.words)
            return answer.code
        standing = need("models", "resolve", f"{self.model}@{self.options.stage}")
        if standing["version"] != release.number:
            say(f"{self.model}/{standing['version']} has been promoted since; its own job deploys it")
            return Exit.REFUSED
        return self.deploy(release)

    def fetch(self, reference: str) -> Release:
        """The files of a version, each compared with its digest by the command."""
        found = need("models", "resolve", reference)
        folder = self.options.folder / "releases" / f"{found['model']}-{found['version']}"
        need("models", "download", f"{found['model']}/{found['version']}", "--to", str(folder))
        say(f"{found['model']}/{found['version']} is {found['digest']}")
        return Release(found["model"], found["version"], found["digest"], folder)

    def check(self, release: Release) -> None:
        """Runs the checks, and reports each about exactly these files. The policy says which of them count."""
        for check in self.options.check:
            name, _, command = check.partition("=")
            passed, details = run_check([*shlex.split(command), str(release.folder)])
            verdict = "passed" if passed else "failed"
            say(f"check {name} {verdict}: {details}")
            need(
                "models", "check", "report", release.name, name, f"--{verdict}",
                "--digest", release.digest, "--details", details, "--url", self.options.url,
            )  # fmt: skip

    def decide(self, release: Release) -> Answer:
        """Asks for the promotion, and waits for who has to approve it."""
        answer = ask("models", "promote", release.name, self.options.stage, "--comment", self.comment)
        if answer.code != Exit.PENDING:
            return answer
        request = str(answer.content["request"])
        say(f"waits for approval: herdbook models approve {request}")
        deadline = time.monotonic() + self.options.wait
        while time.monotonic() < deadline:
            asked = ask("models", "show-request", request)
            # A server that restarts is asked again.
            if asked.code == Exit.DONE and (closed := outcome(asked.content["request"])):
                return closed
            if asked.code not in (Exit.DONE, Exit.UNREACHABLE):
                return asked
            time.sleep(self.options.every)
        # Not left open: an approval tomorrow would promote a version that no job deploys.
        ask("models", "withdraw", request, "--comment", f"{self.comment}: nobody approved in time")
        closed = outcome(need("models", "show-request", request)["request"])
        return closed if closed and closed.code == Exit.DONE else Answer(Exit.PENDING, {}, "nobody approved in time")

    def deploy(self, release: Release) -> int:
        before = self.service.version
        deployed = Deployment(self, release)
        if not (problem := deployed.serve()):
            say(f"{self.options.service} serves {release.name}")
            return Exit.DONE
        say(f"{release.name} is not well: {problem}; rolling back")
        deployed.end("rolled back", problem)
        return self.roll_back(problem, before)

    def roll_back(self, problem: str, before: str) -> int:
        """Has the stage return to what it held before, and serves that; or what was served before, if it may not return."""
        answer = ask(
            "models", "rollback", self.model, self.options.stage, "--comment", f"{self.comment}: {problem}"
        )  # fmt: skip
        if answer.code == Exit.DONE:
            before = f"{self.model}/{answer.content['version']}"
        else:
            say(f"{self.options.stage} stays as it is: {answer.words}")
        if not before:
            self.service.stop()
            say(f"{self.options.service} is stopped: it served nothing before")
            return Exit.FAILED
        release = self.fetch(before)
        again = Deployment(self, release)
        if problem := again.serve():
            again.end("failed", problem)
            say(f"{release.name} is not well either: {problem}")
        else:
            say(f"rolled back: {self.options.service} serves {release.name}")
        return Exit.FAILED


class Deployment:
    """A version that serves from a time on: a node of lineage."""

    def __init__(self, job: Job, release: Release) -> None:
        self.job, self.release = job, release
        self.began = now()
        self.node = f"deployment:{job.options.service}@{release.number}/{self.began}"

    def serve(self) -> str:
        """Starts it, records it, and watches it; what is wrong, or nothing."""
        # Recorded first: what serves is never unknown.
        self._record("deploying", "--used", self.release.name, "--held-from", self.began)
        if replaced := self.job.service.deployment:
            need("lineage", "record", replaced, "--held-until", self.began)
        self.job.service.start(self.release)
        self.job.service.remember(self.release.name, self.node)
        problem = self._watch()
        if not problem:
            self._record("healthy")
        return problem

    def end(self, outcome: str, problem: str) -> None:
        self._record(outcome, "--attribute", f"problem={problem}", "--held-until", now())
        self.job.service.forget()

    def _watch(self) -> str:
        options, began = self.job.options, time.monotonic()
        while problem := self.job.service.problem(self.release):
            if time.monotonic() > began + options.start:
                return problem
            time.sleep(min(options.every, 0.2))
        healthy_since = time.monotonic()
        while time.monotonic() < healthy_since + options.watch:
            time.sleep(options.every)
            if problem := self.job.service.problem(self.release):
                return problem
        return ""

    def _record(self, outcome: str, *arguments: str) -> None:
        options = self.job.options
        facts = {"service": options.service, "outcome": outcome, "build": options.build, "url": options.url}
        attributes = [word for name, fact in facts.items() if fact for word in ("--attribute", f"{name}={fact}")]
        need("lineage", "record", self.node, *attributes, *arguments)


def run_check(command: list[str]) -> tuple[bool, str]:
    """Whether a check passed, and the last line that it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CHECK_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else f"exit code {done.returncode}"


def outcome(request: dict) -> Answer | None:
    """What a closed request means for the job; nothing while it is open."""
    match request["state"].removeprefix("REQUEST_STATE_"):
        case "OPEN":
            return None
        case "DONE":
            return Answer(Exit.DONE, request, "")
        case "EXPIRED":
            return Answer(Exit.PENDING, request, "nobody approved before the request expired")
        case state:
            by = f" by {request['closed_by']}" if request["closed_by"] else ""
            return Answer(Exit.REFUSED, request, f"the request was {state.lower()}{by}")


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """One job a service at a time."""
    with file.open("w") as lock:
        flock(lock, LOCK_EX)
        yield


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
