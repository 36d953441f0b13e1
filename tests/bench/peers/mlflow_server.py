"""Measures MLflow's own server on a Postgres, with calls as cheap as Python makes them; prints JSON.

What would take MLflow hours to be told over HTTP (a million points, ten thousand runs) is put into its tables by SQL.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path
from urllib.parse import quote

import psycopg2

DATABASE = "mlflow_bench"
POINTS = 1_000_000


class Client:
    """Keeps one connection, as MLflow's client does."""

    def __init__(self, port: int, quick_ack: bool = False) -> None:
        self.quick_ack = quick_ack
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        # The server holds the end of an answer back until its beginning is acknowledged; a client that does so at
        # once, which is no client's habit, spares itself 40 ms.
        if self.quick_ack:
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
        return json.loads(text)

    def post(self, name: str, body: dict) -> dict:
        return self.call("POST", f"/api/2.0/mlflow/{name}", body)

    def create_run(self) -> str:
        return self.post("runs/create", {"experiment_id": "0", "start_time": now()})["run"]["info"]["run_id"]


def now() -> int:
    return int(time.time() * 1000)


def single_points(port: int, quick_ack: bool, count: int) -> None:
    client = Client(port, quick_ack)
    run = client.create_run()
    for step in range(count):
        metric = {"run_id": run, "key": "loss", "value": 0.5, "timestamp": now(), "step": step}
        client.post("runs/log-metric", metric)


def batches(port: int, quick_ack: bool, count: int) -> None:
    client = Client(port, quick_ack)
    run = client.create_run()
    for batch in range(count):
        points = [
            {"key": f"metric-{key}", "value": 0.5 + key, "timestamp": now(), "step": batch * 100 + row}
            for key in range(10)
            for row in range(100)
        ]
        client.post("runs/log-batch", {"run_id": run, "metrics": points})


def runs(port: int, quick_ack: bool, count: int) -> None:
    client = Client(port, quick_ack)
    for _ in range(count):
        client.create_run()


def whole_runs(port: int, quick_ack: bool, count: int) -> None:
    client = Client(port, quick_ack)
    for _ in range(count):
        run = client.create_run()
        client.post(
            "runs/log-batch",
            {
                "run_id": run,
                "params": [{"key": f"p{n}", "value": str(n)} for n in range(20)],
                "metrics": [{"key": f"m{n}", "value": n, "timestamp": now(), "step": 1} for n in range(20)],
            },
        )


def rate(work, port: int, clients: int, count: int, each: int = 1, quick_ack: bool = False) -> float:
    """What `clients` do a second in all: `count` calls each, of `each` things a call."""
    with Pool(clients) as pool:
        pool.starmap(time.sleep, [(0.05,)] * clients)  # the processes are there
        start = time.monotonic()
        pool.starmap(work, [(port, quick_ack, count)] * clients)
        return clients * count * each / (time.monotonic() - start)


def median_ms(ask, times: int) -> float:
    ask()
    taken = []
    for _ in range(times):
        start = time.monotonic()
        ask()
        taken.append((time.monotonic() - start) * 1000)
    return statistics.median(taken)


def history(client: Client, run: str) -> None:
    token, points = "", 0
    while True:
        path = f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=25000"
        answer = client.call("GET", path + (f"&page_token={quote(token)}" if token else ""))
        points += len(answer["metrics"])
        token = answer.get("next_page_token", "")
        if not token:
            break
    if points != POINTS:
        raise RuntimeError(f"{points} points were read")


def fill(database, run: str) -> None:
    """A curve of a million points, and ten thousand runs with 20 params and 20 metrics."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
            "SELECT 'loss', 1.0 / (n + 1) + random() / 100, 1700000000000 + n * 20, %s, n, false "
            "FROM generate_series(0, %s) AS n",
            (run, POINTS - 1),
        )
        cursor.execute(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, "
            "    artifact_uri, experiment_id) "
            "SELECT md5('run' || n), 'run ' || n, 'LOCAL', 'bench', 'FINISHED', 1700000000000 + n, 'active', '', 0 "
            "FROM generate_series(1, 10000) AS n"
        )
        cursor.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) "
            "SELECT CASE m WHEN 1 THEN 'acc' ELSE 'm' || m END, random(), 1700000000000, 1, false, md5('run' || n) "
            "FROM generate_series(1, 10000) AS n, generate_series(1, 20) AS m"
        )
        cursor.execute(
            "INSERT INTO params (key, value, run_uuid) "
            "SELECT CASE p WHEN 1 THEN 'lr' ELSE 'p' || p END, "
            "    CASE p WHEN 1 THEN ('{0.1,0.01,0.001,0.0001}'::text[])[1 + n %% 4] ELSE random()::text END, "
            "    md5('run' || n) FROM generate_series(1, 10000) AS n, generate_series(1, 20) AS p",
            (),
        )
        cursor.execute("ANALYZE")


def memory_mib(root: int) -> float:
    """What a process and all below it hold."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += children.get(process, [])
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until_up(port: int, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            Client(port).call("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
            return
        except (OSError, RuntimeError, http.client.HTTPException):
            time.sleep(0.1)
    raise RuntimeError("MLflow's server did not start")


def measure(port: int, server: subprocess.Popen, database, quick: bool) -> dict[str, float]:
    scale = 5 if quick else 1
    figures = {"memory at rest": memory_mib(server.pid)}
    figures["one point a call, 1 client"] = rate(single_points, port, 1, 100 // scale)
    figures["one point a call, 1 client, acknowledged at once"] = rate(
        single_points, port, 1, 500 // scale, quick_ack=True
    )
    figures["one point a call, 64 clients"] = rate(single_points, port, 8, 100 // scale)
    figures["acknowledged points, 1 stream, batches of 10 x 100"] = rate(batches, port, 1, 25 // scale, 1000)
    figures["acknowledged points, 8 streams, batches of 10 x 100"] = rate(batches, port, 8, 10 // scale, 1000)
    figures["runs created, 1 client"] = rate(runs, port, 1, 50 // scale)
    figures["runs created, 8 clients"] = rate(runs, port, 8, 50 // scale)
    figures["runs with 20 params and 20 metrics, 8 clients"] = rate(whole_runs, port, 8, 25 // scale)
    run = Client(port).create_run()
    fill(database, run)
    client = Client(port)  # the server has closed the other, which said nothing for long
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size('metrics')::float8 / (SELECT count(*) FROM metrics)")
        figures["bytes on disk a point, noisy float32"] = cursor.fetchone()[0]
    interval = f"run_ids={run}&metric_key=loss&max_results=320"
    chart = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{interval}"
    figures["chart of 1,000,000 points, compacted"] = median_ms(lambda: client.call("GET", chart), 3)
    search = {
        "experiment_ids": ["0"],
        "filter": "metrics.acc > 0.9 and params.lr = '0.01'",
        "order_by": ["metrics.acc DESC"],
    }
    few, page = search | {"max_results": 100}, search | {"filter": "", "max_results": 1000}
    figures["acc > 0.9 and lr = '0.01' by acc, 100 runs"] = median_ms(lambda: client.post("runs/search", few), 5)
    figures["a page of 1,000 whole runs by acc"] = median_ms(lambda: client.post("runs/search", page), 3)
    if not quick:
        start = time.monotonic()
        history(client, run)
        figures["raw read of 1,000,000 points"] = (time.monotonic() - start) * 1000
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database_url", help="a Postgres; a database of its own is made there and dropped")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    admin = psycopg2.connect(options.database_url)
    admin.autocommit = True
    parameters = admin.get_dsn_parameters()
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    port = free_port()
    place = f"host={quote(parameters['host'], safe='')}&port={parameters['port']}"
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).parent / "mlflow", "server", "--port", str(port), "--artifacts-destination", folder]
        store = f"postgresql+psycopg2://{parameters['user']}@/{DATABASE}?{place}"
        start = time.monotonic()
        server = subprocess.Popen(
            [*command, "--backend-store-uri", store],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        )
        try:
            until_up(port, server)
            ready = (time.monotonic() - start) * 1000
            database = psycopg2.connect(options.database_url, dbname=DATABASE)
            database.autocommit = True
            figures = measure(port, server, database, options.quick)
            database.close()
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    print(json.dumps({"ready, new database": ready} | figures))


if __name__ == "__main__":
    main()
