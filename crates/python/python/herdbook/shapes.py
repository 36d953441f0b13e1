"""What answers look like: the fields that are used most of some messages of the contract, for editors.

At run time all of them are `herdbook.Message`, with all the fields that the contract in `proto/` has.
"""

from datetime import datetime
from typing import Any, Protocol


class File(Protocol):
    """A file of a run or a version."""

    path: str
    digest: str
    """`sha256:` and 64 hex digits."""
    size: int
    """In bytes."""


class Version(Protocol):
    """A version of a model."""

    model: str
    number: int
    label: str
    stage: str
    description: str
    tags: dict[str, str]
    source: str
    run_id: str
    files: list[File]
    digest: str
    params: dict[str, str]
    metrics: dict[str, float]
    aliases: list[str]
    created_by: str
    created_at: datetime

    def to_dict(self) -> dict[str, Any]: ...


class RuleVerdict(Protocol):
    """How a rule judged a move."""

    rule: str
    passed: bool
    requirement: str
    evidence: str
    remedy: str


class Decision(Protocol):
    """A decision about a move between stages."""

    model: str
    version: int
    to: str
    outcome: str
    """`ALLOWED`, `PENDING`, `OVERRIDDEN`; of a dry run `WOULD_ALLOW`, `WOULD_REFUSE`, `WOULD_PEND`."""
    verdicts: list[RuleVerdict]
    displaced: list[int]
    request: int
    """Number of the request that waits for approvals, where the outcome is `PENDING`."""
    revision: int
