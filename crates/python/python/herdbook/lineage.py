"""Pedigrees: what came from what."""

from dataclasses import dataclass
from typing import Any

from . import _internal
from .errors import NotFound
from .run import Run
from .session import session


@dataclass(frozen=True)
class Pedigree:
    """Nodes and the edges between them, nearest first."""

    node: str
    """What was asked about, as `kind:name@version`."""
    graph: "_internal.Message"
    """A `Graph` of the contract: `nodes`, `edges`, `truncated`."""

    def names(self, kind: str | None = None) -> list[str]:
        """The nodes besides the one asked about, as `kind:name@version`; only those of a kind, such as `dataset`."""
        nodes = [found.node.key for found in self.graph.nodes if found.depth > 0]
        return [_written(key) for key in nodes if kind in (None, key.kind)]

    def to_frame(self) -> Any:
        """A pandas DataFrame of the nodes: kind, name, version, depth (edges away), tags and attributes (a dict)."""
        from .frames import pandas

        columns = ["kind", "name", "version", "depth", "tags", "attributes"]
        rows = []
        for found in self.graph.nodes:
            key = found.node.key
            rows.append([key.kind, key.name, key.version, found.depth, found.node.tags, found.node.attributes])
        return pandas().DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        edges = [(_written(edge.source), edge.type, _written(edge.target)) for edge in self.graph.edges]
        return "\n".join(f"{source} -{kind}-> {target}" for source, kind, target in edges) or self.node


def lineage(
    of: "Run | Any | str", *, descendants: bool = False, depth: int = 0, kinds: list[str] | None = None
) -> Pedigree:
    """What something came from; with `descendants`, what came of it.

    `of` is a run, a version, a reference such as `cat-dog@Production`, or a node as `dataset:name@digest`. `depth` is
    the number of edges to follow, all if 0; `kinds` are those to show. What has been logged just now may take a moment
    to be there.
    """
    node = _node(of)
    method = "GetDescendants" if descendants else "GetAncestors"
    answer = session.client().call(f"LineageService/{method}", {"node": node, "depth": depth, "kinds": kinds or []})
    return Pedigree(node, answer.graph)


def impact(of: "Run | Any | str", stage: str = "Production") -> list[str]:
    """The versions in a stage that descend from something, as `model/number`."""
    request: dict[str, Any] = {"node": _node(of), "stage": stage, "page_size": 1000}
    found: list[str] = []
    while True:
        page = session.client().call("LineageService/FindImpact", request)
        found += [f"{one.version.key.name}/{one.version.key.version}" for one in page.impacts]
        if not page.next_page_token:
            return found
        request["page_token"] = page.next_page_token


def _node(of: Any) -> str:
    if isinstance(of, Run):
        of.flush()
        return f"run:{of.id}"
    if isinstance(of, str):
        kind, mark, _ = of.partition(":")
        if mark and "@" not in kind and "/" not in kind and kind != "model":
            return of
        try:
            of = session.client().call("VersionService/GetVersion", {"reference": of}).version
        except NotFound as error:
            error.add_note("lineage is asked of a run, a version, a reference, or a node written kind:name@version")
            raise
    return f"model_version:{of.model}@{of.number}"


def _written(key: Any) -> str:
    return f"{key.kind}:{key.name}@{key.version}" if key.version else f"{key.kind}:{key.name}"
