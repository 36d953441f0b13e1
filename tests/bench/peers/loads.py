"""What clients do to a server, and how often they come to do it.

A load is a generator: it yields once when it is set up, and again with each thing done.
"""

import signal
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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


def versions(client: Client) -> Iterator[None]:
    run = client.create_run()
    points = [{"key": f"m{n}", "value": 0.5, "timestamp": now(), "step": 1} for n in range(20)]
    params = [{"key": f"p{n}", "value": str(n)} for n in range(20)]
    client.post("runs/log-batch", {"run_id": run, "metrics": points, "params": params})
    register = registered(client, run)
    while True:
        yield
        register()


def registered(client: Client, run: str) -> Callable[[], str]:
    """Makes a model of the run's name; what registers a version of it and gives its number."""
    name = f"model-{run}"
    client.post("registered-models/create", {"name": name})
    version = {"name": name, "run_id": run, "source": f"mlflow-artifacts:/0/{run}/artifacts/model"}
    return lambda: client.post("model-versions/create", version)["model_version"]["version"]


def promotions(port: int, at_once: int, rounds: int) -> tuple[float, float]:
    """Of promotions of other versions at once, how many in a hundred fail, and after how many rounds in a hundred
    several versions stand in Production."""
    clients = [Client(port) for _ in range(at_once)]
    run = clients[0].create_run()
    register = registered(clients[0], run)
    name, numbers = f"model-{run}", [register() for _ in clients]

    def promote(client: Client, number: str) -> bool:
        move = {"name": name, "version": number, "stage": "Production", "archive_existing_versions": True}
        try:
            client.post("model-versions/transition-stage", move)
            return True
        except RuntimeError:
            return False

    failed, crowded = 0, 0
    with ThreadPoolExecutor(at_once) as pool:
        for _ in range(rounds):
            failed += list(pool.map(promote, clients, numbers)).count(False)
            found = clients[0].get("/api/2.0/mlflow/model-versions/search", filter=f"name='{name}'")
            stages = [version["current_stage"] for version in found["model_versions"]]
            crowded += stages.count("Production") > 1
    return 100 * failed / (at_once * rounds), 100 * crowded / rounds


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
