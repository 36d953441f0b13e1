"""The `mlflow` command, in this process: what is asked of a server is the same, and it starts at once."""

import json
import re

import mlflow
from click.testing import CliRunner
from mlflow.cli import cli
from sklearn.linear_model import LinearRegression

from server import Server


def _said(*arguments: str) -> list:
    done = CliRunner().invoke(cli, arguments)
    # Columns are as wide as what stands in them.
    return [done.exit_code, [re.sub(r"[ -]{2,}", "  ", line).strip() for line in done.stdout.splitlines()]]


def commands(server: Server):
    name = server.name("cli")
    created = _said("experiments", "create", "-n", name)
    experiment = server.client.get_experiment_by_name(name).experiment_id
    run = server.client.create_run(experiment, run_name="by hand").info.run_id
    server.client.log_text(run, "text", "folder/a.txt")
    listed = _said("artifacts", "list", "-r", run, "-a", "folder")
    described = _said("runs", "describe", "--run-id", run)
    runs = _said("runs", "list", "--experiment-id", experiment)
    _said("artifacts", "log-artifact", "-l", str(server.file("b.txt")), "-r", run)
    _said("artifacts", "download", "-r", run, "-a", "b.txt", "-d", str(server.folder / "down"))
    downloaded = (server.folder / "down/b.txt").read_text()
    renamed = _said("experiments", "rename", "-x", experiment, "--new-name", server.name("renamed"))
    deleted = [_said("runs", "delete", "--run-id", run), _said("runs", "restore", "--run-id", run)]
    gone = [_said("experiments", "delete", "-x", experiment), _said("experiments", "restore", "-x", experiment)]
    table = server.folder / "runs.csv"
    exported = _said("experiments", "csv", "-x", experiment, "-o", str(table))
    return [
        [said[0] for said in (created, described, runs, renamed, *deleted, *gone, exported)],
        listed,
        downloaded,
        sorted(table.read_text().splitlines()[0].split(",")),
        _said("experiments", "create", "-n", server.name("renamed"))[0],
        _said("runs", "describe", "--run-id", "0" * 32)[0],
    ]


def models(server: Server):
    name = server.name("by command")
    with mlflow.start_run(experiment_id=server.experiment("of models")) as run:
        trained = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])
        mlflow.sklearn.log_model(trained, "model", registered_model_name=name, pip_requirements=["scikit-learn"])
    asked, told = server.file("asked.json", '{"inputs": [[2.0], [3.0]]}'), server.folder / "told.json"
    predict = ("models", "predict", "--env-manager", "local", "-i", str(asked), "-o", str(told))
    predicted = []
    for address in (f"models:/{name}/1", f"runs:/{run.info.run_id}/model"):
        said = _said(*predict, "-m", address)
        predicted.append([said[0], [round(value, 6) for value in json.loads(told.read_text())["predictions"]]])
        told.unlink()
    updated = _said("models", "update-pip-requirements", "-m", f"runs:/{run.info.run_id}/model", "add", "idna==3.10")
    requirements = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/model/requirements.txt")
    missing = _said(*predict, "-m", f"models:/{name}/9")[0]
    return [predicted, updated[0], requirements.splitlines(), missing]
