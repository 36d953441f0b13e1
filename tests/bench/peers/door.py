"""What the clients of MLflow's API get from a server: rates and waits by their plain calls, and what its own library
takes for a newcomer's lines. Also a program, which measures Herdbook so."""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import loads
from client import Client, now
from loads import median_ms, rate

PREFIX = "by MLflow's API: "
PAGE = 25_000  # points, the most that MLflow gives at once
QUIET = 20  # seconds until what was told is at rest, as it is from the start where it was put into tables
POINTS, RUNS = 1_000_000, 10_000

Figures = dict[str, float]


def rates(port: int, seconds: float, rounds: int) -> Figures:
    """How often clients come to do what fills a server."""

    def measured(load: loads.Load, clients: int) -> float:
        return rate(load, port, clients, seconds, rounds)

    points = loads.METRICS * loads.STEPS
    return {
        "one point a call, 1 client": measured(loads.single_points, 1),
        "one point a call, 8 clients": measured(loads.single_points, 8),
        "runs created, 1 client": measured(loads.runs, 1),
        "runs created, 8 clients": measured(loads.runs, 8),
        "runs with 20 params and 20 metrics, 1 client": measured(loads.whole_runs, 1),
        "runs with 20 params and 20 metrics, 8 clients": measured(loads.whole_runs, 8),
        "points in batches of 10 x 100, 1 client": measured(loads.batches, 1) * points,
        "points in batches of 10 x 100, 8 clients": measured(loads.batches, 8) * points,
    }


def searches(port: int, times: int) -> Figures:
    """Milliseconds of answers from 10,000 runs, as `tables.fill` or `fill` leaves them."""
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

    return {
        "acc > 0.9 and lr = '0.01' by acc, 100 of 10,000 runs": median_ms(lambda: find(search), times),
        "a page of 1,000 whole runs of 10,000 runs": median_ms(lambda: find(page), times),
    }


def chart(port: int, run: str, times: int) -> float:
    """Milliseconds of a curve of a million points, as MLflow's web page asks for it."""
    client = Client(port)
    path, query = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", {"run_ids": run, "metric_key": "loss"}
    return median_ms(lambda: client.get(path, **query, max_results=320), times)


def raw_read(port: int, run: str, pages: bool) -> float:
    """Milliseconds of all points of a curve; once, since it takes long."""
    client = Client(port)
    begin, points = time.monotonic(), 0
    query = {"run_id": run, "metric_key": "loss"} | ({"max_results": PAGE} if pages else {})
    while True:
        answer = client.get("/api/2.0/mlflow/metrics/get-history", **query)
        points += len(answer["metrics"])
        query["page_token"] = answer.get("next_page_token")
        if not query["page_token"]:
            break
    if points != POINTS:
        raise RuntimeError(f"{points} points were read")
    return (time.monotonic() - begin) * 1000


def library(port: int, quick: bool) -> Figures:
    """A newcomer's lines with MLflow's own library: a hundred points in a loop, and a file."""
    # Standard output is for figures.
    os.environ |= {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    import mlflow

    mlflow.set_tracking_uri(f"http://127.0.0.1:{port}")

    def loop() -> None:
        for step in range(100):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)

    mebibytes = 64 if quick else 1024
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run():
        figures = {"100 log_metric calls of its library": median_ms(loop, 3)}
        file = Path(folder) / "weights.bin"
        block = os.urandom(1 << 20)
        with file.open("wb") as out:
            for _ in range(mebibytes):
                out.write(block)
        begin = time.monotonic()
        mlflow.log_artifact(str(file))
        figures["log_artifact, a GiB"] = (time.monotonic() - begin) * 1000 * 1024 / mebibytes
    return figures


def fill(port: int) -> str:
    """What `tables.fill` writes into the tables of others, by calls: the run with the long curve."""
    client = Client(port)
    run = client.create_run()
    for first in range(1, POINTS + 1, 1000):
        points = [
            {"key": "loss", "value": 1 / step + hash(step) % 997 / 1e5, "timestamp": now(), "step": step}
            for step in range(first, first + 1000)
        ]
        client.post("runs/log-batch", {"run_id": run, "metrics": points})
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda first: _runs(port, first, RUNS // 4), range(0, RUNS, RUNS // 4)))
    return run


def _runs(port: int, first: int, count: int) -> None:
    client = Client(port)
    for number in range(first, first + count):
        named = {"acc": number * 7919 % RUNS / RUNS, **{f"m{n}": number / (n + 1) for n in range(2, 21)}}
        params = {"lr": ("0.1", "0.01", "0.001", "0.0001")[number % 4], **{f"p{n}": str(number / n) for n in range(2, 21)}}
        batch = {
            "run_id": client.create_run(),
            "metrics": [{"key": key, "value": value, "timestamp": now(), "step": 1} for key, value in named.items()],
            "params": [{"key": key, "value": value} for key, value in params.items()],
        }
        client.post("runs/log-batch", batch)


def prefixed(figures: Figures) -> Figures:
    return {PREFIX + name: value for name, value in figures.items()}


def measure(port: int, quick: bool) -> Figures:
    """A Herdbook with nothing in it."""
    seconds, rounds, times = (1, 1, 2) if quick else (2, 3, 7)
    figures = rates(port, seconds, rounds) | library(port, quick)
    run = fill(port)
    time.sleep(QUIET)
    figures |= searches(port, times) | {"chart of 1,000,000 points": chart(port, run, times)}
    return prefixed(figures | ({} if quick else {"all of 1,000,000 points": raw_read(port, run, pages=True)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--quick", action="store_true", help="a smaller measurement, to see that it works")
    options = parser.parse_args()
    print(json.dumps(measure(options.port, options.quick)))


if __name__ == "__main__":
    main()
