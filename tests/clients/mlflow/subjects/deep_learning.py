"""What Keras' training logs by itself, on the smallest of its backends."""

import mlflow
import numpy

from server import Server


def keras(server: Server):
    from keras import Input, Sequential, layers, utils

    mlflow.set_experiment(server.name("keras"))
    utils.set_random_seed(1)
    mlflow.keras.autolog(log_models=False)
    try:
        with mlflow.start_run() as run:
            model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
            model.compile("sgd", "mse", metrics=["mae"])
            model.fit(numpy.ones((16, 4)), numpy.ones((16, 1)), epochs=3, batch_size=8, verbose=0)
    finally:
        mlflow.keras.autolog(disable=True)
    read = server.client.get_run(run.info.run_id)
    return [
        sorted(read.data.params),
        sorted(read.data.metrics),
        [point.step for point in server.client.get_metric_history(run.info.run_id, "loss")],
        sorted(entry.path for entry in server.client.list_artifacts(run.info.run_id)),
    ]
