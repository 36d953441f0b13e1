"""The process's connection: its options, its one client, and how it ends.

Everything here is made when it is first needed, and anew in the child of a fork. A process that ends, by itself, by an
exception or by SIGTERM, first sends what it has logged; what the server does not take in time stays in the spool.
"""

import atexit
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from . import _internal
from .errors import HerdbookError

if TYPE_CHECKING:
    from .run import Run

log = logging.getLogger("herdbook")


def _environment(name: str) -> str | None:
    return os.environ.get(name) or None


def _spool() -> str | None:
    return _environment("HERDBOOK_SPOOL") or _internal.default_spool()


@dataclass(frozen=True)
class Options:
    """How this process reaches Herdbook; see `configure`."""

    url: str = field(default_factory=lambda: _environment("HERDBOOK_URL") or "http://127.0.0.1:5757")
    token: str | None = field(default_factory=lambda: _environment("HERDBOOK_TOKEN"), repr=False)
    workspace: str | None = field(default_factory=lambda: _environment("HERDBOOK_WORKSPACE"))
    ca_file: str | None = field(default_factory=lambda: _environment("HERDBOOK_CA_FILE"))
    spool: str | os.PathLike[str] | None = field(default_factory=_spool)
    spool_bytes: int = 1 << 30
    memory: int = 64 << 20
    patience: float = 10.0
    offline: bool = field(default_factory=lambda: _environment("HERDBOOK_OFFLINE") == "1")
    strict: bool = False
    writer: str | None = None


class Session:
    """The client of this process and the runs that it has open."""

    def __init__(self) -> None:
        self.options = Options()
        self.open_runs: dict[int, Run] = {}
        self._client: _internal.Client | None = None
        self._lock = threading.RLock()
        self._hooked = False

    def configure(self, **changes: Any) -> None:
        with self._lock:
            options = replace(self.options, **changes)
            if options != self.options:
                self.close()
                self.options = options

    def client(self) -> "_internal.Client":
        with self._lock:
            if self._client is None:
                self._client = self._made()
                threading.Thread(target=_tell, args=(self._client,), name="herdbook-events", daemon=True).start()
                self._hook()
            return self._client

    def _made(self) -> "_internal.Client":
        try:
            return _made(self.options)
        except HerdbookError as error:
            # The folder that nobody chose is not worth a training.
            if self.options.spool != _internal.default_spool() or self.options.offline:
                raise
            log.warning("%s; without one, what is not sent when the process ends is lost", error)
            self.options = replace(self.options, spool=None)
            return _made(self.options)

    def _hook(self) -> None:
        if self._hooked:
            return
        self._hooked = True
        atexit.register(self.end)
        sys.excepthook = _on_exception(sys.excepthook)
        # Somebody who handles SIGTERM knows better than we do.
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _on_sigterm)
        if "multiprocessing" in sys.modules:
            # Its children end without atexit.
            from multiprocessing.util import Finalize

            Finalize(None, self.end, exitpriority=10)

    def close(self, within: float | None = None) -> bool:
        """Whether nothing is left."""
        with self._lock:
            client, self._client = self._client, None
        if client is None:
            return True
        within = 0 if self.options.offline else self.options.patience if within is None else within
        _, in_spool, lost, left = client.close(within)
        return in_spool + lost + left == 0

    def end(self) -> None:
        """Ends the runs that nobody ended, and sends what there is."""
        for run in list(self.open_runs.values()):
            run._end("FINISHED", None)
        self.close()

    def after_fork(self) -> None:
        # The parent's client has no threads here, and its runs are not ours to end.
        self._client, self._lock, self._hooked = None, threading.RLock(), False
        self.open_runs = {}


def _made(options: Options) -> "_internal.Client":
    return _internal.Client(
        options.url, token=options.token or None, workspace=options.workspace or None, ca_file=options.ca_file or None,
        spool=options.spool, spool_bytes=options.spool_bytes, memory=options.memory, patience=options.patience,
        offline=options.offline, writer=options.writer,
    )  # fmt: skip


def _tell(client: "_internal.Client") -> None:
    """Hands what the client does by itself to `logging`."""
    while (event := client.next_event(3600.0)) is not False:
        if event:
            level, text = event
            getattr(log, level)("%s", text)


def _on_exception(before: Any) -> Any:
    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        before(kind, error, trace)
        status = "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        for run in list(session.open_runs.values()):
            run._end(status, error)

    return hook


def _on_sigterm(number: int, frame: Any) -> None:
    for run in list(session.open_runs.values()):
        run._end("KILLED", None, "SIGTERM")
    session.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _after_fork() -> None:
    _internal.forked()
    session.after_fork()


session = Session()
os.register_at_fork(after_in_child=_after_fork)


def configure(
    *, url: str | None = None, token: str | None = None, workspace: str | None = None, ca_file: str | None = None,
    spool: str | os.PathLike[str] | None = None, spool_bytes: int | None = None, memory: int | None = None,
    patience: float | None = None, offline: bool | None = None, strict: bool | None = None, writer: str | None = None,
) -> None:  # fmt: skip
    """Changes how this process reaches Herdbook; what is not given stays as it is.

    Call it before the first run: the client that there is ends first, with all that it has.

    - `url`: address of the server; from `HERDBOOK_URL`, or `http://127.0.0.1:5757`.
    - `token`: what to call with; from `HERDBOOK_TOKEN`.
    - `workspace`: where to work; from `HERDBOOK_WORKSPACE`, or that of the token.
    - `ca_file`: certificates (PEM) by one of which an `https://` server must be signed; from `HERDBOOK_CA_FILE`, or
      the system's.
    - `spool`: folder in which everything waits until the server has it; from `HERDBOOK_SPOOL`, or `herdbook/spool` in
      the user's data.
    - `spool_bytes`: bytes of points in it at most; 1 GiB.
    - `memory`: bytes of points that may wait in memory; 64 MiB. Beyond both, points are dropped, counted and told.
    - `patience`: seconds for which calls are tried again while the server is away, and for which the end of a run or
      of the process waits; 10.
    - `offline`: send nothing, keep all in the spool for `herdbook sync`; from `HERDBOOK_OFFLINE=1`.
    - `strict`: raise what goes wrong while logging, instead of warning by the logger `herdbook`.
    - `writer`: what the server calls this process, such as `worker-3`; the host's name.
    """
    session.configure(**{name: value for name, value in locals().items() if value is not None})


def sync(within: float = 60.0) -> bool:
    """Sends what waits in the spool and is not of a run that is open, for `within` seconds at most.

    Whether nothing is left.
    """
    if not session.open_runs:
        session.close(within)
    client = _made(session.options)
    threading.Thread(target=_tell, args=(client,), name="herdbook-events", daemon=True).start()
    _, in_spool, lost, left = client.close(within)
    return in_spool + lost + left == 0


def call(
    method: str, request: "dict[str, Any] | _internal.Message | None" = None, *, timeout: float | None = None
) -> "_internal.Message":
    """Calls a method of the contract that answers once, such as `RunService/GetRun`.

    The request is a dict with the contract's field names, or a message: enums by name (`FINISHED`), times as
    `datetime`, spans as `timedelta`. The answer's fields are its attributes. Tries again while the server is away.
    `timeout` in seconds bounds all of it.
    """
    return session.client().call(method, request or {}, timeout=timeout)


def stream(
    method: str, request: "dict[str, Any] | _internal.Message | None" = None, *, timeout: float | None = None
) -> "_internal.MessageStream":
    """Calls a method whose answer is a stream, such as `TransitionService/Watch`, and iterates over its messages."""
    return session.client().stream(method, request or {}, timeout=timeout)
