"""Runs: their lives, params, tags, batches and limits."""

from mlflow.entities import Metric, Param, RunTag, ViewType

from server import Server, refusal

MORNING = 1700000000000


def lives(server: Server):
    experiment = server.experiment("runs")
    run = server.client.create_run(experiment, start_time=MORNING, tags={"a": "1", "mlflow.user": "ann"}, run_name="first").info.run_id
    created = server.client.get_run(run)
    server.client.update_run(run, status="KILLED", name="second")
    updated = server.client.get_run(run)
    server.client.set_terminated(run, "FAILED", MORNING + 5000)
    ended = server.client.get_run(run)
    server.client.delete_run(run)
    deleted = server.client.get_run(run)
    refused = [
        refusal(server.client.delete_run, run),
        refusal(server.client.log_metric, run, "m", 1),
        refusal(server.client.log_param, run, "p", 1),
        refusal(server.client.set_tag, run, "t", 1),
        refusal(server.client.delete_tag, run, "a"),
        refusal(server.client.update_run, run, "RUNNING"),
        refusal(server.client.log_batch, run, [], [Param("p", "1")], []),
    ]
    server.client.restore_run(run)
    restored = refusal(server.client.restore_run, run)
    return [created, updated, ended, deleted, refused, restored, server.client.get_run(run).info]


def names_of_runs(server: Server):
    experiment = server.experiment("run names")
    unnamed = server.client.create_run(experiment)
    tagged = server.client.create_run(experiment, tags={"mlflow.runName": "by tag"})
    both = refusal(server.client.create_run, experiment, tags={"mlflow.runName": "one"}, run_name="other")
    same = server.client.create_run(experiment, tags={"mlflow.runName": "same"}, run_name="same")
    server.client.set_tag(tagged.info.run_id, "mlflow.runName", "tag moved")
    moved = server.client.get_run(tagged.info.run_id)
    server.client.update_run(same.info.run_id, name="updated")
    renamed = server.client.get_run(same.info.run_id)
    return [bool(unnamed.info.run_name), tagged.info.run_name, both, moved.info.run_name, renamed.info.run_name, renamed.data.tags["mlflow.runName"]]


def params(server: Server):
    run = server.client.create_run(server.experiment("params")).info.run_id
    values = [1, 1.0, 1e-7, 1e20, True, None, [1, 2], {"a": 1}, "text", "", " spaces ", "ü🐑", float("nan"), 0.1 + 0.2, 10**20]
    for number, value in enumerate(values):
        server.client.log_param(run, f"p{number}", value)
    again = server.client.log_param(run, "p0", 1)
    changed = refusal(server.client.log_param, run, "p0", 2)
    batch = refusal(server.client.log_batch, run, params=[Param("new", "1"), Param("p0", "3")])
    twice = refusal(server.client.log_batch, run, params=[Param("twice", "1"), Param("twice", "2")])
    twice_same = refusal(server.client.log_batch, run, params=[Param("alike", "1"), Param("alike", "1")])
    refused = [
        refusal(server.client.log_param, run, "k" * 251, "v"),
        refusal(server.client.log_param, run, "long", "v" * 6001),
        refusal(server.client.log_param, run, "", "v"),
        refusal(server.client.log_param, run, "../up", "v"),
        refusal(server.client.log_param, run, "a//b", "v"),
        refusal(server.client.log_param, run, "/a", "v"),
        refusal(server.client.log_param, run, "semi;colon", "v"),
        refusal(server.client.log_param, run, "q\"uote", "v"),
    ]
    for key in ("slash/ed", "dash-ed", "dot.ted", "spa ced", "col:on", "under_score"):
        server.client.log_param(run, key, key)
    server.client.log_param(run, "longest", "v" * 6000)
    server.client.log_param(run, "k" * 250, "longest key")
    return [again, changed, batch, twice, twice_same, refused, server.client.get_run(run).data.params]


def tags(server: Server):
    run = server.client.create_run(server.experiment("tags")).info.run_id
    server.client.set_tag(run, "a", "1")
    server.client.set_tag(run, "a", "2")
    server.client.set_tag(run, "number", 5)
    server.client.set_tag(run, "empty", "")
    server.client.set_tag(run, "Ünïcode ключ/a.b", "значение 🐑\nline")
    server.client.set_tag(run, "long", "v" * 8000)
    set_all = server.client.get_run(run).data.tags
    server.client.delete_tag(run, "a")
    return [
        set_all,
        refusal(server.client.delete_tag, run, "a"),
        refusal(server.client.set_tag, run, "k" * 251, "v"),
        refusal(server.client.set_tag, run, "too long", "v" * 8001),
        refusal(server.client.set_tag, run, "../up", "v"),
        refusal(server.client.set_tag, "0" * 32, "a", "v"),
        server.client.get_run(run).data.tags,
    ]


def batches(server: Server):
    run = server.client.create_run(server.experiment("batches")).info.run_id
    server.client.log_batch(
        run,
        metrics=[Metric(f"m{n}", n / 7, MORNING + n, n) for n in range(1000)],
        params=[Param(f"p{n}", str(n)) for n in range(100)],
        tags=[RunTag(f"t{n}", str(n)) for n in range(100)],
    )
    whole = server.client.get_run(run).data

    def sent(**body):
        return server.rest("POST", "runs/log-batch", body={"run_id": run} | body)

    def entries(count, **fields):
        return [{"key": f"x{n}"} | fields for n in range(count)]

    point = {"value": 1, "timestamp": MORNING, "step": 0}
    return [
        len(whole.metrics),
        len(whole.params),
        len(whole.tags),
        sent(metrics=entries(1001, **point)),
        sent(params=entries(101, value="1")),
        sent(tags=entries(101, value="1")),
        sent(metrics=entries(990, **point), params=entries(11, value="1")),
        sent(),
        sent(metrics=[]),
        sent(metrics=[{"key": "no value"}]),
        sent(metrics=[{"value": 1, "timestamp": MORNING}]),
        sent(metrics=[{"key": "no time", "value": 1}]),
        sent(metrics=[{"key": "text", "value": "1.5", "timestamp": MORNING}]),
        sent(metrics=[{"key": "word", "value": "one", "timestamp": MORNING}]),
        sent(metrics={"key": "not a list"}),
        sent(params=[{"key": "p0", "value": "other"}], tags=[{"key": "not kept", "value": "1"}], metrics=[{"key": "not kept", **point}]),
        sent(metrics=[{"key": "k" * 251, **point}]),
        server.client.get_run(run).data.tags.get("not kept"),
        server.client.get_run(run).data.metrics.get("not kept"),
        server.rest("POST", "runs/log-batch", body={"run_id": "0" * 32, "params": [{"key": "a", "value": "b"}]}),
        server.rest("POST", "runs/log-batch", body={"params": [{"key": "a", "value": "b"}]}),
    ]


def seen_when_deleted(server: Server):
    experiment = server.experiment("views")
    for name in ("kept", "gone"):
        server.client.create_run(experiment, run_name=name)
    gone = server.client.search_runs([experiment], "attributes.run_name = 'gone'")[0].info.run_id
    server.client.delete_run(gone)
    return {
        view: sorted(run.info.run_name for run in server.client.search_runs([experiment], run_view_type=getattr(ViewType, view)))
        for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")
    }


def what_arrives_twice(server: Server):
    run = server.client.create_run(server.experiment("twice")).info.run_id
    point = {"run_id": run, "key": "loss", "value": 0.5, "timestamp": MORNING, "step": 3}
    answers = [server.rest("POST", "runs/log-metric", body=point) for _ in range(3)]
    batch = {"run_id": run, "metrics": [{"key": "acc", "value": n, "timestamp": MORNING, "step": n} for n in range(50)], "params": [{"key": "a", "value": "b"}]}
    answers += [server.rest("POST", "runs/log-batch", body=batch) for _ in range(3)]
    return [answers, server.client.get_metric_history(run, "loss"), [point.value for point in server.client.get_metric_history(run, "acc")]]
