"""What random searches are asked about: the same things at every server, and what can be said of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from server import Server

MORNING = 1700000000000
WORDS = ("red", "Red", "green", "blue", "a b", "it's", "per%cent", "under_score", "ünï", "", "7")
NUMBERS = (-1, 0, 0.25, 0.5, 1, 3, 1e10)
COMPARISONS = ("=", "!=", ">", ">=", "<", "<=")
LIKENESSES = ("=", "!=", "LIKE", "ILIKE")
# None with a backslash, which is a sign like others on SQLite alone.
PATTERNS = ("%", "%e%", "R%", "_ed", "%'%", "%%%", "ü%")


@dataclass(frozen=True)
class Kind:
    """Something to search for."""

    name: str
    path: str
    field: str
    """Of the answer, that has what was found."""
    question: Callable[[dict, tuple[str, ...]], dict]
    """The body of a search among what was filled, under conditions."""
    shown: Callable[[dict], str]
    """What tells one found thing from the others."""
    texts: tuple[str, ...]
    numbers: tuple[str, ...]
    orders: tuple[object, ...]
    last_order: tuple[object, ...]
    """By which no two are equal."""
    most: int
    get: bool = False
    """Whether it is asked by GET."""

    def ask(self, server: Server, question: dict) -> dict:
        if self.get:
            return server.rest("GET", self.path, **question)
        return server.rest("POST", self.path, body=question)

    def ordered(self, order: tuple[object, ...]) -> bool:
        return order[-len(self.last_order) :] == self.last_order


def _joined(*conditions: str) -> str:
    return " AND ".join(condition for condition in conditions if condition)


KINDS = (
    Kind(
        "runs",
        "runs/search",
        "runs",
        lambda within, conditions: {"experiment_ids": [within["experiment"]], "filter": _joined(*conditions)},
        lambda run: run["info"]["run_name"],
        texts=("params.word", "params.`with space`", "params.some", "tags.word", "tag.`with space`", "tags.none", "attributes.run_name", "status", "user_id"),
        numbers=("metrics.acc", "metrics.`my metric`", "metrics.some", "metrics.none", "start_time", "attributes.end_time"),
        orders=("metrics.acc", "metrics.acc DESC", "metrics.some", "metrics.some DESC", "params.word", "params.some DESC", "tags.word DESC", "tags.some", "status", "start_time DESC", "end_time", "end_time DESC", "user_id"),
        last_order=("attributes.run_name",),
        most=1000,
    ),
    Kind(
        "experiments",
        "experiments/search",
        "experiments",
        lambda within, conditions: {"filter": _joined(f"tags.group = '{within['group']}'", *conditions)},
        lambda experiment: experiment["name"],
        texts=("name", "attribute.name", "tags.word", "tags.`with space`", "tags.some"),
        numbers=("creation_time", "last_update_time"),
        orders=("name", "name DESC", "creation_time", "experiment_id"),
        last_order=("name",),
        most=1000,
    ),
    Kind(
        "registered models",
        "registered-models/search",
        "registered_models",
        lambda within, conditions: {"filter": _joined(f"tags.group = '{within['group']}'", *conditions)},
        lambda model: model["name"],
        texts=("name", "tags.word", "tags.`with space`", "tags.some"),
        numbers=(),
        orders=("name", "name DESC"),
        last_order=("name",),
        most=1000,
        get=True,
    ),
    Kind(
        "versions",
        "model-versions/search",
        "model_versions",
        lambda within, conditions: {"filter": _joined(f"name LIKE '%{within['mark']}'", *conditions)},
        lambda version: f"{version['name']} {version['version']}",
        texts=("name", "tags.word", "tags.`with space`", "source_path"),
        numbers=("version_number",),
        orders=("name", "name DESC", "version_number", "version_number DESC"),
        last_order=("name", "version_number"),
        most=1000,
        get=True,
    ),
    Kind(
        "logged models",
        "logged-models/search",
        "models",
        lambda within, conditions: {"experiment_ids": [within["experiment"]], "filter": _joined(*conditions)},
        lambda model: model["info"]["name"],
        # Not by status, as differences.toml says.
        texts=("name", "params.word", "params.some", "tags.word", "tags.`with space`", "model_type"),
        numbers=("metrics.acc", "metrics.some", "creation_timestamp"),
        orders=tuple({"field_name": field, "ascending": up} for field in ("metrics.acc", "metrics.some", "name") for up in (True, False)),
        last_order=({"field_name": "name"},),
        most=50,
    ),
)


def condition(dice: random.Random, kind: Kind) -> str:
    """Something to say of a kind; now and then what none of it understands."""
    if dice.random() < 0.04:
        return dice.choice(("nothing = 'x'", "name = x", "metrics.acc LIKE '1'", "params.word > 'a'", "(name = 'a')", "tags.word", "name == 'a'", "start_time = 'x'"))
    if kind.numbers and dice.random() < 0.45:
        return f"{dice.choice(kind.numbers)} {dice.choice(COMPARISONS)} {dice.choice(NUMBERS)}"
    field = dice.choice(kind.texts)
    # Of logged models, MLflow takes the double quotes for a part of the value.
    words = [word for word in (*WORDS, *_names(kind)) if kind.name != "logged models" or "'" not in word]
    quotes = "'" if kind.name == "logged models" else "'\""
    values = [_quoted(dice, word, quotes) for word in words]
    if dice.random() < 0.1 and kind.name == "runs":
        return f"{field} IN ({', '.join(dice.sample(values, 2))})"
    comparison = dice.choice(LIKENESSES)
    value = _quoted(dice, dice.choice([pattern for pattern in PATTERNS if "'" not in pattern or '"' in quotes]), quotes) if comparison.endswith("LIKE") else dice.choice(values)
    return f"{field} {comparison} {value}"


def _names(kind: Kind) -> tuple[str, ...]:
    return {"runs": ("run 3", "FINISHED", "ann"), "logged models": ("model-3", "a")}.get(kind.name, ())


def order(dice: random.Random, kind: Kind) -> tuple[object, ...]:
    """By what to sort, no field twice; mostly so that no two are equal."""
    found, seen = [], set()
    wanted = dice.sample(kind.orders, dice.choice((0, 1, 1, 2))) + list(kind.last_order if dice.random() < 0.8 else ())
    for one in wanted:
        field = one["field_name"] if isinstance(one, dict) else one.split()[0].removeprefix("attributes.")
        if field not in seen:
            seen.add(field)
            found.append(one)
    return tuple(found)


def _quoted(dice: random.Random, text: str, quotes: str) -> str:
    quote = '"' if "'" in text or ('"' in quotes and dice.random() < 0.2) else "'"
    return f"{quote}{text}{quote}"


def fill(server: Server, dice: random.Random) -> dict:
    """Makes the same things at any server, for dice of the same seed: where they are."""
    within = {"group": server.name("fuzz"), "mark": server.mark}
    within["experiment"] = server.experiment("fuzzed")
    for number in range(20):
        _run(server, dice, within["experiment"], number)
    for number in range(8):
        tags = _entries(dice) | {"group": within["group"]}
        server.client.create_experiment(server.name(f"experiment {dice.choice(WORDS)} {number}"), tags=tags)
    for number in range(8):
        tags = _entries(dice) | {"group": within["group"]}
        name = server.name(f"model {number} {dice.choice(('red', 'Red', 'a b', 'per%cent', 'under_score'))}")
        server.client.create_registered_model(name, tags=tags)
        for _ in range(dice.randrange(3)):
            server.client.create_model_version(name, f"s3://bucket/{dice.choice(('red', 'green'))}", tags=_entries(dice))
    for number in range(10):
        _logged_model(server, dice, within["experiment"], number)
    return within


def _entries(dice: random.Random) -> dict[str, str]:
    entries = {"word": dice.choice(WORDS), "with space": dice.choice(WORDS)}
    return entries | ({"some": dice.choice(WORDS)} if dice.random() < 0.5 else {})


def _metrics(dice: random.Random) -> dict[str, float]:
    metrics = {"acc": dice.choice(NUMBERS), "my metric": dice.choice(NUMBERS)}
    return metrics | ({"some": dice.choice(NUMBERS)} if dice.random() < 0.5 else {})


def _pairs(entries: dict) -> list[dict]:
    return [{"key": key, "value": value} for key, value in entries.items()]


def _points(metrics: dict[str, float], **more: str) -> list[dict]:
    return [{"key": key, "value": value, "timestamp": MORNING, "step": 0} | more for key, value in metrics.items()]


def _made(told: dict) -> None:
    """Servers that have not the same things cannot be compared."""
    if told["status"] != 200:
        raise RuntimeError(f"not made: {told}")


def _run(server: Server, dice: random.Random, experiment: str, number: int) -> None:
    body = {"experiment_id": experiment, "start_time": MORNING + dice.randrange(10), "run_name": f"run {number}", "user_id": dice.choice(("ann", "bob"))}
    run = server.rest("POST", "runs/create", body=body)["body"]["run"]["info"]["run_id"]
    batch = {"run_id": run, "metrics": _points(_metrics(dice)), "params": _pairs(_entries(dice)), "tags": _pairs(_entries(dice))}
    _made(server.rest("POST", "runs/log-batch", body=batch))
    if dice.random() < 0.8:
        server.client.set_terminated(run, dice.choice(("FINISHED", "FAILED", "KILLED")), MORNING + dice.randrange(20))


def _logged_model(server: Server, dice: random.Random, experiment: str, number: int) -> None:
    body = {"experiment_id": experiment, "name": f"model-{number}", "model_type": dice.choice(("a", "b")), "params": _pairs(_entries(dice)), "tags": _pairs(_entries(dice))}
    model = server.rest("POST", "logged-models", body=body)["body"]["model"]["info"]["model_id"]
    run = server.client.create_run(experiment, start_time=MORNING, run_name=f"run of model {number}").info.run_id
    _made(server.rest("POST", "runs/log-batch", body={"run_id": run, "metrics": _points(_metrics(dice), model_id=model)}))
    if dice.random() < 0.7:
        _made(server.rest("PATCH", f"logged-models/{model}", body={"model_id": model, "status": dice.choice(("LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"))}))
