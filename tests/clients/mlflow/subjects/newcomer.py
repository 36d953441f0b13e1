"""Every snippet of a first lesson that needs nothing but the client."""

import mlflow

from server import Server, refusal


def first_run(server: Server):
    mlflow.set_experiment(server.name("first"))
    with mlflow.start_run(run_name="hello") as run:
        mlflow.log_param("lr", 0.01)
        mlflow.log_params({"epochs": 3, "optimizer": "adam", "flag": True, "nothing": None, "tiny": 1e-7})
        for epoch in range(3):
            mlflow.log_metric("loss", 1 / (epoch + 1), step=epoch)
        mlflow.log_metrics({"accuracy": 0.9, "f1": 0.8}, step=2)
        mlflow.set_tag("team", "vision")
        mlflow.set_tags({"stage": "try", "number": 7})
    found = server.client.get_run(run.info.run_id)
    del found.data.tags["mlflow.source.name"]
    return [found, server.client.get_metric_history(run.info.run_id, "loss")]


def named_and_nested_runs(server: Server):
    mlflow.set_experiment(server.name("nested"))
    with mlflow.start_run(run_name="parent", tags={"kind": "sweep"}, description="a sweep") as parent:
        for child in range(2):
            with mlflow.start_run(run_name=f"child {child}", nested=True):
                mlflow.log_param("child", child)
    children = server.client.search_runs(
        [parent.info.experiment_id], f"tags.mlflow.parentRunId = '{parent.info.run_id}'", order_by=["attributes.run_name"]
    )
    read = mlflow.get_run(parent.info.run_id)
    return [[run.info.run_name for run in children], read.data.tags["mlflow.note.content"], mlflow.get_parent_run(children[0].info.run_id)]


def a_run_that_is_gone_on_with(server: Server):
    mlflow.set_experiment(server.name("resumed"))
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("loss", 0.5, step=1)
    return [server.client.get_run(run.info.run_id).info, server.client.get_metric_history(run.info.run_id, "loss")]


def a_run_that_fails(server: Server):
    mlflow.set_experiment(server.name("failed"))
    try:
        with mlflow.start_run() as run:
            raise ValueError("diverged")
    except ValueError:
        return server.client.get_run(run.info.run_id).info


def experiments_by_the_fluent_interface(server: Server):
    name = server.name("fluent")
    created = mlflow.create_experiment(name, tags={"owner": "ann"})
    again = refusal(mlflow.create_experiment, name)
    chosen = mlflow.set_experiment(experiment_id=created)
    mlflow.set_experiment_tag("phase", "2")
    mlflow.set_experiment_tags({"more": "x"})
    found = mlflow.search_experiments(filter_string=f"name = '{name}'")
    with mlflow.start_run() as run:
        pass
    mlflow.delete_run(run.info.run_id)
    mlflow.delete_experiment(created)
    return [again, chosen.name, found, mlflow.get_experiment(created), refusal(mlflow.set_experiment, name)]


def the_default_experiment(server: Server):
    default = server.client.get_experiment("0")
    return [default.name, default.lifecycle_stage, default.artifact_location, server.client.get_experiment_by_name("Default").experiment_id]


def what_is_not_there(server: Server):
    return [
        server.client.get_experiment_by_name(server.name("nobody")),
        refusal(server.client.get_experiment, "987654321"),
        refusal(server.client.get_run, "0" * 32),
        refusal(mlflow.start_run, run_id="f" * 32),
    ]


def a_last_run_is_remembered(server: Server):
    mlflow.set_experiment(server.name("last"))
    with mlflow.start_run() as run:
        mlflow.log_metric("a", 1)
    return [mlflow.last_active_run().info.run_id == run.info.run_id, mlflow.search_runs(output_format="list", search_all_experiments=False)]
