"""How weights are spread, as a histogram."""

import numpy as np

from herdbook.tracking.v1 import value_pb2 as values


def spread(weights: np.ndarray) -> values.Histogram:
    counts, edges = np.histogram(weights, bins=32)
    return values.Histogram(edges=edges, counts=counts)
