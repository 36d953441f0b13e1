"""What clients do to a server, and how often they come to do it.

A load is a generator: it yields once when it is set up, and again with each thing done.
"""

import signal
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing import Barrier, Pool

from client import Client, now

Load = Callable[[Client], Iterator[None]]

METRICS, STEPS = 10, 100  # of a batch
PATIENCE = 60  # seconds for all clients to be ready


def single_points(client: Client) -> Iterator[None]:
    run, step = client.create_run(), 0
    while True:
        yield
        client.post("runs/log-metric", {"run_id": run, "key": "loss", "value": 0.5, "timestamp": now(), "step": step})
        step += 1


def batches(client: Client) -> Iterator[None]:
    run, first = client.create_run(), 0
    while True:
        yield
        points = [
            {"key": f"metric-{metric}", "value": 0.5 + metric, "timestamp": now(), "step": first + step}
            for metric in range(METRICS)
            for step in range(STEPS)
        ]
        client.post("runs/log-batch", {"run_id": run, "metrics": points})
        first += STEPS


def runs(client: Client) -> Iterator[None]:
    while True:
        yield
        client.create_run()


def whole_runs(client: Client) -> Iterator[None]:
    while True:
        yield
        whole = {
            "run_id": client.create_run(),
            "params": [{"key": f"p{n}", "value": str(n)} for n in range(20)],
            "metrics": [{"key": f"m{n}", "value": n, "timestamp": now(), "step": 1} for n in range(20)],
        }
        client.post("runs/log-batch", whole)


def rate(load: Load, port: int, clients: int, seconds: float, rounds: int) -> float:
    """Things done a second by `clients`, each a process, in all: the median of so many rounds."""
    with Pool(clients, _join, (Barrier(clients),)) as pool:
        work = [(load, port, seconds)] * clients
        return statistics.median(sum(pool.starmap(_work, work, chunksize=1)) for _ in range(rounds))


def _join(all_ready) -> None:
    global everybody
    everybody = all_ready
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it is how a pool ends its processes


def _work(load: Load, port: int, seconds: float) -> float:
    things = load(Client(port))
    next(things)
    everybody.wait(PATIENCE)
    begin, done = time.monotonic(), 0
    while time.monotonic() - begin < seconds:
        next(things)
        done += 1
    return done / (time.monotonic() - begin)


def median_ms(ask: Callable[[], object], times: int) -> float:
    """Milliseconds that an answer takes, after a first one."""
    ask()
    taken = []
    for _ in range(times):
        begin = time.monotonic()
        ask()
        taken.append((time.monotonic() - begin) * 1000)
    return statistics.median(taken)
