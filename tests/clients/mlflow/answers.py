"""Runs the subjects with the client's library that this Python has, at one server, and prints their answers as JSON."""

import argparse
import importlib
import inspect
import json
import logging
import os
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "KERAS_BACKEND": "jax",
    "GIT_PYTHON_REFRESH": "quiet",
    "MPLBACKEND": "Agg",
}

import mlflow  # noqa: E402

from plain import Normaliser, plain  # noqa: E402
from server import Server  # noqa: E402

ANY, WHOLE, NEWEST = ("3", "2", "skinny"), ("3", "2"), ("3",)
SUBJECTS = {
    "newcomer": ANY,
    "runs": ANY,
    "artifacts": ANY,
    "registry": ANY,
    "aliases": ANY,
    "asynchronous": ANY,
    "experiments": WHOLE,
    "metrics": WHOLE,
    "search": WHOLE,
    "cli": WHOLE,
    "wire": NEWEST,
    "errors": NEWEST,
    "webhooks": NEWEST,
    "logged_models": NEWEST,
    "prompts": NEWEST,
    "dataframes": WHOLE,
    "pictures": WHOLE,
    "datasets": WHOLE,
    "system_metrics": WHOLE,
    "pyfunc": WHOLE,
    "sklearn_models": WHOLE,
    "autolog": WHOLE,
    "deep_learning": NEWEST,
}
"""Each with the clients that have what it calls: the newest, the newest of 2, and the newest without data science, whose
code is the newest's: what needs no such packages there is not asked all over again."""


def functions(subject: str) -> list[tuple[str, Callable[[Server], object]]]:
    """A subject's functions, in the order in which they are written."""
    module = importlib.import_module(f"subjects.{subject}")
    found = [
        (name, function)
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    ]
    return sorted(found, key=lambda entry: entry[1].__code__.co_firstlineno)


def answer(function: Callable[[Server], object], uri: str) -> object:
    """What it comes to at a server; of a failure, where it came from."""
    server = Server(uri)
    mlflow.set_tracking_uri(server.uri)
    mlflow.set_registry_uri(server.uri)
    os.environ["MLFLOW_TRACKING_URI"] = server.uri
    try:
        return Normaliser(server).normal(plain(function(server)))
    except Exception as error:
        line = next(frame for frame in reversed(traceback.extract_tb(error.__traceback__)) if "/subjects/" in frame.filename)
        return {"failed": f"{line.line}: {type(error).__name__}: {error}"[:600]}
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        shutil.rmtree(server.folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri", help="http://127.0.0.1:5757")
    parser.add_argument("--client", choices=ANY, default="3", help="which of the clients this Python has")
    parser.add_argument("--only", help="a subject, or a function of one: search.pages")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    told, spent = {}, {}
    # What libraries print is not an answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    for subject, clients in SUBJECTS.items():
        wanted, _, one = (options.only or subject).partition(".")
        if options.client not in clients or subject != wanted:
            continue
        begin = time.monotonic()
        for name, function in functions(subject):
            if one in ("", name):
                told[f"{subject}.{name}"] = answer(function, options.uri)
        spent[subject] = round(time.monotonic() - begin, 1)
    print(f"seconds at {options.uri}: {spent}", file=sys.stderr)
    json.dump(told, answers)


if __name__ == "__main__":
    main()
