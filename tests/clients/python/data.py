"""The breast-cancer data of scikit-learn, in two versions, each step with a digest."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Table:
    """A data set in one state: rows of features, their labels, and how it came about."""

    name: str
    features: np.ndarray
    labels: np.ndarray
    step: str
    derived_from: "Table | None" = None

    @property
    def digest(self) -> str:
        content = hashlib.sha256()
        for array in (self.features, self.labels):
            content.update(repr((array.shape, array.dtype.str)).encode())
            content.update(np.ascontiguousarray(array).tobytes())
        return f"sha256:{content.hexdigest()}"

    @property
    def profile(self) -> str:
        rows, columns = self.features.shape
        return json.dumps({"rows": rows, "columns": columns, "positive": int(self.labels.sum())})

    def split(self):
        """A fixed quarter of the rows is for validation."""
        return train_test_split(
            self.features, self.labels, test_size=0.25, random_state=7, stratify=self.labels
        )


def load() -> tuple[Table, Table]:
    """`dataset_v1`, and `dataset_v2` into which a labelling bug slipped."""
    bundle = load_breast_cancer()
    source = Table(
        "breast-cancer-source", bundle.data, (bundle.target == 0).astype(int), "as published"
    )
    cleaned = clean(source)
    return features("dataset_v1", cleaned), features("dataset_v2", mislabel(cleaned))


def clean(source: Table) -> Table:
    """Drops rows that stand twice and clips each column to its 0.5th and 99.5th percentile."""
    _, first = np.unique(source.features, axis=0, return_index=True)
    rows = np.sort(first)
    low, high = np.percentile(source.features, [0.5, 99.5], axis=0)
    return Table(
        "breast-cancer-cleaned",
        np.clip(source.features[rows], low, high),
        source.labels[rows],
        "drop duplicates, clip outliers",
        source,
    )


def mislabel(cleaned: Table) -> Table:
    """The bug: a join on the rounded radius calls small malignant tumours benign."""
    small = cleaned.features[:, 0] < np.percentile(cleaned.features[:, 0], 65)
    return Table(
        "breast-cancer-relabelled",
        cleaned.features,
        np.where(small, 0, cleaned.labels),
        "join labels by rounded radius",
        cleaned,
    )


def features(name: str, table: Table) -> Table:
    """Standardises each column."""
    scaled = (table.features - table.features.mean(axis=0)) / table.features.std(axis=0)
    return Table(name, scaled.astype(np.float64), table.labels, "standardise", table)
