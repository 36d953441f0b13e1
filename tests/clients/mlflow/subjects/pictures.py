"""Figures and images."""

import mlflow
import numpy
from matplotlib import pyplot
from PIL import Image

from server import Server


def figures_and_images(server: Server):
    mlflow.set_experiment(server.name("pictures"))
    with mlflow.start_run() as run:
        figure, axes = pyplot.subplots()
        axes.plot([1, 2, 3])
        mlflow.log_figure(figure, "plots/curve.png")
        pyplot.close(figure)
        mlflow.log_image(numpy.zeros((8, 8, 3), dtype=numpy.uint8), "black.png")
        mlflow.log_image(Image.new("RGB", (4, 4)), "white.jpg")
        for step in range(2):
            mlflow.log_image(numpy.full((8, 8), step, dtype=numpy.uint8), key="seen", step=step, synchronous=True)
    listed = {folder: sorted(entry.path for entry in server.client.list_artifacts(run.info.run_id, folder)) for folder in ("", "plots")}
    images = [entry.path.split("%")[0] for entry in server.client.list_artifacts(run.info.run_id, "images")]
    return [listed, sorted(images), mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/black.png").size, server.client.get_run(run.info.run_id).data.tags.get("mlflow.loggedImages")]
