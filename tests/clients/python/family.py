"""A version's pedigree as a person would write it down."""

from herdbook.lineage.v1.graph_pb2 import Graph, Node
from herdbook.registry.v1 import version_pb2 as versions

SECTIONS = {
    "dataset": "data",
    "code": "code",
    "run": "experiment",
    "model_version": "models",
    "environment": "environment",
}


def family_tree(graph: Graph, version: versions.Version) -> str:
    lines = [f"{version.model} {version.label} ({version.stage})"]
    for kind, title in SECTIONS.items():
        nodes = [n.node for n in graph.nodes if n.node.key.kind == kind and n.depth > 0]
        lines.append(f"├─ {title}")
        lines += [f"│  {'└' if n is nodes[-1] else '├'}─ {describe(n)}" for n in nodes]
    return "\n".join(lines)


def describe(n: Node) -> str:
    facts = n.attributes
    match n.key.kind:
        case "dataset":
            return f"{n.key.name} {n.key.version[:19]}… {facts.get('step', '')}"
        case "code":
            commit, _, changes = n.key.version.partition("+")
            return f"{n.key.name} commit {commit[:12]}{' with uncommitted changes' if changes else ''}"
        case "run":
            return f"{facts.get('name', '')} {n.key.name} {facts.get('entry_point', '')} on {facts.get('branch', '')}"
        case "environment":
            packages = len(facts.get("requirements", "").splitlines())
            return f"Python {facts.get('python_version', '')} on {facts.get('platform', '')}, {packages} packages"
        case _:
            return f"{n.key.name}/{n.key.version} {facts.get('label', '')} {facts.get('stage', '')}"
