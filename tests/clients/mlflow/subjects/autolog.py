"""What scikit-learn's training logs by itself."""

import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from server import Server


def scikit_learn(server: Server):
    mlflow.set_experiment(server.name("autolog"))
    features, labels = load_iris(return_X_y=True, as_frame=True)
    mlflow.sklearn.autolog(log_models=False, max_tuning_runs=2)
    try:
        with mlflow.start_run() as run:
            model = LogisticRegression(max_iter=50).fit(features, labels)
            model.score(features, labels)
        GridSearchCV(LogisticRegression(max_iter=20), {"C": [0.1, 1.0]}, cv=2).fit(features, labels)
    finally:
        mlflow.sklearn.autolog(disable=True)
    read = server.client.get_run(run.info.run_id)
    found = server.client.search_runs([run.info.experiment_id])
    children = [one for one in found if "mlflow.parentRunId" in one.data.tags]
    return [
        read.data.params,
        read.data.metrics,
        {key: tag for key, tag in read.data.tags.items() if key.startswith("estimator")},
        sorted(entry.path for entry in server.client.list_artifacts(run.info.run_id)),
        [entry.dataset.digest for entry in read.inputs.dataset_inputs],
        len(found),
        sorted(one.data.params["C"] for one in children),
    ]
