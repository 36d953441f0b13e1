"""OpenLineage's own client against Herdbook: two environment variables, and every facet of its classes.

Run it with OPENLINEAGE_URL (and OPENLINEAGE_API_KEY where tokens are asked for); --lineage names the gRPC address.
"""

import argparse
import inspect
import json
import pkgutil
import sys
import typing
import uuid
from datetime import datetime, timedelta, timezone
from enum import Enum
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))

import attr
import grpc
from openlineage.client import OpenLineageClient
from openlineage.client import generated
from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
)
from openlineage.client.generated import base
from openlineage.client.generated.base import StaticDataset
from openlineage.client.generated.column_lineage_dataset import ColumnLineageDatasetFacet, Fields, InputField
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.parent_run import Job as ParentJob
from openlineage.client.generated.parent_run import ParentRunFacet
from openlineage.client.generated.parent_run import Run as ParentRun
from openlineage.client.generated.source_code_location_job import SourceCodeLocationJobFacet
from openlineage.client.generated.tags_dataset import TagsDatasetFacet, TagsDatasetFacetFields
from openlineage.client.serde import Serde

from herdbook.lineage.v1.column_pb2 import FindColumnImpactRequest, FindColumnImpactResponse
from herdbook.lineage.v1.facet_pb2 import GetFacetsRequest
from herdbook.lineage.v1.proof_pb2 import ProveRequest, Verdict
from herdbook.lineage.v1.question_pb2 import GetAncestorsRequest
from herdbook.lineage.v1.lineage_pb2_grpc import LineageServiceStub

PRODUCER = "https://example.com/herdbook-tests"
NAMESPACE = "s3://facets"
# Where the facets of a base class stand, and on which node of the graph.
BASES = {
    base.RunFacet: "run",
    base.JobFacet: "job",
    base.DatasetFacet: "dataset",
    base.InputDatasetFacet: "input",
    base.OutputDatasetFacet: "output",
}
# Texts that are more than text.
TEXTS = {
    "url": "https://example.com/x",
    "uri": "s3://facets/x",
    "runId": str(uuid.uuid4()),
    "datasetVersion": "é \U0001f40e 1",
    "namespace": "s3://facets",
}


def facet_classes() -> list[type]:
    """All facets that the client generates from the specification."""
    found = {}
    for module in pkgutil.iter_modules(generated.__path__):
        members = vars(import_module(f"{generated.__name__}.{module.name}"))
        for member in members.values():
            if inspect.isclass(member) and issubclass(member, base.BaseFacet) and member.__module__.endswith(module.name):
                if member.__name__ not in vars(base):
                    found[f"{module.name}.{member.__name__}"] = member
    return [found[name] for name in sorted(found)]


def example(kind: object, name: str, module: object, depth: int = 0) -> object:
    """A value of a type, as deep as the specification goes."""
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        kind = eval(kind, {**vars(typing), **vars(module)})
        return example(kind, name, module, depth)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return arguments[0]
    if origin is list:
        return [] if depth > 4 else [example(arguments[0], name, module, depth + 1)]
    if origin is dict:
        return {f"{name} é\n\"1\"": example(arguments[1], name, module, depth + 1)}
    if arguments:
        # One that ends, where a type may hold itself; otherwise the fullest.
        present = [argument for argument in arguments if argument is not type(None)]
        return example(present[-1] if depth > 2 else present[0], name, module, depth + 1)
    if inspect.isclass(kind) and attr.has(kind):
        return instance(kind, depth + 1)
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return next(iter(kind))
    if kind is bool:
        return True
    if kind is int:
        return 2**53 + 1
    if kind is float:
        return -0.1
    if kind is str and ("Time" in name or "Date" in name or "Updated" in name):
        return "1969-12-31T23:59:59.999+05:30"
    return TEXTS.get(name, f"{name} é \U0001f40e \"quoted\"\nnext")


def instance(kind: type, depth: int = 0) -> object:
    module = import_module(kind.__module__)
    values = {}
    for field in attr.fields(kind):
        if not field.init or field.name in ("_producer", "_deleted"):
            continue
        if field.name == "type" and field.default is not attr.NOTHING:
            continue
        values[field.alias] = example(field.type, field.name, module, depth)
    return kind(**values)


def name_of(facet: type) -> str:
    """The key under which a facet stands: that of its schema's file."""
    known = {
        "column_lineage_dataset": "columnLineage",
        "dataset_type_dataset": "datasetType",
        "dataset_version_dataset": "version",
        "datasource_dataset": "dataSource",
        "base_subset_dataset": "subset",
        "processing_engine_run": "processing_engine",
        "lineage": "lineage",
    }
    module = facet.__module__.rsplit(".", 1)[1]
    if module in known:
        return known[module]
    words = module.split("_")
    for ending in (["input", "dataset"], ["output", "dataset"], ["dataset"], ["job"], ["run"]):
        if words[-len(ending) :] == ending:
            words = words[: -len(ending)]
            break
    return words[0] + "".join(word.capitalize() for word in words[1:])


def now(second: int = 0) -> str:
    return (datetime(2026, 3, 1, tzinfo=timezone.utc) + timedelta(seconds=second)).isoformat()


class Graph:
    """What Herdbook made of it, by gRPC."""

    def __init__(self, address: str) -> None:
        options = [("grpc.max_receive_message_length", 16 << 20)]
        self.stub = LineageServiceStub(grpc.insecure_channel(address, options=options))

    def facets(self, node: str, run: str) -> dict[tuple[str, str], dict]:
        answer = self.stub.GetFacets(GetFacetsRequest(node=node, run=run))
        return {(part.facet.scope, part.facet.name): json.loads(part.facet.document) for part in answer}

    def ancestors(self, node: str) -> set[str]:
        graph = self.stub.GetAncestors(GetAncestorsRequest(node=node)).graph
        return {f"{found.node.key.kind}:{found.node.key.name}" for found in graph.nodes}

    def column_impact(self, node: str, field: str) -> FindColumnImpactResponse:
        return self.stub.FindColumnImpact(FindColumnImpactRequest(node=node, field=field))

    def prove(self, node: str, suspect: str) -> str:
        question = ProveRequest(node=node, suspects=[suspect])
        return Verdict.Name(self.stub.Prove(question).verdict)


def check_every_facet(client: OpenLineageClient, graph: Graph) -> int:
    """Each facet of the client's classes comes back as it was sent."""
    sent = 0
    for kind in facet_classes():
        place = next(place for parent, place in BASES.items() if issubclass(kind, parent))
        facet, name, run = instance(kind), name_of(kind), str(uuid.uuid4())
        facets = {key: {name: facet} if place == key else {} for key in BASES.values()}
        job = Job("facets", kind.__name__, facets["job"])
        data = f"data/{kind.__name__}"
        event = RunEvent(
            eventType=RunState.COMPLETE,
            eventTime=now(),
            run=Run(run, facets["run"]),
            job=job,
            producer=PRODUCER,
            inputs=[InputDataset(NAMESPACE, f"{data}/in", inputFacets=facets["input"])],
            outputs=[OutputDataset(NAMESPACE, f"{data}/out", outputFacets=facets["output"], facets=facets["dataset"])],
        )
        client.emit(event)
        run = run.replace("-", "")
        version = "@" + facet.datasetVersion if name == "version" else ""
        nodes = {
            "run": f"run:{run}",
            "job": f"pipeline:facets/{kind.__name__}",
            "dataset": f"dataset:{NAMESPACE}/{data}/out{version}",
            "input": f"dataset:{NAMESPACE}/{data}/in",
            "output": f"dataset:{NAMESPACE}/{data}/out",
        }
        scope = place if place in ("input", "output") else ""
        kept = graph.facets(nodes[place], run).get((scope, name))
        expected = json.loads(Serde.to_json(facet))
        assert kept == expected, f"{kind.__name__}: {kept} is not {expected}"
        sent += 1
    return sent


def tell_fraud_detector(client: OpenLineageClient, graph: Graph) -> None:
    """Two data sets, features, a training run and the third version of a model, all by OpenLineage."""
    second = iter(range(1_000_000))

    def dataset(kind: type, name: str, version: str, **facets: object) -> object:
        facets["version"] = DatasetVersionDatasetFacet(datasetVersion=version)
        namespace = "herdbook" if "/" not in name else "s3://fraud"
        return kind(namespace, name.removeprefix("/"), facets=facets)

    def run(job: str, inputs: list, outputs: list, parent: str | None = None) -> str:
        identifier = str(uuid.uuid4())
        location = SourceCodeLocationJobFacet(
            type="git",
            url=f"https://example.com/fraud/{job}.py",
            repoUrl="git@example.com:risk/fraud",
            path=f"{job}.py",
            version="52ff01aa",
        )
        facets = {}
        if parent:
            facets["parent"] = ParentRunFacet(run=ParentRun(parent), job=ParentJob("risk", "sweep"))
        for state in (RunState.START, RunState.COMPLETE):
            event = RunEvent(
                eventType=state,
                eventTime=now(next(second)),
                run=Run(identifier, facets),
                job=Job("risk", job, {"sourceCodeLocation": location}),
                producer=PRODUCER,
                inputs=inputs,
                outputs=outputs,
            )
            client.emit(event)
        return identifier

    columns = ColumnLineageDatasetFacet(
        fields={"amount_z": Fields(inputFields=[InputField("s3://fraud", "raw/dataset_v1", "amount")])}
    )
    pii = TagsDatasetFacet(tags=[TagsDatasetFacetFields("pii", "true")])
    raw = [dataset(InputDataset, f"/raw/dataset_v{n}", f"sha256:{n:064x}", tags=pii) for n in (1, 2)]
    run("clean", raw[:1], [dataset(OutputDataset, "features", "sha256:ff", columnLineage=columns)])
    sweep = str(uuid.uuid4())
    model = OutputDataset(
        "herdbook:model_version", "fraud-detector", facets={"version": DatasetVersionDatasetFacet(datasetVersion="3")}
    )
    run("train", [dataset(InputDataset, "features", "sha256:ff")], [model], parent=sweep)

    found = graph.ancestors("model_version:fraud-detector@3")
    for expected in ("dataset:s3://fraud/raw/dataset_v1", "dataset:features", "code:git@example.com:risk/fraud"):
        assert expected in found, f"{expected} is missing in {found}"
    assert "dataset:s3://fraud/raw/dataset_v2" not in found
    assert f"run:{sweep.replace('-', '')}" in found
    impact = graph.column_impact("dataset:s3://fraud/raw/dataset_v1", "amount")
    assert [hit.version.key.name for hit in impact.impacts] == ["fraud-detector"], impact
    assert graph.prove("model_version:fraud-detector@3", "dataset:s3://fraud/raw/dataset_v1") == "VERDICT_TAINTED"


def tell_static_events(client: OpenLineageClient, graph: Graph) -> None:
    """What is known without a run."""
    dataset = StaticDataset("s3://static", "orders", facets={"tags": TagsDatasetFacet([TagsDatasetFacetFields("pii", "true")])})
    client.emit(DatasetEvent(eventTime=now(), producer=PRODUCER, dataset=dataset))
    inputs, outputs = [InputDataset("s3://static", "orders")], [OutputDataset("s3://static", "totals")]
    client.emit(JobEvent(eventTime=now(), producer=PRODUCER, job=Job("static", "sum"), inputs=inputs, outputs=outputs))
    assert "pipeline:static/sum" in graph.ancestors("dataset:s3://static/totals")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lineage", required=True, help="host and port of the lineage service")
    graph = Graph(parser.parse_args().lineage)
    client = OpenLineageClient()
    facets = check_every_facet(client, graph)
    tell_fraud_detector(client, graph)
    tell_static_events(client, graph)
    print(f"{facets} facets came back as they were sent")


if __name__ == "__main__":
    main()
