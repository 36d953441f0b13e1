"""Herdbook: experiment tracking, model registry and model lineage.

    import herdbook as hb

    with hb.start_run("cats", params={"lr": 0.01}) as run:
        for step in range(1000):
            run.log({"loss": loss, "accuracy": accuracy}, step=step)
        run.log_artifact("model.pkl")
    hb.register(run, "model.pkl", "cat-dog")
    hb.promote("cat-dog", 3, "Production")

Logging never waits for the server and, unless `strict`, never raises: points and all else go to a spool on disk and
from there to the server, exactly once, by this process or by a later one. Whatever asks the server for an answer waits
for it, for a bounded time, and raises a `HerdbookError`.
"""

from ._internal import Message, __version__
from .errors import (
    AlreadyExists,
    HerdbookError,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Refused,
    RuleFailure,
    TransitionRefused,
    Unreachable,
)  # fmt: skip
from .frames import curve, history, runs, search
from .lineage import Pedigree, impact, lineage
from .registry import download, promote, register, resolve, rollback, set_alias, watch
from .run import Run, current_run, resume, start_run, track
from .session import call, configure, stream, sync

__all__ = [
    "AlreadyExists", "HerdbookError", "InvalidRequest", "Message", "NotAllowed", "NotFound", "Pedigree", "Refused",
    "RuleFailure", "Run", "TransitionRefused", "Unreachable", "__version__", "call", "configure",
    "current_run", "curve", "download", "history", "impact", "lineage", "promote", "register", "resolve", "resume",
    "rollback", "runs", "search", "set_alias", "start_run", "stream", "sync", "track", "watch",
]  # fmt: skip
