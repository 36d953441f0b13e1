"""Searches and histories as pandas DataFrames; pandas is asked for when one is made."""

from collections.abc import Iterator
from typing import Any

from . import _internal
from .session import session


def pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ImportError("DataFrames need pandas: pip install 'herdbook[pandas]'") from error
    return pandas


def runs(
    filter: str = "", *, experiments: list[str | int] | str | int | None = None,
    order_by: list[str] | str | None = None, columns: list[str] | None = None, limit: int = 1000,
) -> Iterator["_internal.Message"]:  # fmt: skip
    """Runs that pass a filter, in an order, as messages `Run` of the contract; at most `limit`.

    Filters are those of `SearchRuns`: `metrics.accuracy > 0.9 and params.lr = '0.001'`. `columns` names what is needed
    of each run, such as `params.lr`, so that many are light.
    """
    client = session.client()
    named = [] if experiments is None else experiments if isinstance(experiments, list) else [experiments]
    request: dict[str, Any] = {
        "experiment_ids": [one if isinstance(one, int) else _experiment(one) for one in named],
        "filter": filter,
        "order_by": [order_by] if isinstance(order_by, str) else order_by or [],
        "columns": columns or [],
    }
    while limit > 0:
        page = client.call("RunService/SearchRuns", {**request, "page_size": min(limit, 1000)})
        yield from page.runs
        limit -= len(page.runs)
        request["page_token"] = page.next_page_token
        if not page.next_page_token:
            return


def search(
    filter: str = "", *, experiments: list[str | int] | str | int | None = None,
    order_by: list[str] | str | None = None, columns: list[str] | None = None, limit: int = 1000,
) -> Any:  # fmt: skip
    """Runs that pass a filter as a pandas DataFrame, a row each, with the arguments of `runs`.

    Columns: run_id, experiment_id, name, status, user, started_at, ended_at; `params.<key>` as texts, `tags.<key>`, and
    `metrics.<key>`, the latest value. Where a run lacks one there is NaN or None.
    """
    rows = []
    for run in runs(filter, experiments=experiments, order_by=order_by, columns=columns, limit=limit):
        row: dict[str, Any] = {
            "run_id": run.id, "experiment_id": run.experiment_id, "name": run.name, "status": run.status,
            "user": run.user, "started_at": run.started_at, "ended_at": run.ended_at,
        }  # fmt: skip
        row |= {f"params.{key}": value for key, value in run.params.items()}
        row |= {f"metrics.{metric.key}": metric.latest for metric in run.metrics}
        row |= {f"tags.{key}": value for key, value in run.tags.items()}
        rows.append(row)
    frame = pandas().DataFrame(rows)
    return frame if rows else pandas().DataFrame(columns=["run_id", "experiment_id", "name", "status"])


def history(
    run_id: str, *keys: str, min_step: int | None = None, max_step: int | None = None, samples: int = 0,
) -> Any:  # fmt: skip
    """Every point of some metrics of a run, or of all, as a pandas DataFrame in the order of their commits.

    With `samples`, at most so many of each of the named metrics, evenly along its steps, the first and the last among
    them.

    Columns: key, step (int64), time (datetime64, UTC), value (float64; NaN and infinities as they were logged).
    """
    request = {
        "run_id": run_id, "keys": list(keys), "min_step": min_step, "max_step": max_step, "samples": samples,
    }  # fmt: skip
    parts = []
    frames = pandas()
    for points in session.client().stream("MetricService/ReadMetrics", request):
        times = frames.to_datetime(points.times_us, unit="us", utc=True)
        part = {"key": points.key, "step": points.steps, "time": times, "value": points.values}
        parts.append(frames.DataFrame(part))
    if parts:
        return frames.concat(parts, ignore_index=True)
    empty = frames.DataFrame({"key": [], "step": [], "time": [], "value": []})
    return empty.astype({"key": object, "step": "int64", "time": "datetime64[us, UTC]", "value": "float64"})


def curve(run_ids: list[str] | str, *keys: str, buckets: int = 320) -> Any:
    """Curves of runs and metrics as a pandas DataFrame, reduced to `buckets` a curve without hiding a spike.

    Columns: run_id, key, first_x and last_x (steps), first, min, max, last (values), count (points).
    """
    request = {"run_ids": [run_ids] if isinstance(run_ids, str) else run_ids, "keys": list(keys), "buckets": buckets}
    frames = pandas()
    parts = []
    for found in session.client().call("MetricService/GetCurves", request).curves:
        columns = ("first_x", "last_x", "first", "min", "max", "last", "count")
        part = {"run_id": found.run_id, "key": found.key}
        parts.append(frames.DataFrame(part | {column: getattr(found, column) for column in columns}))
    return frames.concat(parts, ignore_index=True) if parts else frames.DataFrame()


def _experiment(name: str) -> int:
    number: int = session.client().call("ExperimentService/GetExperiment", {"name": name}).experiment.id
    return number
