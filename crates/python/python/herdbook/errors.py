"""What can go wrong, as exceptions. All of them are `HerdbookError`."""

from dataclasses import dataclass
from typing import Any


class HerdbookError(Exception):
    """Herdbook did not do what was asked."""

    code: str
    """The gRPC code, such as `NOT_FOUND`."""
    message: str
    """What happened and what to do."""
    reason: str
    """A stable reason for programs, such as `RUN_NOT_FOUND`; empty if there is none."""
    fields: list[tuple[str, str]]
    """Fields of the request that are wrong, each with why."""
    request_id: str
    """What the server's log calls the request; empty if it was never there."""

    def __init__(self, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.reason = details.get("reason", "")
        self.fields = details.get("fields", [])
        self.request_id = details.get("request_id", "")


class InvalidRequest(HerdbookError):
    """What was asked for is wrong in itself; see `fields`."""


class NotFound(HerdbookError):
    """There is no such thing."""


class AlreadyExists(HerdbookError):
    """There is one already, with another content."""


class NotAllowed(HerdbookError):
    """The token is missing, expired or revoked, or its role does not suffice."""


class Unreachable(HerdbookError):
    """No server answers, or none in time."""


class Refused(HerdbookError):
    """The state of things does not allow it, or somebody was faster."""


@dataclass(frozen=True)
class RuleFailure:
    """A rule that a move does not satisfy."""

    kind: str
    """What kind of rule it is, such as `METRIC_THRESHOLD`."""
    version: str
    """The version that was to be moved, as `model/3`."""
    description: str
    """What it asks, what was found, and what would satisfy it."""


class TransitionRefused(Refused):
    """Rules refuse a move between stages."""

    failures: list[RuleFailure]
    """Each rule that failed, in the order of the policy."""

    def __init__(self, code: str, message: str, details: dict[str, Any]) -> None:
        super().__init__(code, message, details)
        self.failures = [RuleFailure(*failure) for failure in details.get("failures", [])]


_BY_CODE: dict[str, type[HerdbookError]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "UNAUTHENTICATED": NotAllowed,
    "PERMISSION_DENIED": NotAllowed,
    "OUT_OF_RANGE": InvalidRequest,
    "RESOURCE_EXHAUSTED": Refused,
    "FAILED_PRECONDITION": Refused,
    "ABORTED": Refused,
    "UNAVAILABLE": Unreachable,
    "CANCELLED": Unreachable,
    "DEADLINE_EXCEEDED": Unreachable,
}


def of_status(code: str, message: str, details: dict[str, Any]) -> HerdbookError:
    """The exception for a gRPC status; the extension module calls this."""
    if details.get("reason") == "TRANSITION_REFUSED":
        return TransitionRefused(code, message, details)
    return _BY_CODE.get(code, HerdbookError)(code, message, details)
