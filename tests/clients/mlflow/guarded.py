"""What MLflow's own server does not have, by its unmodified client: tokens, workspaces, and moves that a policy
refuses. Ends with 0 if all is as it should be."""

import argparse
import os
from contextlib import contextmanager

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

from server import environment  # noqa: E402


@contextmanager
def refused(code: str):
    """A call that must be refused so; what it said comes as a list of one."""
    said = []
    try:
        yield said
    except MlflowException as error:
        assert error.error_code == code, f"{error.error_code}: {error}"
        said.append(str(error))
    else:
        raise AssertionError(f"was not refused with {code}")


def whose_version(model: str) -> str:
    """Who registers a version of what a run by the fluent interface left: whose the token is, it says itself."""
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1)
        mlflow.log_text("hello", "model/a.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/model/a.txt") == "hello"
    client = MlflowClient()
    client.create_registered_model(model)
    return client.create_model_version(model, f"runs:/{run.info.run_id}/model", run.info.run_id).user_id


def tokens(uri: str, token: str) -> None:
    mlflow.set_tracking_uri(uri)
    with refused("UNAUTHENTICATED"):
        mlflow.search_experiments()
    with environment(MLFLOW_TRACKING_TOKEN="hbk_wrong"), refused("UNAUTHENTICATED"):
        mlflow.search_experiments()
    with environment(MLFLOW_TRACKING_TOKEN=token):
        assert whose_version("by bearer") == "admin"
    with environment(MLFLOW_TRACKING_USERNAME="anybody", MLFLOW_TRACKING_PASSWORD=token):
        assert whose_version("by password") == "admin"
    with environment(MLFLOW_TRACKING_USERNAME="admin", MLFLOW_TRACKING_PASSWORD="guessed"), refused("UNAUTHENTICATED"):
        mlflow.search_experiments()


def workspaces(uri: str) -> None:
    mlflow.set_tracking_uri(uri)
    mlflow.create_workspace("risk", description="of loans")
    assert {"default", "risk"} <= {workspace.name for workspace in mlflow.list_workspaces()}
    by_address = MlflowClient(f"{uri}/w/risk")
    theirs = by_address.create_experiment("theirs")
    run = by_address.create_run(theirs).info.run_id
    by_address.log_text(run, "hello", "folder/a.txt")
    by_address.create_registered_model("scorer")
    here = MlflowClient(uri)
    assert here.get_experiment_by_name("theirs") is None
    with refused("RESOURCE_DOES_NOT_EXIST"):
        here.get_run(run)
    with environment(MLFLOW_WORKSPACE="risk"):
        assert here.get_experiment_by_name("theirs").experiment_id == theirs
        assert [file.path for file in here.list_artifacts(run, "folder")] == ["folder/a.txt"]
        assert here.get_registered_model("scorer").name == "scorer"
    mlflow.set_workspace("risk")
    try:
        assert mlflow.get_run(run).info.experiment_id == theirs
        assert mlflow.artifacts.load_text(f"runs:/{run}/folder/a.txt") == "hello"
    finally:
        mlflow.set_workspace(None)
    with environment(MLFLOW_WORKSPACE="nobodys"), refused("RESOURCE_DOES_NOT_EXIST"):
        here.search_experiments()


def policies(uri: str, model: str) -> None:
    """A model whose policy wants `acc` to be 0.9 at least before Production."""
    client = MlflowClient(uri)
    run = client.create_run("0")
    client.log_metric(run.info.run_id, "acc", 0.5)
    client.create_model_version(model, f"{run.info.artifact_uri}/model", run.info.run_id)
    with refused("PERMISSION_DENIED") as said:
        client.transition_model_version_stage(model, "1", "Production")
    assert "good-enough" in said[0] and "train longer" in said[0], said
    assert client.get_model_version(model, "1").current_stage == "None"
    assert client.transition_model_version_stage(model, "1", "Staging").current_stage == "Staging"

    better = client.create_run("0")
    client.log_metric(better.info.run_id, "acc", 0.95)
    client.create_model_version(model, f"{better.info.artifact_uri}/model", better.info.run_id)
    assert client.transition_model_version_stage(model, "2", "Production").current_stage == "Production"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("open", help="a Herdbook without tokens: http://127.0.0.1:5757")
    parser.add_argument("model", help="one of its models, with a policy")
    parser.add_argument("guarded", help="a Herdbook that asks for tokens")
    parser.add_argument("token", help="an admin's, there")
    options = parser.parse_args()
    tokens(options.guarded, options.token)
    workspaces(options.open)
    policies(options.open, options.model)


if __name__ == "__main__":
    main()
