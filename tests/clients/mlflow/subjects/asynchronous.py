"""Logging that returns before it is done."""

import mlflow

from server import Server


def logged_later(server: Server):
    mlflow.set_experiment(server.name("later"))
    with mlflow.start_run() as run:
        waiting = [mlflow.log_metric("loss", 1 / (n + 1), step=n, timestamp=1700000000000 + n, synchronous=False) for n in range(200)]
        waiting.append(mlflow.log_params({"a": 1, "b": "two"}, synchronous=False))
        waiting.append(mlflow.log_metrics({"x": 1, "y": 2}, step=1, synchronous=False))
        waiting.append(mlflow.set_tag("t", "v", synchronous=False))
        waiting.append(mlflow.set_tags({"u": "w"}, synchronous=False))
        for operation in waiting:
            if operation is not None:
                operation.wait()
        mlflow.flush_async_logging()
    found = server.client.get_run(run.info.run_id).data
    return [found.params, found.metrics, found.tags["t"], found.tags["u"], [point.value for point in server.client.get_metric_history(run.info.run_id, "loss")]]


def switched_on_for_all(server: Server):
    mlflow.config.enable_async_logging()
    try:
        mlflow.set_experiment(server.name("all later"))
        with mlflow.start_run() as run:
            for n in range(50):
                mlflow.log_metric("m", n, step=n)
            mlflow.log_param("p", 1)
        mlflow.flush_async_logging()
    finally:
        mlflow.config.enable_async_logging(False)
    found = server.client.get_run(run.info.run_id).data
    return [found.params, found.metrics, len(server.client.get_metric_history(run.info.run_id, "m"))]
