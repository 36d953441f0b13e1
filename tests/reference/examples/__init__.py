"""A story of calls, which is every rpc of the contract at least once."""

from example import Example

from . import access, lineage, registry, team, tracking

STORY: list[Example] = [
    *access.BEGIN, *tracking.BEGIN, *registry.STORY, *lineage.STORY, *team.STORY, *tracking.END, *access.END,
]  # fmt: skip
