"""Measures another tracking server on a Postgres that is there, and prints JSON: columns of the bench's table, each
with figures by the names of the table's rows."""

import argparse
import json
import signal
import sys
from importlib.metadata import version

import psycopg2

import door
import loads
from client import Client
from loads import rate
from servers import PEERS, Peer, memory_mib, running
from tables import fill

DATABASE = "bench_peer"

Figures = dict[str, float]

# What Herdbook's own clients do too, by calls of its own.
BESIDE_OWN = {
    "one point a call, 1 client": "one point a call, 1 client",
    "one point a call, 64 clients": "one point a call, 8 clients",
    "runs created, 1 client": "runs created, 1 client",
    "runs created, 8 clients": "runs created, 8 clients",
    "runs with 20 params and 20 metrics, 8 clients": "runs with 20 params and 20 metrics, 8 clients",
    "acknowledged points, 1 stream, batches of 10 x 100": "points in batches of 10 x 100, 1 client",
    "acknowledged points, 8 streams, batches of 10 x 100": "points in batches of 10 x 100, 8 clients",
    "acc > 0.9 and lr = '0.01' by acc, 100 of 10,000 runs": "acc > 0.9 and lr = '0.01' by acc, 100 of 10,000 runs",
    "a page of 1,000 whole runs of 10,000 runs": "a page of 1,000 whole runs of 10,000 runs",
    "chart of 1,000,000 points, compacted": "chart of 1,000,000 points",
    "raw read of 1,000,000 points": "all of 1,000,000 points",
}


def beside(figures: Figures) -> Figures:
    """For the rows of Herdbook's own clients, and for those of MLflow's API."""
    own = {name: figures[source] for name, source in BESIDE_OWN.items() if source in figures}
    return own | door.prefixed(figures)


def registry(port: int, seconds: float, rounds: int) -> Figures:
    failed, crowded = loads.promotions(port, at_once=8, rounds=20)
    return {
        "versions registered, 1 client": rate(loads.versions, port, 1, seconds, rounds),
        "versions registered, 8 clients": rate(loads.versions, port, 8, seconds, rounds),
        "8 promotions at once: calls that fail": failed,
        "8 promotions at once: rounds that leave several": crowded,
    }


def reads(peer: Peer, port: int, run: str, times: int) -> Figures:
    charts = {"chart of 1,000,000 points": door.chart(port, run, times)} if peer.charts else {}
    return door.searches(port, times) | charts


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
            told = door.rates(port, seconds, rounds)
            told |= door.library(port, quick) if peer.registry else {}
            figures |= registry(port, seconds, rounds) if peer.registry else {}
            run = Client(port).create_run()
            figures |= filled(peer, database_url, run)
            told |= reads(peer, port, run, times)
            if not quick:
                told["all of 1,000,000 points"] = door.raw_read(port, run, peer.pages)
            figures |= beside(told)
        columns = {f"{name} {version(peer.package)}": figures}
        if peer.stalls:
            with running(peer, place, DATABASE, nodelay=True) as (_, port, _):
                told = door.rates(port, seconds, rounds) | reads(peer, port, run, times)
                told |= door.library(port, quick) if peer.registry else {}
                unstalled = beside(told)
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
