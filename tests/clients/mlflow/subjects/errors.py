"""How refusals read, and what other servers of MLflow's kind do not have."""

from server import Server


def shapes(server: Server):
    found = server.raw("GET", "/api/2.0/mlflow/runs/get?run_id=" + "0" * 32)
    return [found.status_code, found.headers["Content-Type"].split(";")[0], sorted({"error_code", "message"} & found.json().keys())]


def what_there_is_not(server: Server):
    """A sentence in JSON, not a page."""
    calls = [("GET", "/api/2.0/mlflow/none"), ("GET", "/api/3.0/mlflow/none"), ("POST", "/api/2.0/mlflow/runs/none")]
    return [server.raw(method, path).status_code for method, path in calls]


def words_that_scripts_look_for(server: Server):
    run = server.client.create_run(server.experiment("words")).info.run_id
    server.client.log_param(run, "p", "1")
    changed = server.raw("POST", "/api/2.0/mlflow/runs/log-parameter", f'{{"run_id": "{run}", "key": "p", "value": "2"}}', **{"Content-Type": "application/json"}).json()
    alias = server.client.create_registered_model(server.name("words"))
    missing = server.raw("GET", f"/api/2.0/mlflow/registered-models/alias?name={alias.name}&alias=zz").json()
    return ["Changing param values is not allowed" in changed["message"], missing["error_code"], "zz not found" in missing["message"]]
