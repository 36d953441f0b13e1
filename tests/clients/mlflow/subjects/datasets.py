"""Datasets as a run's inputs."""

import mlflow
import mlflow.data
import numpy
import pandas

from server import Server, refusal


def inputs(server: Server):
    mlflow.set_experiment(server.name("datasets"))
    frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "label": [0, 1]})
    training = mlflow.data.from_pandas(frame, source="https://example.com/data.csv", name="training", targets="label")
    array = mlflow.data.from_numpy(numpy.arange(6).reshape(2, 3), name="array")
    with mlflow.start_run(run_name="one") as one:
        mlflow.log_input(training, context="training")
        mlflow.log_input(array, context="test", tags={"fold": "3"})
        mlflow.log_input(training, context="training")
    with mlflow.start_run(run_name="other"):
        mlflow.log_input(training, context="evaluation")
    read = server.client.get_run(one.info.run_id)
    inputs = sorted(read.inputs.dataset_inputs, key=lambda entry: entry.dataset.name)
    source = mlflow.data.get_source(next(entry for entry in inputs if entry.dataset.name == "training"))
    experiment = one.info.experiment_id

    def found(condition):
        return sorted(run.info.run_name for run in server.client.search_runs([experiment], condition))

    digest = training.digest
    conditions = ["dataset.name = 'training'", "datasets.name LIKE 'tr%'", f"dataset.digest = '{digest}'", "dataset.context = 'evaluation'", "dataset.context IN ('training', 'test')", "dataset.name = 'none'", "dataset.name != 'training'", "dataset.name = 'array' AND dataset.context = 'test'", "dataset.name ILIKE 'TRAIN%'"]
    refused = ["dataset.nothing = 'x'", "dataset.name > 'a'", "dataset.name = 5", "dataset = 'x'"]
    summaries = server.rest("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", body={"experiment_ids": [experiment]})
    summaries["body"]["dataset_summaries"].sort(key=str)
    return [
        [[entry.dataset, sorted((tag.key, tag.value) for tag in entry.tags)] for entry in inputs],
        source.uri if hasattr(source, "uri") else type(source).__name__,
        {condition: found(condition) for condition in conditions},
        {condition: refusal(found, condition) for condition in refused},
        summaries,
    ]
