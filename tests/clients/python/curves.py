"""Learning curves as a picture."""

import io

import matplotlib

from network import Scores

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (after its backend is chosen)


def plot(history: list[Scores]) -> bytes:
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3))
    for axes, name in ((left, "loss"), (right, "accuracy")):
        axes.plot([getattr(scores, name) for scores in history], label="training")
        axes.plot([getattr(scores, f"val_{name}") for scores in history], label="validation")
        axes.set(title=name, xlabel="epoch")
        axes.legend()
    image = io.BytesIO()
    figure.savefig(image, format="png")
    pyplot.close(figure)
    return image.getvalue()
