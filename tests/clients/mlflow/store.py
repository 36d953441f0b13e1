"""Fills a store of MLflow with something of everything, to be imported.

store.py STORE FILES [--points N]  fills the database or the folder STORE; artifacts go to the folder FILES
store.py serve                     fills a server of its own, prints where it listens, and ends it with its input
"""

import argparse
import math
import os
import random
import sys
import tempfile
import warnings
from pathlib import Path

os.environ |= {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
warnings.simplefilter("ignore")

import mlflow  # noqa: E402: it reads the environment
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import (  # noqa: E402
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
)

START = 1_700_000_000_000
BATCH = 1_000
CHILDREN = 12


def points(client: MlflowClient, run: str, count: int) -> None:
    """Points with repeated and negative steps, and values that are no numbers."""
    for value in (1.0, math.nan, math.inf, -math.inf, 0.1, -0.0, 5e-324):
        client.log_metric(run, "loss", value, step=1, timestamp=START + 123)
    client.log_metric(run, "a/b", 1e-300, step=-5)
    numbers = random.Random(1)
    for first in range(0, count, BATCH):
        rows = range(first, min(first + BATCH, count))
        batch = [Metric("many", numbers.gauss(), START + row * 7, row // 3) for row in rows]
        client.log_batch(run, metrics=batch)


def files(client: MlflowClient, run: str, model: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        odd, large = Path(folder, "odd #1%20 ü.txt"), Path(folder, "large.bin")
        odd.write_text("hello")
        large.write_bytes(random.Random(2).randbytes(3 << 20))
        client.log_artifact(run, str(odd), "sub folder")
        client.log_artifact(run, str(large))
        client.log_model_artifact(model, str(large))


def runs(client: MlflowClient, place: dict, count: int) -> tuple[str, str]:
    """An experiment; its first run and logged model."""
    tags = {"team": "risk", "mlflow.note.content": "about it"}
    experiment = client.create_experiment("first", tags=tags, **place)
    tags = {"mlflow.user": "ann", "mlflow.source.git.commit": "abc123"}
    run = client.create_run(experiment, run_name="one", tags=tags).info.run_id
    client.log_batch(run, params=[Param("lr", "0.1"), Param("deep/key", "two\nlines"), Param("empty", "")])
    points(client, run, count)
    dataset = Dataset("data", "abc", "local", '{"uri":"x"}', '{"columns":1}', '{"rows":1}')
    tags = [InputTag("mlflow.data.context", "training"), InputTag("own", "tag")]
    client.log_inputs(run, [DatasetInput(dataset, tags)])
    model = client.create_logged_model(
        experiment, name="net", source_run_id=run, params={"layers": "2"}, tags={"t": "2"}, model_type="classifier"
    ).model_id
    client.log_metric(run, "accuracy", 0.5, step=2, model_id=model, dataset_name="data", dataset_digest="abc")
    client.log_outputs(run, [LoggedModelOutput(model, 3)])
    files(client, run, model)
    client.finalize_logged_model(model, "READY")
    client.set_terminated(run)
    for number in range(CHILDREN):
        child = client.create_run(experiment, tags={"mlflow.parentRunId": run}).info.run_id
        metrics = [Metric(f"metric-{key}", number / (key + 1), START + key, 0) for key in range(20)]
        client.log_batch(child, metrics=metrics, params=[Param(f"param-{key}", str(key)) for key in range(20)])
        client.log_inputs(child, models=[LoggedModelInput(model)])
        client.set_terminated(child, "FAILED" if number % 2 else "KILLED")
    client.delete_run(client.create_run(experiment).info.run_id)
    client.log_metric(client.create_run(experiment).info.run_id, "goes on", 1.0)
    gone = client.create_experiment("gone", **place)
    client.create_run(gone)
    client.delete_experiment(gone)
    return run, model


def registry(client: MlflowClient, run: str, model: str) -> None:
    client.create_registered_model("fraud", tags={"owner": "risk"}, description="finds it")
    for stage in ("Production", "Production", "Staging", "None"):
        version = client.create_model_version(
            "fraud", f"runs:/{run}/sub folder", run_id=run, tags={"checked": "yes"}, description=stage
        ).version
        if stage != "None":
            client.transition_model_version_stage("fraud", version, stage)
    client.create_model_version("fraud", f"models:/{model}", run_id=run, model_id=model)
    client.set_registered_model_alias("fraud", "champion", 1)
    client.create_registered_model("a copy")
    client.create_model_version("a copy", "models:/fraud/1")
    client.create_registered_model("without versions")
    mlflow.genai.register_prompt("greeting", "Hello, {{name}}! " * 1_000)
    client.create_registered_model("from elsewhere")
    client.create_model_version("from elsewhere", "s3://bucket/model", run_id="of another tracker")
    client.delete_model_version("fraud", "4")


def fill(uri: str, place: dict, count: int) -> None:
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    registry(client, *runs(client, place, count))


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        from peer import mlflow_server

        with mlflow_server() as uri:
            fill(uri, {}, 2 * BATCH)
            print(uri, flush=True)
            sys.stdin.read()
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("files")
    parser.add_argument("--points", type=int, default=2 * BATCH)
    asked = parser.parse_args()
    fill(asked.store, {} if ":" not in asked.store else {"artifact_location": asked.files}, asked.points)


if __name__ == "__main__":
    main()
