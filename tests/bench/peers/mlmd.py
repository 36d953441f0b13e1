"""Measures ML-Metadata, a library on the Postgres that is there, and prints JSON: a column of the bench's table with
figures by the names of the table's rows. Runs are executions, data sets and versions artifacts, edges events."""

import argparse
import json
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import psycopg2
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb

DATABASE = "bench_mlmd"
CLIENTS = 4
HOPS = 100  # of one call; of more it goes no further, and says nothing
STARTS = 100  # of one call, likewise
TRAININGS = 100  # of one call that records; a thousand take it longer each

Event = pb.Event.Type
Query = pb.LineageSubgraphQueryOptions


class Store:
    """A connection, and the ids of the types."""

    def __init__(self, place: dict[str, str]) -> None:
        config = pb.ConnectionConfig()
        config.postgresql.host = place["host"]
        config.postgresql.port = place["port"]
        config.postgresql.user = place["user"]
        config.postgresql.dbname = DATABASE
        self.store = MetadataStore(config)
        properties = {"name": pb.STRING, "stage": pb.STRING}
        self.dataset = self.store.put_artifact_type(pb.ArtifactType(name="dataset", properties=properties), can_add_fields=True)
        self.version = self.store.put_artifact_type(pb.ArtifactType(name="version", properties=properties), can_add_fields=True)
        self.run = self.store.put_execution_type(pb.ExecutionType(name="run", properties=properties), can_add_fields=True)

    def put(self, graph: "Graph") -> tuple[list[int], list[int]]:
        """Records a graph in one call; the ids of its executions and artifacts."""
        executions, artifacts, _ = self.store.put_lineage_subgraph(graph.executions, graph.artifacts, [], graph.edges)
        return executions, artifacts

    def walk(self, direction: "Query.Direction", artifacts: list[int], executions: list[int], hops: int) -> pb.LineageGraph:
        """One call."""
        query = Query(max_num_hops=hops, direction=direction)
        for ids, start in ((artifacts, query.starting_artifacts), (executions, query.starting_executions)):
            if ids:
                start.filter_query = f"id IN ({', '.join(map(str, ids))})"
        return self.store.get_lineage_subgraph(query)

    def closure(self, direction: "Query.Direction", artifact: int) -> tuple[set[int], set[int], list[pb.Artifact]]:
        """All artifacts and executions that are reached, in as many calls as it takes: what is as far as a call goes
        begins the next."""
        artifacts, executions = {artifact}, set[int]()
        found: list[pb.Artifact] = []
        frontier = [artifact]
        while frontier:
            starts, frontier = frontier[:STARTS], frontier[STARTS:]
            graph = self.walk(direction, starts, [], HOPS)
            new = [each for each in graph.artifacts if each.id not in artifacts]
            found += new
            artifacts.update(each.id for each in new)
            executions.update(each.id for each in graph.executions)
            far = farthest(graph, starts)
            frontier += [each.id for each in new if each.id in far]
        return artifacts, executions, found


def farthest(graph: pb.LineageGraph, starts: list[int]) -> set[int]:
    """The artifacts of a part that are as far from the starts as a call goes."""
    beside: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for event in graph.events:
        ends = ("artifact", event.artifact_id), ("execution", event.execution_id)
        for one, other in (ends, ends[::-1]):
            beside.setdefault(one, []).append(other)
    level, seen = {("artifact", start) for start in starts}, set[tuple[str, int]]()
    for _ in range(HOPS):
        seen |= level
        level = {other for one in level for other in beside.get(one, ())} - seen
    return {artifact for _, artifact in level}


class Graph:
    """What one call records."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.executions: list[pb.Execution] = []
        self.artifacts: list[pb.Artifact] = []
        self.edges: list[tuple[int | None, int | None, pb.Event]] = []

    def artifact(self, kind: int, name: str, stage: str = "None") -> int:
        artifact = pb.Artifact(type_id=kind, uri=name)
        artifact.properties["name"].string_value = name
        artifact.properties["stage"].string_value = stage
        self.artifacts.append(artifact)
        return len(self.artifacts) - 1

    def run(self, inputs: list[int], outputs: list[int]) -> int:
        self.executions.append(pb.Execution(type_id=self.store.run))
        place = len(self.executions) - 1
        self.edges += [(place, artifact, pb.Event(type=Event.INPUT)) for artifact in inputs]
        self.edges += [(place, artifact, pb.Event(type=Event.OUTPUT)) for artifact in outputs]
        return place


def trainings(store: Store) -> Graph:
    """Runs that each read six data sets, the code, the environment and the version before, and make a version."""
    graph = Graph(store)
    datasets = [graph.artifact(store.dataset, f"table-{n}") for n in range(TRAININGS // 5 + 8)]
    before = graph.artifact(store.version, "v0")
    for n in range(TRAININGS):
        made = graph.artifact(store.version, f"v{n + 1}")
        graph.run([*datasets[n // 5 : n // 5 + 8], before], [made])
        before = made
    return graph


def record(place: dict[str, str], seconds: float, done: multiprocessing.Queue) -> None:
    store = Store(place)
    end, edges = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        graph = trainings(store)
        store.put(graph)
        edges += len(graph.edges)
    done.put(edges)


def recorded(place: dict[str, str], seconds: float) -> float:
    """Edges a second of four processes."""
    done: multiprocessing.Queue = multiprocessing.Queue()
    clients = [multiprocessing.Process(target=record, args=(place, seconds, done)) for _ in range(CLIENTS)]
    begin = time.monotonic()
    for client in clients:
        client.start()
    edges = sum(done.get() for _ in clients)
    return edges / (time.monotonic() - begin)


def deep(store: Store) -> int:
    """A version with 5,000 ancestors: 250 runs, 249 versions and 4,501 data sets."""
    graph, made = Graph(store), None
    for n in range(250):
        datasets = [graph.artifact(store.dataset, f"deep-{n}-{d}") for d in range(18 if n else 19)]
        inputs = datasets if made is None else [*datasets, made]
        made = graph.artifact(store.version, f"deep-{n}")
        graph.run(inputs, [made])
    return store.put(graph)[1][-1]


def wide(store: Store) -> int:
    """A data set with 10,000 descendants, of which a hundredth of the versions stands in Production."""
    graph = Graph(store)
    dataset = graph.artifact(store.dataset, "wide")
    for n in range(5_000):
        made = graph.artifact(store.version, f"wide-{n}", "None" if n % 100 else "Production")
        graph.run([dataset], [made])
    return store.put(graph)[1][0]


def ladder(store: Store) -> int:
    graph = Graph(store)
    rung = graph.artifact(store.dataset, "rung-0")
    for n in range(60):
        above = graph.artifact(store.dataset, f"rung-{n + 1}")
        for _ in range(2):
            graph.run([rung], [above])
        rung = above
    return store.put(graph)[1][-1]


def median_ms(question: Callable[[], object], times: int) -> float:
    took = []
    for _ in range(times):
        begin = time.monotonic()
        question()
        took.append((time.monotonic() - begin) * 1000)
    return sorted(took)[len(took) // 2]


def expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} were found instead of {wanted}")


def measure(place: dict[str, str], quick: bool) -> dict[str, float]:
    times = 3 if quick else 9
    store = Store(place)
    first, root, last = deep(store), wide(store), ladder(store)
    run = store.walk(Query.DOWNSTREAM, [root], [], 1).executions[0].id

    def ancestors(artifact: int, nodes: int) -> None:
        artifacts, executions, _ = store.closure(Query.UPSTREAM, artifact)
        expect(len(artifacts) + len(executions), nodes)

    def impact() -> None:
        *_, found = store.closure(Query.DOWNSTREAM, root)
        standing = [each for each in found if each.properties["stage"].string_value == "Production"]
        expect(len(standing), 50)

    figures = {
        "single parent, median": median_ms(lambda: store.walk(Query.UPSTREAM, [], [run], 1), times),
        "5,000 ancestors of a version, median": median_ms(lambda: ancestors(first, 5_001), times),
        "diamond ladder of 60 rungs, median": median_ms(lambda: ancestors(last, 181), times),
        "impact of a data set with 10,000 descendants on Production, median": median_ms(impact, times),
    }
    figures["edges recorded with their nodes, 10,000 a call, 4 clients"] = recorded(place, 3 if quick else 20)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("database_url", help="a Postgres; a database of its own is made there and dropped")
    parser.add_argument("--quick", action="store_true", help="a smaller measurement, to see that it works")
    options = parser.parse_args()
    # So that what is made is dropped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    admin = psycopg2.connect(options.database_url)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    try:
        figures = measure(admin.get_dsn_parameters(), options.quick)
        print(json.dumps({f"{options.name} {version('ml-metadata')}": figures}))
    finally:
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


if __name__ == "__main__":
    main()
