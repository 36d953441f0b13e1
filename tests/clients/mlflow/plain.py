"""Answers as JSON that two servers can have in common: entities as their fields, and a name in order of appearance
for what each server makes up itself."""

import enum
import math
import re
import time
from collections.abc import Mapping
from datetime import datetime

from server import Server

HEX = r"[0-9a-f]{32}"
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
MADE_UP = re.compile(rf"(?<![0-9a-zA-Z])(m-{HEX}|tr-{HEX}|{UUID}|{HEX}|[0-9a-f]{{64}})(?![0-9a-zA-Z])")
RECENTLY = 86_400_000  # milliseconds
NOW = "<now, ms>"
EXPERIMENT_FIELDS = {"experiment_id", "experiment_ids", "_experiment_id"}
"""Where a number as text is an experiment's id."""
EXPERIMENT_PLACES = re.compile(r"(mlflow-artifacts:/|mlflow-artifacts/artifacts/|/experiments/)(\d+)(?=/|$)")
MILLISECONDS = re.compile(r"(?<!\d)\d{13}(?!\d)")
RANDOM_NAME = re.compile(r"^[a-z]+-[a-z]+-\d{1,3}$")
"""As servers name a run that was given none: `gifted-shrew-42`."""


def plain(value: object) -> object:
    """A value as JSON has it, with NaN and the infinities as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return value.decode("utf-8", "replace")
        case enum.Enum():
            return value.name
        case datetime():
            return int(value.timestamp() * 1000)
        case Mapping():
            return {str(key): plain(field) for key, field in value.items()}
        case set() | frozenset():
            return sorted(map(plain, value), key=repr)
        case list() | tuple():
            return [plain(element) for element in value]
        case Exception():
            return {"raised": type(value).__name__}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # a DataFrame
        return plain({name: value[name].tolist() for name in sorted(value.columns)})
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a scalar of numpy
        return plain(value.item())
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if value.__class__.__module__.startswith("mlflow.entities"):
        return plain(_fields(value))
    return str(value)


def _fields(entity: object) -> dict:
    """What an entity of MLflow shows of itself."""
    names = [name for name in dir(type(entity)) if isinstance(getattr(type(entity), name, None), property)]
    names += [name for name in vars(entity) if not name.startswith("_")]
    return {name: getattr(entity, name) for name in sorted(set(names))}


def _is_now(milliseconds: float) -> bool:
    return abs(milliseconds - time.time() * 1000) < RECENTLY


class Normaliser:
    """Gives what a server makes up names in order of appearance; one for a subject's function."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ids: dict[str, str] = {}
        self.experiments: dict[str, str] = {"0": "0"}

    def normal(self, value: object, field: str = "") -> object:
        match value:
            case dict():
                return {self._text(key, ""): self.normal(part, key) for key, part in value.items()}
            case list():
                return [self.normal(part, field) for part in value]
            case bool():
                return value
            case int() if _is_now(value):
                return NOW
            case float() if _is_now(value):
                return "<now, ms, float>"
            case str():
                return self._text(value, field)
        return value

    def _text(self, text: str, field: str) -> str:
        if field in EXPERIMENT_FIELDS and text.isdigit():
            return self._experiment(text)
        if field in ("run_name", "mlflow.runName", "name") and RANDOM_NAME.match(text):
            return "<a random name>"
        text = MILLISECONDS.sub(lambda found: NOW if _is_now(int(found[0])) else found[0], text)
        text = text.replace(self.server.mark, "").replace(self.server.uri, "<server>")
        text = text.replace(str(self.server.folder), "<folder>")
        text = EXPERIMENT_PLACES.sub(lambda found: found[1] + self._experiment(found[2]), text)
        return MADE_UP.sub(lambda found: self._id(found[1]), text)

    def _experiment(self, number: str) -> str:
        return self.experiments.setdefault(number, f"<experiment {len(self.experiments)}>")

    def _id(self, made_up: str) -> str:
        kind = "model" if made_up.startswith("m-") else "id"
        return self.ids.setdefault(made_up, f"<{kind} {len(self.ids) + 1}>")
