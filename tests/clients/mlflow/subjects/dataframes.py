"""Runs as a DataFrame, tables, and a lesson's plots of them."""

import mlflow
import pandas

from server import Server


def runs_as_a_dataframe(server: Server):
    experiment = mlflow.set_experiment(server.name("frame"))
    for number in range(4):
        with mlflow.start_run(run_name=f"run {number}"):
            mlflow.log_params({"lr": 0.1 * number, "n": number})
            mlflow.log_metric("acc", number / 4)
            if number == 2:
                mlflow.log_metric("extra", 1)
    found = mlflow.search_runs(filter_string="metrics.acc > 0", order_by=["metrics.acc DESC"])
    by_name = mlflow.search_runs(experiment_names=[server.name("frame")], max_results=2, order_by=["metrics.acc"])
    none = mlflow.search_runs([experiment.experiment_id], "metrics.acc > 9")
    columns = ["run_id", "status", "metrics.acc", "metrics.extra", "params.lr", "params.n", "tags.mlflow.runName", "experiment_id", "artifact_uri"]
    return [sorted(found.columns), found[columns], by_name["params.n"].tolist(), len(none), str(found["start_time"].dtype)]


def tables(server: Server):
    mlflow.set_experiment(server.name("tables"))
    with mlflow.start_run() as run:
        mlflow.log_table({"prompt": ["a", "b"], "score": [1, 0.5]}, "table.json")
        mlflow.log_table(pandas.DataFrame({"prompt": ["c"], "score": [2.0]}), "table.json")
    return [mlflow.load_table("table.json", run_ids=[run.info.run_id]), server.client.get_run(run.info.run_id).data.tags["mlflow.loggedArtifacts"]]
