"""Runs: begun, logged to and ended without ever waiting for the server, unless one asks to."""

import asyncio
import contextvars
import functools
import inspect
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

from . import _internal, surroundings
from .errors import HerdbookError
from .session import log, session

F = TypeVar("F", bound=Callable[..., Any])

_current: contextvars.ContextVar["Run | None"] = contextvars.ContextVar("herdbook_run", default=None)
_TEXT_BYTES = 8 * 1024
_ENTRIES = 1000


class Run(_internal.RunBase):
    """A run that this process logs to; from `start_run` or `resume`.

    Used as a context manager, plain or async, it ends with the block: FINISHED, or FAILED with what was raised.
    """

    _client: _internal.Client
    _strict: bool
    _told: set[str]
    _ended: bool

    # --- Logging ---------------------------------------------------------------------------------------------------

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Sets params, which are written once; nested mappings become keys with `/`. Values are kept as texts."""
        self._in_parts(self.ask_params, _texts(params))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets tags; the last value of one wins."""
        self._in_parts(self.ask_tags, _texts(tags))

    def use_dataset(
        self, name: str, *, digest: str = "", uri: str = "", context: str = "training", version: str | None = None
    ) -> None:
        """Tells which data the run read: lineage knows its models by it.

        `digest` is that of the content in your notation, such as `sha256:…`; `version` stands for one where the data
        has none.
        """
        dataset = {"name": name, "digest": digest or version or "", "uri": uri}
        self._do(lambda: self.ask_inputs([{"dataset": dataset, "context": context}]))

    def log_artifact(self, path: str | PathLike[str], to: str | None = None) -> None:
        """Keeps a file of the run, or all files of a folder, under `to` or their own name.

        The bytes are copied to the spool and sent in the background: the file may change as soon as this returns.
        """
        source = Path(path)
        name = to if to is not None else source.name
        files = [source]
        if source.is_dir():
            files = sorted(found for found in source.rglob("*") if found.is_file())
        for file in files:
            below = file.relative_to(source).as_posix()
            target = name if below == "." else f"{name}/{below}" if name else below
            self._do(functools.partial(self.ask_upload, file, target))

    def log_text(self, text: str, to: str) -> None:
        """Keeps a text as a file of the run."""
        with tempfile.TemporaryDirectory(prefix="herdbook-") as folder:
            file = Path(folder) / "text"
            file.write_bytes(text.encode(errors="surrogateescape"))
            self._do(lambda: self.ask_upload(file, to))
            if session.options.spool is None:
                # Without a copy the file itself is sent.
                self.flush()

    # --- Reading ---------------------------------------------------------------------------------------------------

    def info(self) -> "_internal.Message":
        """The run as the server has it: params, tags, latest metrics, status and the rest of the contract's `Run`."""
        self.flush()
        found: _internal.Message = session.client().call("RunService/GetRun", {"run_id": self.id}).run
        return found

    def history(
        self, *keys: str, min_step: int | None = None, max_step: int | None = None, samples: int = 0,
    ) -> Any:  # fmt: skip
        """Every point of these metrics, or of all, or samples, as a pandas DataFrame: see `herdbook.history`."""
        from .frames import history

        self.flush()
        return history(self.id, *keys, min_step=min_step, max_step=max_step, samples=samples)

    # --- The end ---------------------------------------------------------------------------------------------------

    def flush(self, timeout: float | None = None) -> bool:
        """Waits until the server has all that was logged, files included; for `timeout` seconds.

        Without a timeout for as long as the server takes it, and for the configured patience while it is away. Whether
        it has all. Raises what it refused, if strict.
        """
        try:
            return self._settled(timeout)
        except HerdbookError as error:
            self._refused(error)
            return False

    def finish(self, status: str = "FINISHED", *, reason: str = "", wait: bool = True) -> None:
        """Ends the run as FINISHED, FAILED or KILLED, with a reason if there is one.

        Waits until the server has all of it; not while that is away: then what is left is sent in the background and,
        if need be, by a later process.
        """
        if self._ended:
            return
        self._here()
        self._ended = True
        session.open_runs.pop(id(self), None)
        if reason:
            self.set_tags({"herdbook.failure": reason[: _TEXT_BYTES // 4]})
        pending = self.ask_finish(status)
        try:
            while wait and not session.options.offline and not pending.wait(0.1):
                if self._client.is_away():
                    break
        except HerdbookError as error:
            self._refused(error)

    def __enter__(self) -> "Run":
        self._tokens = [*getattr(self, "_tokens", []), _current.set(self)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tokens:
            _current.reset(self._tokens.pop())
        self._end(_status_of(error), error)

    async def __aenter__(self) -> "Run":
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tokens:
            _current.reset(self._tokens.pop())
        await asyncio.to_thread(self._end, _status_of(error), error)

    def __repr__(self) -> str:
        return f"<Run {self.id}>"

    # --- How it goes wrong -----------------------------------------------------------------------------------------

    def _end(self, status: str, error: BaseException | None, reason: str = "") -> None:
        if error is not None:
            reason = "".join(traceback.format_exception_only(error)).strip()
        self.finish(status, reason=reason)

    def _refused(self, problem: BaseException | str) -> None:
        """Raises what went wrong while logging, or warns of it once."""
        if self._strict:
            raise problem if isinstance(problem, BaseException) else ValueError(problem)
        text = str(problem)
        if text not in self._told and len(self._told) < _ENTRIES:
            self._told.add(text)
            log.warning("run %s: %s", self.id, text)

    def _settled(self, timeout: float | None = None) -> bool:
        self._here()
        if session.options.offline:
            return False
        pending = self.ask_settle()
        if timeout is not None:
            return pending.wait(timeout)
        deadline = time.monotonic() + session.options.patience
        while not pending.wait(0.5):
            if not self._client.is_away():
                deadline = time.monotonic() + session.options.patience
            elif time.monotonic() > deadline:
                return False
        return True

    def _do(self, ask: Callable[[], "_internal.Pending"]) -> None:
        try:
            self._here()
            pending = ask()
            if self._strict and not session.options.offline:
                pending.wait(session.options.patience)
        except (HerdbookError, ValueError, TypeError, OSError) as error:
            self._refused(error)

    def _in_parts(self, ask: Callable[[list[tuple[str, str]]], "_internal.Pending"], texts: dict[str, str]) -> None:
        pairs = list(texts.items())
        for first in range(0, len(pairs), _ENTRIES):
            self._do(functools.partial(ask, pairs[first : first + _ENTRIES]))

    def _here(self) -> None:
        if session.client() is not self._client:
            self._reopen()

    def _reopen(self) -> None:
        """Goes on in the child of a fork, or after the process was configured anew, as a writer of its own."""
        self._client = session.client()
        self.adopt(self._client)


def _status_of(error: BaseException | None) -> str:
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, (KeyboardInterrupt, asyncio.CancelledError)) else "FAILED"


def _texts(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            texts |= _texts(value, f"{prefix}{key}/")
        else:
            texts[f"{prefix}{key}"] = value if isinstance(value, str) else str(value)
    return texts


def start_run(
    experiment: str = "Default", *, name: str = "", params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None, description: str = "", parent: "Run | str | None" = None,
    based_on: list[str] | None = None, started_at: datetime | None = None, system: float | None = 10.0,
    capture: bool = True, strict: bool | None = None,
) -> Run:  # fmt: skip
    """Begins a run in an experiment, which is made if there is none of that name. Does not wait for the server.

    - `params`, `tags`: as `Run.set_params` and `Run.set_tags` take them.
    - `parent`: the run that this one is part of; by default the run in whose `with` block this is.
    - `based_on`: registered versions that it starts from, as `model/3`.
    - `system`: seconds between samples of CPU, memory, disk, network and GPUs, logged under `system/`; None for none.
    - `capture`: whether to record commit, changes, packages and machine.
    - `strict`: as in `configure`, for this run.
    """
    parent = parent or _current.get()
    request: dict[str, Any] = {
        "name": name,
        "description": description,
        "params": _texts(params or {}),
        "tags": _texts(tags or {}),
        "parent_run_id": parent.id if isinstance(parent, Run) else parent or "",
        "based_on": based_on or [],
        "started_at": started_at,
    }
    diff = b""
    if capture:
        request["source"], diff = surroundings.source()
        request["environment"] = surroundings.environment()
        request["tags"] = surroundings.machine() | request["tags"]
    client = session.client()
    run: Run = Run(client, experiment=experiment, request=request)
    _opened(run, client, strict, system)
    if diff:
        run.log_text(diff.decode(errors="surrogateescape"), "source/changes.diff")
    return run


def resume(run_id: str, *, system: float | None = None, strict: bool | None = None) -> Run:
    """Goes on with a run that is there, also beside others that log to it. Does not ask the server whether it is."""
    client = session.client()
    run: Run = Run(client, run_id=run_id)
    _opened(run, client, strict, system)
    return run


def _opened(run: Run, client: _internal.Client, strict: bool | None, system: float | None) -> None:
    run._client = client
    run._strict = session.options.strict if strict is None else strict
    run._told, run._ended = set(), False
    session.open_runs[id(run)] = run
    if system:
        run.sample(system)


def current_run() -> Run | None:
    """The run in whose `with` block this is; None outside of any."""
    return _current.get()


@overload
def track(function: F) -> F: ...
@overload
def track(*, experiment: str = ..., **options: Any) -> Callable[[F], F]: ...
def track(function: Any = None, *, experiment: str = "", **options: Any) -> Any:
    """Makes a run of every call of a function, plain or async: its arguments are the params.

    `@hb.track` or `@hb.track(experiment="cats", …)` with the options of `start_run`. The experiment is called like the
    function's module if it is not named. Inside, `current_run()` is the run.
    """
    if function is None:
        return functools.partial(track, experiment=experiment, **options)
    signature = inspect.signature(function)

    def begin(arguments: tuple[Any, ...], named: dict[str, Any]) -> Run:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        params = {name: value for name, value in bound.arguments.items() if name not in ("self", "cls")}
        params = {name: value for name, value in params.items() if len(str(value)) <= _TEXT_BYTES // 4}
        where = experiment or function.__module__
        return start_run(where, params=params, **{"name": function.__qualname__, **options})

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def tracked_async(*arguments: Any, **named: Any) -> Any:
            async with begin(arguments, named):
                return await function(*arguments, **named)

        return tracked_async

    @functools.wraps(function)
    def tracked(*arguments: Any, **named: Any) -> Any:
        with begin(arguments, named):
            return function(*arguments, **named)

    return tracked
