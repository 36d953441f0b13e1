"""What lineage writes for others, read by their own readers, of names that were chosen to break it."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))

import prov.model
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from services import Services

from herdbook.lineage.v1.export_pb2 import (
    EXPORT_FORMAT_CYCLONEDX,
    EXPORT_FORMAT_JSON_GRAPH,
    EXPORT_FORMAT_PROV_JSON,
    ExportPedigreeRequest,
)
from herdbook.lineage.v1.graph_pb2 import EDGE_TYPE_GENERATED, Edge, Node, NodeKey
from herdbook.lineage.v1.kind_pb2 import KIND_SORT_ENTITY, DefineKindRequest, Kind
from herdbook.lineage.v1.record_pb2 import RecordRequest

HOSTILE = [
    'a "b" \\N \'c\'',
    "--> x %%{init: {}}%%",
    "<script>&amp;#quot;</script>",
    "]]; } { [( `*_| $$x$$",
    "git@github.com:org/repo",
    "100%@2",
    "\u202eback\u202c \u200f\u05d0",
    "e\u0301 \U0001f9ec \u4e2d\u6587",
    "- 1. # list",
]


def key(kind: str, name: str, version: str = "") -> NodeKey:
    return NodeKey(kind=kind, name=name, version=version)


def record(services: Services) -> NodeKey:
    """A model that came from everything hostile, in every kind."""
    model, run = key("model_version", 'fraud "x" --> y', "3"), key("run", "r\u202e1")
    nodes = [
        Node(key=model, attributes={"digest": "sha256:" + "0f" * 32, "label": "v1\n\x1b[2J"}),
        Node(key=run, attributes={"name": "a\nb", "user": "ana\u2028<x>", "started_at": "yesterday"}),
    ]
    edges = [Edge(source=run, target=model, type=EDGE_TYPE_GENERATED)]
    services.lineage.DefineKind(DefineKindRequest(kind=Kind(name="own_kind", sort=KIND_SORT_ENTITY)))
    for place, name in enumerate(HOSTILE):
        for kind in ("dataset", "code", "environment", "artifact", "pipeline", "own_kind", "model_version"):
            source = key(kind, name, "sha256:" + f"{place:02x}" * 32 if place % 2 else "")
            attributes = {
                "uri": name if place % 2 else "s3://bucket/a%20b",
                "requirements": f"numpy==2.4.6\n{name}\ntorch[x]==2.9.0+cu128",
                "odd\u202e key": f"\x01\x7f\r\n{name}",
            }
            tags = ["pii", f"licence:{name}", "licence:Apache-2.0"]
            nodes.append(Node(key=source, attributes=attributes, tags=tags))
            edge_type = 1 + place % 4
            edges.append(Edge(source=source, target=run, type=edge_type, label=name))
    services.lineage.Record(RecordRequest(nodes=nodes, edges=edges))
    return model


def export(services: Services, model: NodeKey, form: int) -> str:
    node = f"{model.kind}:{model.name}@{model.version}"
    parts = services.lineage.ExportPedigree(ExportPedigreeRequest(node=node, format=form))
    return b"".join(part.chunk for part in parts).decode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    address = parser.parse_args().address
    services = Services.at(address, address, address)
    model = record(services)
    count = 2 + 7 * len(HOSTILE)

    bill = export(services, model, EXPORT_FORMAT_CYCLONEDX)
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill)
    assert errors is None, errors
    written = json.loads(bill)
    packages = {c["purl"] for c in written["components"] if "purl" in c}
    assert {"pkg:pypi/numpy@2.4.6", "pkg:pypi/torch@2.9.0%2Bcu128"} <= packages, packages
    assert written["metadata"]["component"]["name"] == model.name
    assert written == json.loads(export(services, model, EXPORT_FORMAT_CYCLONEDX))
    print(f"CycloneDX validates: {len(written['components'])} components")

    document = prov.model.ProvDocument.deserialize(
        content=export(services, model, EXPORT_FORMAT_PROV_JSON), format="json"
    )
    elements = {str(e.identifier) for e in document.get_records(prov.model.ProvElement)}
    elements = {name for name in elements if not name.startswith("herdbook:person/")}
    assert len(elements) == count, (len(elements), count)
    assert prov.model.ProvDocument.deserialize(content=document.serialize()) == document
    print(f"PROV-JSON validates: {len(elements)} elements")

    graph = json.loads(export(services, model, EXPORT_FORMAT_JSON_GRAPH))["graph"]
    assert {n["metadata"]["name"] for n in graph["nodes"].values()} >= set(HOSTILE)
    assert len(graph["nodes"]) == count
    print(f"JSON Graph parses: {len(graph['nodes'])} nodes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
