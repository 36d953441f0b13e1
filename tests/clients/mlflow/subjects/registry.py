"""Registered models, their versions and stages."""

import mlflow

from server import Server, refusal


def _versions(server: Server, name: str, count: int) -> list:
    run = server.client.create_run(server.experiment(f"of {name}"))
    server.client.create_registered_model(server.name(name))
    return [server.client.create_model_version(server.name(name), f"{run.info.artifact_uri}/model", run.info.run_id) for _ in range(count)]


def lives_of_models(server: Server):
    name = server.name("model")
    created = server.client.create_registered_model(name, tags={"a": "1"}, description="as told")
    again = refusal(server.client.create_registered_model, name)
    updated = server.client.update_registered_model(name, "another")
    server.client.set_registered_model_tag(name, "b", "two")
    server.client.set_registered_model_tag(name, "a", "other")
    tagged = server.client.get_registered_model(name)
    server.client.delete_registered_model_tag(name, "a")
    gone = refusal(server.client.delete_registered_model_tag, name, "a")
    renamed = server.client.rename_registered_model(name, server.name("renamed"))
    old = refusal(server.client.get_registered_model, name)
    server.client.delete_registered_model(server.name("renamed"))
    return [created, again, updated, tagged, gone, renamed, old, refusal(server.client.get_registered_model, server.name("renamed")), refusal(server.client.delete_registered_model, name)]


def lives_of_versions(server: Server):
    first, second = _versions(server, "versions", 2)
    name = server.name("versions")
    updated = server.client.update_model_version(name, "1", "the first")
    server.client.set_model_version_tag(name, "1", "a", "1")
    server.client.set_model_version_tag(name, "1", "a", "2")
    server.client.set_model_version_tag(name, "2", "b", "1")
    tagged = server.client.get_model_version(name, "1")
    server.client.delete_model_version_tag(name, "1", "a")
    uri = server.client.get_model_version_download_uri(name, "1")
    server.client.delete_model_version(name, "1")
    refused = [
        refusal(server.client.get_model_version, name, "1"),
        refusal(server.client.delete_model_version, name, "1"),
        refusal(server.client.set_model_version_tag, name, "1", "a", "1"),
        refusal(server.client.update_model_version, name, "1", "x"),
        refusal(server.client.get_model_version_download_uri, name, "1"),
        refusal(server.client.transition_model_version_stage, name, "1", "Staging"),
        refusal(server.client.get_model_version, name, "nine"),
        refusal(server.client.get_model_version, server.name("none"), "1"),
        refusal(server.client.create_model_version, server.name("none"), "mlflow-artifacts:/1/x"),
    ]
    third = server.client.create_model_version(name, second.source, second.run_id, tags={"t": "v"}, run_link="http://somewhere/run", description="third")
    return [first, second, updated, tagged, uri, refused, third, server.client.get_registered_model(name)]


def numbers_after_deletions(server: Server):
    _versions(server, "numbers", 3)
    name = server.name("numbers")
    server.client.delete_model_version(name, "3")
    run = server.client.create_run(server.experiment("again"))
    return server.client.create_model_version(name, f"{run.info.artifact_uri}/m", run.info.run_id).version


def stages(server: Server):
    _versions(server, "stages", 4)
    name = server.name("stages")

    def moved(version, stage, **options):
        return server.client.transition_model_version_stage(name, version, stage, **options).current_stage

    def now():
        return {version.version: version.current_stage for version in server.client.search_model_versions(f"name = '{name}'")}

    def latest(stages=None):
        return sorted((version.current_stage, version.version) for version in server.client.get_latest_versions(name, stages))

    steps = [moved("1", "Production"), moved("2", "staging"), moved("3", "PRODUCTION"), now()]
    steps += [latest(), latest(["Production"]), latest(["production", "Staging"]), refusal(latest, ["nothing"]), latest(["None"]), latest([])]
    steps += [moved("4", "Production", archive_existing_versions=True), now()]
    steps += [moved("4", "Archived"), moved("4", "None"), now(), latest()]
    steps += [refusal(moved, "4", "Live"), refusal(moved, "9", "Production"), refusal(moved, "4", "Archived", archive_existing_versions=True)]
    steps += [refusal(moved, "4", "None", archive_existing_versions=True), refusal(moved, "4", "")]
    return steps + [server.client.get_registered_model(name).latest_versions, server.client.get_model_version(name, "4")]


def registered_by_the_fluent_interface(server: Server):
    mlflow.set_experiment(server.name("fluent registry"))
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/weights.txt")
        mlflow.log_text("not a real one", "model/MLmodel")
    told = refusal(mlflow.register_model, f"runs:/{run.info.run_id}/model", server.name("fluent"), tags={"by": "register_model"})
    again = refusal(mlflow.register_model, f"runs:/{run.info.run_id}/model", server.name("fluent"))
    return [told, again, refusal(mlflow.register_model, f"runs:/{'0' * 32}/model", server.name("fluent"))]


def search_of_models(server: Server):
    for number, word in enumerate(["alpha", "Beta", "gamma", "delta", "epsilon_x"]):
        server.client.create_registered_model(server.name(word), tags={"group": server.name("g"), "n": str(number), "a b": word})
    server.client.update_registered_model(server.name("gamma"), "touched")
    group = f"tags.group = '{server.name('g')}'"

    def found(condition=None, **options):
        condition = f"{group} AND {condition}" if condition else group
        return [model.name for model in server.client.search_registered_models(condition, **options)]

    conditions = ["name = '" + server.name("alpha") + "'", "name != '" + server.name("alpha") + "'", "name LIKE 'a%'", "name LIKE 'b%'", "name ILIKE 'b%'", "name ILIKE '%A%'", "tags.n = '2'", "tags.n != '2'", "tags.n LIKE '%'", "tags.`a b` = 'alpha'", "tags.\"a b\" ILIKE 'B%'", "tag.n = '1'", "tags.none = 'x'", "name LIKE '%\\_%'"]
    refused = ["name", "name = alpha", "name > 'a'", "name IN ('a')", "tags.n > '1'", "nothing = 'x'", "metrics.a > 1", "name = 'a' OR name = 'b'", "name = 1", "run_id = 'x'", "attributes.name = 'x'"]
    orders = [["name"], ["name DESC"], ["name ASC"], ["timestamp"], ["timestamp DESC"], ["last_updated_timestamp DESC"], ["creation_timestamp"], ["last_updated_timestamp ASC", "name DESC"], ["name desc"]]
    pages, token = [], None
    while True:
        page = server.client.search_registered_models(group, max_results=2, order_by=["name"], page_token=token)
        pages.append([model.name for model in page])
        token = page.token
        if not token:
            break
    return {
        "found": {condition: refusal(lambda: sorted(found(condition))) for condition in conditions},
        "refused": {condition: refusal(lambda: sorted(found(condition))) for condition in refused},
        "orders": {str(order): refusal(found, order_by=order) for order in orders},
        "orders refused": [refusal(found, order_by=order) for order in (["nothing"], ["tags.n"], ["name UP"], ["name, timestamp"])],
        "default": found(),
        "pages": pages,
        "limits": [refusal(found, max_results=limit) for limit in (0, -1, 1001)],
        "bad token": refusal(found, page_token="no token"),
        "prompts hidden": "mlflow.prompt" not in str(server.rest("GET", "registered-models/search", filter=group)),
    }


def search_of_versions(server: Server):
    made = _versions(server, "searched", 4)
    other = _versions(server, "another", 2)
    name, second = server.name("searched"), server.name("another")
    server.client.set_model_version_tag(name, "1", "q", "good")
    server.client.set_model_version_tag(name, "2", "q", "bad")
    server.client.set_model_version_tag(second, "1", "a b", "x")
    server.client.transition_model_version_stage(name, "2", "Staging")
    server.client.delete_model_version(name, "3")
    server.client.update_model_version(name, "1", "touched last")

    def found(condition, **options):
        return [f"{version.name} {version.version}" for version in server.client.search_model_versions(condition, **options)]

    both = f"name LIKE '%{server.mark}'"
    conditions = [f"name = '{name}'", f"name != '{name}' AND name LIKE '%{server.mark}'", f"name LIKE '%{server.mark}'", f"name ILIKE 'SEARCHED%{server.mark}'", f"run_id = '{made[0].run_id}'", f"run_id IN ('{made[0].run_id}', '{other[0].run_id}')", f"source_path = '{made[0].source}'", f"name = '{name}' AND tags.q = 'good'", f"name = '{name}' AND tags.q != 'good'", f"name LIKE '%{server.mark}' AND tags.`a b` = 'x'", f"name = '{name}' AND version_number = 2", f"name = '{name}' AND version_number > 1", f"name = '{name}' AND version_number <= 2", f"attributes.name = '{name}'", f"name = '{name}' and tag.q LIKE '%oo%'"]
    refused = ["name", f"name = {name}", "name > 'a'", "name IN ('a', 'b')", f"name = '{name}' OR name = 'x'", "nothing = 'x'", "tags.q > '1'", "run_id LIKE 'zz%'", f"{both} AND version_number = '2'", "version_number LIKE '2'", "current_stage = 'Staging'", f"{both} AND source_path LIKE '%m%'", "creation_timestamp > 0"]
    orders = [["name", "version_number"], ["name DESC", "version_number DESC"], ["version_number"], ["version_number DESC", "name"], ["creation_timestamp"], ["creation_timestamp DESC"], ["last_updated_timestamp DESC"], ["timestamp"]]
    pages, token = [], None
    while True:
        page = server.client.search_model_versions(both, max_results=2, order_by=["name", "version_number"], page_token=token)
        pages.append([f"{version.name} {version.version}" for version in page])
        token = page.token
        if not token:
            break
    return {
        "found": {condition: refusal(lambda: sorted(found(condition))) for condition in conditions},
        "refused": {condition: refusal(lambda: sorted(found(condition))) for condition in refused},
        "orders": {str(order): refusal(found, both, order_by=order) for order in orders},
        "orders refused": [refusal(found, both, order_by=order) for order in (["nothing"], ["tags.q"], ["name UP"], ["run_id"])],
        "pages": pages,
        "limits": [refusal(found, both, max_results=limit) for limit in (0, -1, 200001)],
    }


def tags_and_names(server: Server):
    _versions(server, "named", 1)
    name = server.name("named")
    server.client.set_registered_model_tag(name, "Ünï/key.x", "значение 🐑")
    server.client.set_registered_model_tag(name, "number", 5)
    server.client.set_model_version_tag(name, "1", "long", "v" * 5000)
    odd = server.name("with space, ünï.and-dash")
    server.client.create_registered_model(odd)
    return [
        server.client.get_registered_model(name).tags,
        server.client.get_registered_model(odd).name,
        refusal(server.client.create_registered_model, ""),
        refusal(server.client.create_registered_model, "with/slash"),
        refusal(server.client.create_registered_model, "with:colon"),
        refusal(server.client.create_registered_model, server.name("x" * 257)),
        refusal(server.client.set_registered_model_tag, name, "k" * 251, "v"),
        refusal(server.client.set_registered_model_tag, name, "key", "v" * 100_001),
        refusal(server.client.set_model_version_tag, name, "1", "k" * 251, "v"),
        refusal(server.client.set_model_version_tag, name, "1", "key", "v" * 100_001),
        refusal(server.client.set_registered_model_tag, server.name("none"), "k", "v"),
        refusal(server.client.rename_registered_model, name, odd),
        refusal(server.client.rename_registered_model, name, ""),
        refusal(server.client.update_registered_model, server.name("none"), "x"),
    ]


def copies(server: Server):
    _versions(server, "source", 1)
    name = server.name("source")
    copied = refusal(server.client.copy_model_version, f"models:/{name}/1", server.name("target"))
    again = refusal(server.client.copy_model_version, f"models:/{name}/1", server.name("target"))
    uri = server.client.get_model_version_download_uri(server.name("target"), "2")
    return [copied, again, uri, refusal(server.client.copy_model_version, f"models:/{name}/7", server.name("target"))]


def over_the_wire(server: Server):
    _versions(server, "wire", 2)
    name = server.name("wire")
    return [
        server.rest("GET", "registered-models/get", name=name),
        server.rest("GET", "model-versions/get", name=name, version="1"),
        server.rest("GET", "model-versions/get", name=name),
        server.rest("GET", "model-versions/get", name=name, version="x"),
        server.rest("GET", "model-versions/search", filter=f"name='{name}'", order_by="version_number ASC"),
        server.rest("GET", "registered-models/search", filter=f"name='{name}'"),
        server.rest("POST", "registered-models/get-latest-versions", body={"name": name}),
        server.rest("GET", "registered-models/get-latest-versions", name=name),
        server.rest("POST", "registered-models/create", body={}),
        server.rest("POST", "model-versions/create", body={"name": name}),
        server.rest("POST", "model-versions/create", body={"name": name, "source": "/etc/passwd"}),
        server.rest("POST", "model-versions/create", body={"name": name, "source": "file:///etc"}),
        server.rest("POST", "model-versions/create", body={"name": name, "source": "mlflow-artifacts:/../../x"}),
        server.rest("POST", "model-versions/create", body={"name": name, "source": "s3://bucket/model"}),
        server.rest("POST", "model-versions/transition-stage", body={"name": name, "version": "1", "stage": "Production"}),
        server.rest("POST", "model-versions/transition-stage", body={"name": name, "version": "1", "stage": "Production", "archive_existing_versions": "yes"}),
        server.rest("DELETE", "model-versions/delete", body={"name": name, "version": "2"}),
        server.rest("DELETE", "registered-models/delete-tag", body={"name": name, "key": "none"}),
        server.rest("DELETE", "registered-models/delete", body={"name": name}),
        server.rest("GET", "registered-models/get", name=name),
    ]
