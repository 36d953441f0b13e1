"""Where the data came from, and where the models did."""

import grpc

import data
from family import family_tree
from registry import MODEL, TRIAGE
from services import Services
from story import Story, until

from herdbook.lineage.v1.graph_pb2 import EDGE_TYPE_DERIVED_FROM, Edge, Node, NodeKey
from herdbook.lineage.v1.proof_pb2 import VERDICT_CLEAN, ProveRequest
from herdbook.lineage.v1.question_pb2 import FindImpactRequest, GetAncestorsRequest
from herdbook.lineage.v1.record_pb2 import RecordRequest
from herdbook.registry.v1 import version_pb2 as versions


def record_data(services: Services, story: Story) -> tuple[data.Table, data.Table]:
    """Both versions of the data, with the cleaning and feature steps as lineage."""
    tables = data.load()
    story.chapter("Data")
    for table in tables:
        while table.derived_from:
            services.lineage.Record(
                RecordRequest(
                    nodes=[node(table.derived_from), node(table)],
                    edges=[
                        Edge(
                            source=key(table.derived_from),
                            target=key(table),
                            type=EDGE_TYPE_DERIVED_FROM,
                            label=table.step,
                        )
                    ],
                )
            )
            table = table.derived_from
    v1, v2 = tables
    wrong = int((v1.labels != v2.labels).sum())
    story.tell(f"{v1.name}  {v1.digest[:19]}…  {v1.profile}")
    story.tell(f"{v2.name}  {v2.digest[:19]}…  {v2.profile}")
    story.check(wrong > 20, f"dataset_v2 has a labelling bug that nobody knows of: {wrong} labels differ")
    return v1, v2


def trace(services: Services, commit: str, story: Story) -> None:
    story.chapter("Lineage")
    version = services.versions.GetVersion(
        versions.GetVersionRequest(reference=f"{MODEL}@Production")
    ).version
    node_name = f"model_version:{MODEL}@{version.number}"

    def pedigree():
        return services.lineage.GetAncestors(GetAncestorsRequest(node=node_name)).graph

    def names(graph, kind):
        return [n.node.key.name for n in graph.nodes if n.node.key.kind == kind]

    def complete(graph) -> bool:
        return {"breast-cancer-source", "dataset_v1"} <= set(names(graph, "dataset")) and bool(
            names(graph, "model_version")[2:]
        )

    graph = known(pedigree, complete)
    story.tell(family_tree(graph, version))
    story.check(complete(graph), "its family tree reaches the data's source, the code and the models before it")
    story.check(
        commit in {n.node.key.version for n in graph.nodes if n.node.key.kind == "code"},
        f"it names the commit: {commit[:12] or 'none, for this is no repository'}",
    )

    def impact():
        request = FindImpactRequest(node="dataset:dataset_v2", stage="Production")
        return [impact.version.key for impact in services.lineage.FindImpact(request).impacts]

    hit = known(impact, lambda found: any(key.name == TRIAGE for key in found))
    story.check(
        {key.name for key in hit} == {TRIAGE},
        f"of what is in Production, {TRIAGE} alone descends from the buggy dataset_v2",
    )

    proof = services.lineage.Prove(ProveRequest(node=node_name, suspects=["dataset:dataset_v2"]))
    story.check(
        proof.verdict == VERDICT_CLEAN,
        f"proved: {version.label} does not ({len(proof.examined)} ancestors examined, {proof.digest[:19]}…)",
    )


def node(table: data.Table) -> Node:
    return Node(key=key(table), attributes={"step": table.step, "profile": table.profile})


def key(table: data.Table) -> NodeKey:
    return NodeKey(kind="dataset", name=table.name, version=table.digest)


def known(ask, holds):
    """What lineage answers once it has heard of everything; it hears of a commit within a second."""

    def ask_again():
        try:
            return ask()
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    return until(ask_again, lambda answer: answer is not None and holds(answer))
