"""A scikit-learn model from training to loading, as lessons do it."""

import mlflow
import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from server import Server


def from_training_to_production(server: Server):
    mlflow.set_experiment(server.name("iris"))
    features, labels = load_iris(return_X_y=True, as_frame=True)
    model, name = LogisticRegression(max_iter=50).fit(features, labels), server.name("iris model")
    with mlflow.start_run() as run:
        mlflow.log_params(model.get_params())
        mlflow.log_metric("accuracy", model.score(features, labels))
        logged = mlflow.sklearn.log_model(model, "model", signature=infer_signature(features, labels), input_example=features.head(2), pip_requirements=["scikit-learn"])
    version = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
    moved = server.client.transition_model_version_stage(name, version.version, "Production", archive_existing_versions=True)
    loaded = [
        mlflow.sklearn.load_model(logged.model_uri),
        mlflow.sklearn.load_model(f"models:/{name}/Production"),
        mlflow.pyfunc.load_model(f"models:/{name}/{version.version}"),
    ]
    read = server.client.get_run(run.info.run_id)
    return [version, moved, [list(one.predict(features.head(3))) for one in loaded], read.data.params, read.outputs.model_outputs if getattr(read, "outputs", None) else None]
