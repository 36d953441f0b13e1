"""Models: registering what a run made, moving it between stages, finding and fetching it."""

import hashlib
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from . import _internal
from .errors import AlreadyExists, HerdbookError, Unreachable
from .run import Run, _texts
from .session import session
from .shapes import Decision, Version


def register(
    run: Run | str, path: str, model: str, *, label: str = "", description: str = "",
    tags: Mapping[str, Any] | None = None, flavor: str = "", based_on: list[str] | None = None,
) -> Version:  # fmt: skip
    """Registers a file or a folder of a run's artifacts as the next version of a model, which is made if it is new.

    What the run has still to send is sent first. The files are taken as they are now: no bytes are copied, and what
    changes in the run later does not reach the version.
    """
    run_id = _sent(run)
    client = session.client()
    try:
        client.call("ModelService/CreateModel", {"name": model})
    except AlreadyExists:
        pass
    request = {
        "model": model, "source": f"runs:/{run_id}/{path}", "label": label, "description": description,
        "tags": _texts(tags or {}), "flavor": flavor, "based_on": based_on or [],
    }  # fmt: skip
    version: Version = client.call("VersionService/CreateVersion", request).version
    return version


def promote(
    model: str, version: int | str, to: str, *, comment: str = "", dry_run: bool = False, request: bool = False
) -> Decision:
    """Moves a version to a stage, if the model's rules allow it.

    `version` is a number or a reference's end, such as `champion` or `Staging`. Raises `TransitionRefused` with the
    `failures` of the rules. Where nothing but approvals is missing the outcome is `PENDING`. `dry_run` only tells what
    would happen, and never raises because of a rule; `request` opens a request whatever rule fails.
    """
    number = version if isinstance(version, int) else resolve(f"{model}@{version}").number
    asked = {
        "model": model, "version": number, "to": to, "comment": comment, "dry_run": dry_run, "request": request
    }  # fmt: skip
    decision: Decision = session.client().call("TransitionService/TransitionVersion", asked).decision
    return decision


def rollback(model: str, stage: str = "Production", *, to: int = 0, comment: str = "") -> Decision:
    """Returns a stage to the version that it held before, or to version `to` that it held once."""
    asked = {"model": model, "stage": stage, "version": to, "comment": comment}
    decision: Decision = session.client().call("TransitionService/RollbackStage", asked).decision
    return decision


def resolve(reference: str) -> Version:
    """The version that a reference means: `name@Production`, `name@champion`, `name/3`, `name@latest`."""
    version: Version = session.client().call("VersionService/GetVersion", {"reference": reference}).version
    return version


def set_alias(model: str, alias: str, version: int) -> None:
    """Has an alias, such as `champion`, mean this version."""
    session.client().call("ModelService/SetAlias", {"model": model, "alias": alias, "version": version})


def watch(model: str = "", *, after: int | None = None) -> Iterator["_internal.Message"]:
    """Every change of the registry, or of one model, each once and in order, for as long as one iterates.

    From now on, or after a revision. Goes on by itself after a lost connection. An event is an `AuditRecord` of the
    contract; its `revision` is where to go on.
    """
    while True:
        events = session.client().stream("TransitionService/Watch", {"model": model, "after_revision": after})
        try:
            for event in events:
                if event.which("event") == "record":
                    after = event.record.revision
                    yield event.record
                else:
                    after = event.bookmark
        except Unreachable:
            # The next call waits for the server as long as calls do, then raises.
            continue
        except HerdbookError as error:
            if error.code not in ("UNKNOWN", "INTERNAL", "CANCELLED") or after is None:
                raise


def download(source: Run | str, path: str = "", to: str | PathLike[str] = ".") -> list[Path]:
    """Fetches the files of a run, or of the version that a reference such as `cat-dog@Production` means, into a folder.

    `path` is a file or a folder of them, all if empty. A file appears when it is whole and has its digest. Returns
    where they lie, by path.
    """
    below = Path(to)
    client = session.client()
    if isinstance(source, str) and not _is_run(source):
        version = resolve(source)
        reference = f"{version.model}/{version.number}"
        files = [file for file in version.files if _within(file.path, path)]
        return [_fetch("VersionService/DownloadVersionFile", {"reference": reference}, file, below) for file in files]
    run_id = _sent(source)
    request = {"run_id": run_id, "path": path, "page_size": 1000}
    fetched = []
    while True:
        page = client.call("ArtifactService/ListArtifacts", request)
        fetched += [_fetch("ArtifactService/DownloadArtifact", {"run_id": run_id}, file, below) for file in page.files]
        if not page.next_page_token:
            return fetched
        request["page_token"] = page.next_page_token


def _fetch(method: str, whose: dict[str, Any], file: Any, below: Path) -> Path:
    target: Path = below / file.path
    if not target.resolve().is_relative_to(below.resolve()):
        raise ValueError(f"{file.path} would lie outside of {below}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    digest, got = hashlib.sha256(), 0
    with part.open("wb") as sink:
        while got < file.size:
            before = got
            try:
                for piece in session.client().stream(method, {**whose, "path": file.path, "offset": got}):
                    if piece.which("message") == "chunk":
                        chunk = piece.chunk
                        digest.update(chunk)
                        sink.write(chunk)
                        got += len(chunk)
            except HerdbookError as error:
                # A lost connection: go on with the next byte, as long as there is progress.
                if error.code not in ("UNAVAILABLE", "UNKNOWN", "INTERNAL", "CANCELLED") or got == before:
                    raise
    found = f"sha256:{digest.hexdigest()}"
    if file.digest and found != file.digest:
        part.unlink()
        raise HerdbookError("DATA_LOSS", f"{target} came with the digest {found}, not {file.digest}", {})
    part.replace(target)
    return target


def _within(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder.rstrip("/") + "/")


def _is_run(text: str) -> bool:
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _sent(run: Run | str) -> str:
    """The id of a run, all of which is at the server."""
    if isinstance(run, str):
        return run
    if not run._settled():
        raise HerdbookError("UNAVAILABLE", f"the server has not all of run {run.id} yet; try again later", {})
    return run.id
