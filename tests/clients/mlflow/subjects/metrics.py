"""Metrics: their values, histories, pages, and what is the latest."""

from mlflow.entities import Metric

from server import Server, refusal

MORNING = 1700000000000


def values(server: Server):
    run = server.client.create_run(server.experiment("values")).info.run_id
    given = [0, -0.0, 1, 1.5, -3.25, 1e308, -1e308, 5e-324, 0.1 + 0.2, float("nan"), float("inf"), float("-inf"), 2**53, 1e20]
    for number, value in enumerate(given):
        server.client.log_metric(run, f"m{number:02}", value, timestamp=MORNING, step=number)
    data = server.client.get_run(run).data.metrics
    wire = server.rest("GET", "runs/get", run_id=run)["body"]["run"]["data"]["metrics"]
    histories = [server.rest("GET", "metrics/get-history", run_id=run, metric_key=f"m{n:02}") for n in range(len(given))]
    return [data, sorted(wire, key=lambda metric: metric["key"]), histories]


def the_latest(server: Server):
    run = server.client.create_run(server.experiment("latest")).info.run_id
    told = []
    for value, timestamp, step in [(5, 100, 1), (4, 90, 2), (9, 200, 1), (3, 90, 2), (7, 80, 2), (2, 91, 2), (-1, 0, -5), (float("nan"), 91, 2)]:
        server.client.log_metric(run, "loss", value, timestamp=MORNING + timestamp, step=step)
        told.append(server.client.get_run(run).data.metrics["loss"])
    server.client.log_batch(run, metrics=[Metric("batch", n, MORNING, n % 4) for n in range(10)])
    return [told, server.client.get_metric_history(run, "loss"), server.client.get_run(run).data.metrics["batch"], server.client.get_metric_history(run, "batch")]


def pages_of_a_history(server: Server):
    run = server.client.create_run(server.experiment("history")).info.run_id
    for first in range(0, 2000, 1000):
        server.client.log_batch(run, metrics=[Metric("loss", n / 3, MORNING + n, n) for n in range(first, first + 1000)])
    pages, token = [], None
    while True:
        query = {"run_id": run, "metric_key": "loss", "max_results": 700} | ({"page_token": token} if token else {})
        body = server.rest("GET", "metrics/get-history", **query)["body"]
        token = body.get("next_page_token")
        pages.append([len(body["metrics"]), body["metrics"][0], body["metrics"][-1], bool(token)])
        if not token:
            break
    whole = server.client.get_metric_history(run, "loss")
    return [
        pages,
        [len(whole), whole[0], whole[-1]],
        server.client.get_metric_history(run, "none"),
        refusal(server.client.get_metric_history, "0" * 32, "loss"),
        server.rest("GET", "metrics/get-history", run_id=run, metric_key="none"),
        server.rest("GET", "metrics/get-history", run_id=run),
        server.rest("GET", "metrics/get-history", metric_key="loss"),
        server.rest("GET", "metrics/get-history", run_id=run, metric_key="loss", max_results=0),
        server.rest("GET", "metrics/get-history", run_id=run, metric_key="loss", max_results=5, page_token="no token"),
    ]


def charts(server: Server):
    experiment = server.experiment("charts")
    runs = [server.client.create_run(experiment).info.run_id for _ in range(3)]
    for number, run in enumerate(runs):
        server.client.log_batch(run, metrics=[Metric("loss", n * (number + 1), MORNING + n, n * (number + 1)) for n in range(400)])

    def drawn(**query):
        found = server.rest("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", **query)
        if found["status"] != 200:
            return found
        points = found["body"].get("metrics", [])
        return [len(points), points[:2], points[-2:], [point["step"] for point in points]]

    return [
        drawn(run_ids=runs, metric_key="loss", max_results=20),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=7),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=320),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=400),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=2500),
        drawn(run_ids=runs, metric_key="loss", max_results=10, start_step=50, end_step=300),
        drawn(run_ids=runs[:1], metric_key="loss", start_step=10, end_step=12),
        drawn(run_ids=runs[:1], metric_key="none", max_results=20),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=0),
        drawn(run_ids=runs[:1], metric_key="loss", max_results=2501),
        drawn(run_ids=runs[:1], metric_key="loss", start_step=20, end_step=10),
        drawn(run_ids=runs[:1], metric_key="loss", start_step=20),
        drawn(run_ids=[], metric_key="loss"),
        drawn(run_ids=["0" * 32], metric_key="loss"),
        drawn(run_ids=runs[:1]),
        server.rest("GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", run_id=runs[0], metric_key="loss", max_results=3),
    ]


def keys(server: Server):
    run = server.client.create_run(server.experiment("keys")).info.run_id
    for key in ("slash/ed", "dash-ed", "dot.ted", "spa ced", "col:on", "under_score", "Ünï", "k" * 250, "val/acc.top-5"):
        server.client.log_metric(run, key, 1, MORNING, 0)
    return [
        sorted(server.client.get_run(run).data.metrics),
        server.client.get_metric_history(run, "slash/ed"),
        refusal(server.client.log_metric, run, "k" * 251, 1),
        refusal(server.client.log_metric, run, "", 1),
        refusal(server.client.log_metric, run, "../up", 1),
        refusal(server.client.log_metric, run, "a//b", 1),
        refusal(server.client.log_metric, run, "semi;colon", 1),
        refusal(server.client.log_metric, run, "word", "one"),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": "NaN", "timestamp": MORNING}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": 1, "timestamp": str(MORNING), "step": "3"}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": 1}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "timestamp": MORNING}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "value": 1, "timestamp": MORNING}),
        server.rest("POST", "runs/log-metric", body={"key": "m", "value": 1, "timestamp": MORNING}),
        server.rest("POST", "runs/log-metric", body={"run_uuid": run, "key": "by uuid", "value": 1, "timestamp": MORNING}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": 1, "timestamp": MORNING, "step": 1.5}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": 1, "timestamp": MORNING, "unknown": 1}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": None, "timestamp": MORNING}),
        server.client.get_metric_history(run, "m"),
    ]
