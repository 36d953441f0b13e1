"""What the machine did meanwhile."""

import time

import mlflow

from server import Server

PATIENCE = 20  # seconds for a first sample


def sampled(server: Server):
    mlflow.set_experiment(server.name("system"))
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    mlflow.enable_system_metrics_logging()
    try:
        with mlflow.start_run() as run:
            deadline = time.monotonic() + PATIENCE
            while not server.client.get_run(run.info.run_id).data.metrics and time.monotonic() < deadline:
                time.sleep(0.1)
    finally:
        mlflow.disable_system_metrics_logging()
    # Which disks and networks there are is the machine's.
    return sorted(key for key in server.client.get_run(run.info.run_id).data.metrics if "cpu" in key or "memory" in key)
