"""What MLflow's own server does not have, by its unmodified client: tokens, workspaces, and moves that a policy
refuses. Ends with 0 if all is as it should be."""

import argparse
import getpass
import os
import random
import tempfile
from contextlib import contextmanager
from pathlib import Path

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}

import mlflow  # noqa: E402
import requests  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository  # noqa: E402

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
    # Not whoever the client says it is, which it still finds where it looks.
    read = client.get_run(run.info.run_id)
    said = os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()
    assert (read.info.user_id, read.data.tags["mlflow.user"]) == ("admin", said)
    assert [found.info.run_id for found in client.search_runs(["0"], "user_id = 'admin'", max_results=1)] == [run.info.run_id]
    client.create_registered_model(model)
    return client.create_model_version(model, f"runs:/{run.info.run_id}/model", run.info.run_id).user_id


def in_parts(uri: str, token: str, folder: Path) -> None:
    """A large file by several requests at a time, to addresses that the client calls with what it was told."""
    large = folder / "large.bin"
    large.write_bytes(random.Random(1).randbytes(25 << 20))
    with environment(MLFLOW_TRACKING_TOKEN=token, MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(10 << 20)):
        run = MlflowClient(uri).create_run("0").info
        # What `log_artifact` does with MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD, but for going on in one request if it is refused.
        files = MlflowArtifactsRepository(run.artifact_uri, uri)
        files._try_multipart_upload(str(large), "model")
        assert [file.file_size for file in files.list_artifacts("model")] == [25 << 20]
        down = files.download_artifacts("model/large.bin", str(folder))
        assert Path(down).read_bytes() == large.read_bytes()
        begun = files.create_multipart_upload(str(large), 3, "other")
        part = files._upload_part(begun.credentials[0], str(large), 10 << 20, 0)
        try:
            files.complete_multipart_upload(str(large), begun.upload_id, [part, part], "other")
        except requests.HTTPError as error:
            assert error.response.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        else:
            raise AssertionError("half a file was completed")
        files.abort_multipart_upload(str(large), begun.upload_id, "other")
        assert files.list_artifacts("other") == []
        # An address alone opens nothing.
        assert requests.put(begun.credentials[0].url, data=b"x").status_code == 401


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
    with tempfile.TemporaryDirectory() as folder:
        in_parts(options.guarded, options.token, Path(folder))
    workspaces(options.open)
    policies(options.open, options.model)


if __name__ == "__main__":
    main()
