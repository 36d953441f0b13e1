"""REST exactly: shapes, types of numbers, missing and empty, prefixes, probes."""

from server import Server, told

MORNING = 1700000000000


def runs(server: Server):
    experiment = server.experiment("wire")
    created = server.rest("POST", "runs/create", body={"experiment_id": experiment, "start_time": MORNING, "run_name": "r", "tags": [{"key": "a", "value": "b"}]})
    run = created["body"]["run"]["info"]["run_id"]
    return [
        created,
        server.rest("POST", "runs/log-parameter", body={"run_id": run, "key": "p", "value": "1"}),
        server.rest("POST", "runs/log-parameter", body={"run_uuid": run, "key": "q", "value": "1"}),
        server.rest("POST", "runs/log-parameter", body={"run_id": run, "key": "n", "value": 1}),
        server.rest("POST", "runs/log-parameter", body={"run_id": run, "key": "p"}),
        server.rest("POST", "runs/log-metric", body={"run_id": run, "key": "m", "value": 1, "timestamp": MORNING, "step": 7}),
        server.rest("POST", "runs/set-tag", body={"run_id": run, "key": "t", "value": "v"}),
        server.rest("POST", "runs/set-tag", body={"run_uuid": run, "key": "t", "value": "w"}),
        server.rest("POST", "runs/set-tag", body={"run_id": run, "key": "t"}),
        server.rest("POST", "runs/delete-tag", body={"run_id": run, "key": "a"}),
        server.rest("GET", "runs/get", run_id=run),
        server.rest("GET", "runs/get", run_uuid=run),
        server.rest("POST", "runs/update", body={"run_id": run, "status": "FINISHED", "end_time": MORNING + 9}),
        server.rest("POST", "runs/update", body={"run_id": run, "status": "SCHEDULED"}),
        server.rest("POST", "runs/update", body={"run_id": run, "status": 3, "end_time": str(MORNING)}),
        server.rest("POST", "runs/update", body={"run_id": run, "status": "DONE"}),
        server.rest("POST", "runs/update", body={"run_id": run}),
        server.rest("POST", "runs/update", body={"status": "FINISHED"}),
        server.rest("POST", "runs/delete", body={"run_id": run}),
        server.rest("POST", "runs/restore", body={"run_id": run}),
        server.rest("POST", "runs/create", body={"experiment_id": "123456789"}),
        server.rest("POST", "runs/create", body={}),
        server.rest("POST", "runs/create", body={"experiment_id": experiment, "start_time": "soon"}),
        server.rest("POST", "runs/create", body={"experiment_id": experiment, "tags": "none"}),
        server.rest("POST", "runs/create", body={"experiment_id": int(experiment)}),
        server.rest("GET", "runs/get"),
        server.rest("GET", "runs/get", run_id="not an id"),
    ]


def a_run_with_nothing(server: Server):
    created = server.rest("POST", "runs/create", body={"experiment_id": server.experiment("nothing")})
    created["body"]["run"]["info"].pop("run_name")
    created["body"]["run"]["data"].pop("tags")
    return created


def experiments(server: Server):
    name = server.name("wire")
    created = server.rest("POST", "experiments/create", body={"name": name, "tags": [{"key": "a", "value": "b"}]})
    experiment = created["body"]["experiment_id"]
    return [
        created,
        server.rest("GET", "experiments/get", experiment_id=experiment),
        server.rest("GET", "experiments/get-by-name", experiment_name=name),
        server.rest("GET", "experiments/get-by-name", experiment_name=server.name("none")),
        server.rest("GET", "experiments/get-by-name"),
        server.rest("GET", "experiments/get"),
        server.rest("POST", "experiments/update", body={"experiment_id": experiment, "new_name": server.name("new")}),
        server.rest("POST", "experiments/update", body={"experiment_id": experiment}),
        server.rest("POST", "experiments/set-experiment-tag", body={"experiment_id": experiment, "key": "k", "value": "v"}),
        server.rest("POST", "experiments/set-experiment-tag", body={"experiment_id": experiment, "key": "k"}),
        server.rest("POST", "experiments/delete", body={"experiment_id": experiment}),
        server.rest("POST", "experiments/restore", body={"experiment_id": experiment}),
        server.rest("POST", "experiments/create", body={"name": name, "artifact_location": "mlflow-artifacts:/elsewhere"}),
        server.rest("POST", "experiments/create", body={"name": server.name("elsewhere"), "artifact_location": "mlflow-artifacts:/elsewhere"}),
        server.rest("GET", "experiments/get-by-name", experiment_name=server.name("elsewhere")),
    ]


def prefixes(server: Server):
    prefixes = ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow", "/ajax-api/2.0/preview/mlflow", "/api/3.0/mlflow", "/ajax-api/3.0/mlflow"]
    return {prefix: server.rest("GET", f"{prefix}/experiments/get", experiment_id="0")["status"] for prefix in prefixes}


def probes(server: Server):
    version = server.raw("GET", "/version")
    info = server.rest("GET", "/api/3.0/mlflow/server-info")
    return [server.rest("GET", "/health"), version.status_code, version.text.count("."), info["status"]]


def bodies(server: Server):
    """What is not JSON, or not the JSON that is wanted."""
    json = {"Content-Type": "application/json"}
    tried = [b"", b"{", b"[]", b"null", b"7", b'"text"', b'{"name": ["x"]}', b'{"name": {"x": 1}}', b'{"name": null}', b"\xff\xfe", b'{"name": "a", "name": "b"']
    answers = [server.raw("POST", "/api/2.0/mlflow/experiments/create", body, **json) for body in tried]
    plain = server.raw("POST", "/api/2.0/mlflow/experiments/create", b'{"name": "x"}', **{"Content-Type": "text/plain"})
    return [told(answer) for answer in answers] + [plain.status_code]


def methods(server: Server):
    return [
        server.raw(method, f"/api/2.0/mlflow/{path}").status_code
        for method, path in [("GET", "runs/create"), ("PUT", "runs/create"), ("POST", "runs/get"), ("DELETE", "experiments/get"), ("GET", "nothing/here"), ("POST", "nothing/here")]
    ]


def inputs(server: Server):
    run = server.client.create_run(server.experiment("inputs")).info.run_id
    dataset = {"name": "d", "digest": "abc", "source_type": "local", "source": '{"uri": "x"}', "schema": "{}", "profile": "{}"}
    given = {"run_id": run, "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": dataset}]}
    return [
        server.rest("POST", "runs/log-inputs", body=given),
        server.rest("POST", "runs/log-inputs", body=given),
        server.rest("POST", "runs/log-inputs", body={"run_id": run, "datasets": [{"dataset": dataset | {"digest": "other", "schema": None}}]}),
        server.rest("POST", "runs/log-inputs", body={"run_id": run, "datasets": [{"dataset": {"name": "d"}}]}),
        server.rest("POST", "runs/log-inputs", body={"run_id": run, "datasets": [{}]}),
        server.rest("POST", "runs/log-inputs", body={"run_id": run}),
        server.rest("POST", "runs/log-inputs", body={"datasets": []}),
        server.rest("POST", "runs/log-inputs", body={"run_id": "0" * 32, "datasets": given["datasets"]}),
        server.rest("GET", "runs/get", run_id=run)["body"]["run"].get("inputs"),
    ]
