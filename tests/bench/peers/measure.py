"""Measures another tracking server on a Postgres that is there, and prints JSON: columns of the bench's table, each
with figures by the names of the table's rows."""

import argparse
import json
import signal
import sys
import time
from importlib.metadata import version

import psycopg2

import loads
from client import Client
from loads import median_ms, rate
from servers import PEERS, Peer, memory_mib, running
from tables import POINTS, fill

DATABASE = "bench_peer"
PAGE = 25_000  # points, the most that MLflow gives at once

Figures = dict[str, float]


def rates(port: int, seconds: float, rounds: int) -> Figures:
    def measured(load: loads.Load, clients: int) -> float:
        return rate(load, port, clients, seconds, rounds)

    points = loads.METRICS * loads.STEPS
    return {
        "one point a call, 1 client": measured(loads.single_points, 1),
        "one point a call, 64 clients": measured(loads.single_points, 8),
        "runs created, 1 client": measured(loads.runs, 1),
        "runs created, 8 clients": measured(loads.runs, 8),
        "runs with 20 params and 20 metrics, 8 clients": measured(loads.whole_runs, 8),
        "acknowledged points, 1 stream, batches of 10 x 100": measured(loads.batches, 1) * points,
        "acknowledged points, 8 streams, batches of 10 x 100": measured(loads.batches, 8) * points,
    }


def registry(port: int, seconds: float, rounds: int) -> Figures:
    failed, crowded = loads.promotions(port, at_once=8, rounds=20)
    return {
        "versions registered, 1 client": rate(loads.versions, port, 1, seconds, rounds),
        "versions registered, 8 clients": rate(loads.versions, port, 8, seconds, rounds),
        "8 promotions at once: calls that fail": failed,
        "8 promotions at once: rounds that leave several": crowded,
    }


def reads(peer: Peer, port: int, run: str, times: int) -> Figures:
    client = Client(port)
    search = {
        "experiment_ids": ["0"],
        "filter": "metrics.acc > 0.9 and params.lr = '0.01'",
        "order_by": ["metrics.acc DESC"],
        "max_results": 100,
    }
    # Of those that have the metric: FastTrackML would begin with runs that lack it.
    page = search | {"filter": "metrics.acc >= 0", "max_results": 1000}

    def find(question: dict) -> None:
        found = client.post("runs/search", question)["runs"]
        if len(found) != question["max_results"] or any(len(run["data"].get("params", ())) != 20 for run in found):
            raise RuntimeError(f"{len(found)} runs were found, or not all of them whole")

    figures = {
        "acc > 0.9 and lr = '0.01' by acc, 100 of 10,000 runs": median_ms(lambda: find(search), times),
        "a page of 1,000 whole runs of 10,000 runs": median_ms(lambda: find(page), times),
    }
    if peer.charts:
        # As its web page asks.
        path, query = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", {"run_ids": run, "metric_key": "loss"}
        chart = median_ms(lambda: client.get(path, **query, max_results=320), times)
        figures["chart of 1,000,000 points, compacted"] = chart
    return figures


def raw_read(peer: Peer, port: int, run: str) -> float:
    """Milliseconds; once, since it takes long."""
    client = Client(port)
    begin, points = time.monotonic(), 0
    query = {"run_id": run, "metric_key": "loss"} | ({"max_results": PAGE} if peer.pages else {})
    while True:
        answer = client.get("/api/2.0/mlflow/metrics/get-history", **query)
        points += len(answer["metrics"])
        query["page_token"] = answer.get("next_page_token")
        if not query["page_token"]:
            break
    if points != POINTS:
        raise RuntimeError(f"{points} points were read")
    return (time.monotonic() - begin) * 1000


def measure(name: str, database_url: str, quick: bool) -> dict[str, Figures]:
    peer = PEERS[name]
    seconds, rounds, times = (1, 1, 2) if quick else (2, 3, 7)
    admin = psycopg2.connect(database_url)
    admin.autocommit = True
    place = admin.get_dsn_parameters()
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    try:
        with running(peer, place, DATABASE) as (process, port, started):
            figures = {"ready, new data directory": started, "memory, idle": memory_mib(process)}
            figures |= rates(port, seconds, rounds)
            figures |= registry(port, seconds, rounds) if peer.registry else {}
            run = Client(port).create_run()
            figures |= filled(peer, database_url, run)
            figures |= reads(peer, port, run, times)
            if not quick:
                figures["raw read of 1,000,000 points"] = raw_read(peer, port, run)
        columns = {f"{name} {version(peer.package)}": figures}
        if peer.stalls:
            with running(peer, place, DATABASE, nodelay=True) as (_, port, _):
                unstalled = rates(port, seconds, rounds) | reads(peer, port, run, times)
                unstalled |= registry(port, seconds, rounds) if peer.registry else {}
                columns[f"{name}, no stall"] = unstalled
        return columns
    finally:
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def filled(peer: Peer, database_url: str, run: str) -> Figures:
    """What a point takes, once the tables are filled."""
    database = psycopg2.connect(database_url, dbname=DATABASE)
    database.autocommit = True
    try:
        cursor = database.cursor()
        fill(cursor, peer, run)
        cursor.execute("SELECT pg_total_relation_size('metrics')::float8 / (SELECT count(*) FROM metrics)")
        return {"bytes on disk a point, noisy float32": cursor.fetchone()[0]}
    finally:
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("database_url", help="a Postgres; a database of its own is made there and dropped")
    parser.add_argument("--quick", action="store_true", help="a smaller measurement, to see that it works")
    options = parser.parse_args()
    # So that what is started is stopped and what is made is dropped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(json.dumps(measure(options.name, options.database_url, options.quick)))


if __name__ == "__main__":
    main()
