"""What came from what."""

from example import Example

from .tracking import DATASET, RUN

VERSION = "model_version:fraud-detector@1"
STATE = {"kind": "dataset", "name": DATASET["name"], "version": DATASET["digest"]}
DATA = f"dataset:{DATASET['name']}@{DATASET['digest']}"
RAW = {"kind": "dataset", "name": "raw-payments", "version": "2026-10"}
COPY = {"kind": "dataset", "name": "payments-copy", "version": DATASET["digest"]}

STORY = [
    Example(
        "LineageService/Record",
        {
            "nodes": [{"key": RAW, "attributes": {"uri": "s3://lake/raw/2026-10.parquet"}}],
            "edges": [{"source": RAW, "target": STATE, "type": "EDGE_TYPE_DERIVED_FROM", "label": "clean"}],
            "column_links": [{"source": RAW, "target": STATE, "links": [{"source_field": "amount_cents", "target_field": "amount"}]}],
            "facets": [{"node": RAW, "name": "documentation", "scope": "dataset", "document": '{"description": "As the bank sends it"}'}],
        },
    ),
    Example("LineageService/GetNodes", {"node": "dataset:raw-payments"}),
    Example("LineageService/SearchNodes", {"text": "payments", "kinds": ["dataset"], "limit": 20}),
    Example("LineageService/TagNode", {"node": "dataset:raw-payments", "add": ["pii"]}),
    Example("LineageService/GetAncestors", {"node": VERSION, "depth": 5, "kinds": ["dataset"]}),
    Example("LineageService/GetDescendants", {"node": DATA, "filter": {"without_tags": ["test"]}}),
    Example("LineageService/FindImpact", {"node": DATA, "stage": "Production"}),
    Example("LineageService/FindPath", {"from": DATA, "to": VERSION}),
    Example("LineageService/ExportPedigree", {"node": VERSION, "format": "EXPORT_FORMAT_PROV_JSON"}),
    Example("LineageService/Prove", {"node": VERSION, "suspect_tags": ["biased"]}),
    Example("LineageService/ExportProof", {"question": {"node": VERSION, "suspect_tags": ["biased"]}}),
    Example("LineageService/ComparePedigrees", {"from": VERSION, "to": "model_version:fraud-detector@2"}),
    Example("LineageService/CheckCompleteness", {"node": VERSION}),
    Example("LineageService/GetReproduction", {"node": VERSION}),
    Example("LineageService/WalkGraph", {"node": VERSION, "kinds": ["run"]}),
    Example("LineageService/GetHistory", {"node": f"run:{RUN}"}),
    Example("LineageService/GetFacets", {"node": "dataset:raw-payments", "name": "documentation"}),
    Example("LineageService/GetColumnLineage", {"node": DATA, "field": "amount"}),
    Example("LineageService/FindColumnImpact", {"node": "dataset:raw-payments@2026-10", "field": "amount_cents"}),
    Example("LineageService/GetInheritedTags", {"node": VERSION}),
    Example("LineageService/Record", {"nodes": [{"key": COPY}]}),
    Example("LineageService/FindDuplicates", {}),
    Example("LineageService/MergeNodes", {"from": COPY, "into": STATE, "reason": "the same bytes under another name"}),
    Example(
        "LineageService/SetAlias",
        {"alias": {"kind": "dataset", "name": "warehouse.payments", "version": DATASET["digest"]}, "node": STATE},
    ),
    Example("LineageService/Record", {"nodes": [{"key": {"kind": "dataset", "name": "typo", "version": "1"}}]}),
    Example(
        "LineageService/Retract",
        {"nodes": [{"kind": "dataset", "name": "typo", "version": "1"}], "with_edges": True, "reason": "the wrong bucket"},
    ),
    Example(
        "LineageService/DefineKind",
        {"kind": {
            "name": "dashboard", "description": "What people look at", "sort": "KIND_SORT_ENTITY",
            "attributes": [{"name": "url", "type": "ATTRIBUTE_TYPE_URI"}],
        }},
    ),
    Example("LineageService/ListKinds", {}),
    Example("LineageService/DeleteKind", {"name": "dashboard"}),
]
