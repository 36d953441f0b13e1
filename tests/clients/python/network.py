"""A small neural network in numpy: enough to have real learning curves."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Settings:
    """The hyperparameters of a training."""

    learning_rate: float
    batch_size: int
    epochs: int
    optimizer: str  # "sgd" or "adam"
    hidden: tuple[int, ...]
    dropout: float
    seed: int = 1

    def params(self) -> dict[str, str]:
        """As a run's params, which are text."""
        shown = vars(self) | {"hidden": "x".join(map(str, self.hidden))}
        return {name: str(value) for name, value in shown.items()}


@dataclass(frozen=True)
class Scores:
    """How the network does after an epoch."""

    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass
class Network:
    """Dense layers with ReLU between them and a sigmoid at the end."""

    weights: list[np.ndarray]
    moments: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    @classmethod
    def new(cls, inputs: int, settings: Settings) -> "Network":
        random = np.random.default_rng(settings.seed)
        sizes = (inputs, *settings.hidden, 1)
        return cls(
            [  # The last row of each matrix is the bias. He initialisation (He et al. 2015).
                np.vstack([random.normal(0, np.sqrt(2 / a), (a, b)), np.zeros((1, b))])
                for a, b in zip(sizes, sizes[1:])
            ]
        )

    @classmethod
    def load(cls, content: bytes) -> "Network":
        with np.load(io.BytesIO(content)) as file:
            return cls([file[f"layer{n}"] for n in range(len(file.files))])

    def save(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{f"layer{n}": w for n, w in enumerate(self.weights)})
        return buffer.getvalue()

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The probability of `malignant`, a row each."""
        return self._forward(x)[-1].ravel()

    def fit(self, data, settings: Settings) -> Iterator[Scores]:
        """Trains epoch by epoch and yields the scores after each."""
        x, val_x, y, val_y = data
        random = np.random.default_rng(settings.seed)
        self.moments = [(np.zeros_like(w), np.zeros_like(w)) for w in self.weights]
        step = 0
        for _ in range(settings.epochs):
            order = random.permutation(len(x))
            for start in range(0, len(x), settings.batch_size):
                rows = order[start : start + settings.batch_size]
                step += 1
                self._update(self._gradients(x[rows], y[rows], settings.dropout, random), settings, step)
            yield Scores(*self.evaluate(x, y), *self.evaluate(val_x, val_y))

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """Cross entropy and accuracy."""
        p = np.clip(self.predict(x), 1e-7, 1 - 1e-7)
        loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        return float(loss), float(((p > 0.5) == y).mean())

    def _forward(self, x, dropout=0.0, random=None) -> list[np.ndarray]:
        layers = [x]
        for n, w in enumerate(self.weights):
            z = layers[-1] @ w[:-1] + w[-1]
            if n + 1 == len(self.weights):
                layers.append(1 / (1 + np.exp(-np.clip(z, -30, 30))))
            else:
                hidden = np.maximum(z, 0)
                if dropout and random is not None:
                    hidden *= (random.random(hidden.shape) >= dropout) / (1 - dropout)
                layers.append(hidden)
        return layers

    def _gradients(self, x, y, dropout, random) -> list[np.ndarray]:
        layers = self._forward(x, dropout, random)
        delta = (layers[-1] - y[:, None]) / len(x)
        gradients = []
        for w, layer in zip(reversed(self.weights), reversed(layers[:-1])):
            gradients.append(np.vstack([layer.T @ delta, delta.sum(axis=0)]))
            delta = (delta @ w[:-1].T) * (layer > 0)
        return gradients[::-1]

    def _update(self, gradients, settings: Settings, step: int) -> None:
        rate = settings.learning_rate
        for w, g, (first, second) in zip(self.weights, gradients, self.moments):
            if settings.optimizer == "sgd":
                w -= rate * g
            else:  # Adam (Kingma and Ba 2015), with its usual decay rates.
                first += 0.1 * (g - first)
                second += 0.001 * (g * g - second)
                w -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
