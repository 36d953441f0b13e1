"""Aliases of versions."""

from server import Server, refusal


def aliases(server: Server):
    name = server.name("aliased")
    run = server.client.create_run(server.experiment("aliases"))
    server.client.create_registered_model(name)
    for _ in range(3):
        server.client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    server.client.set_registered_model_alias(name, "champion", "1")
    first = server.client.get_model_version_by_alias(name, "champion")
    server.client.set_registered_model_alias(name, "champion", "2")
    server.client.set_registered_model_alias(name, "Other-one_2", "2")
    server.client.set_registered_model_alias(name, "spare", "3")
    moved = server.client.get_model_version_by_alias(name, "champion")
    model = server.client.get_registered_model(name)
    refused = [
        refusal(server.client.get_model_version_by_alias, name, "none"),
        refusal(server.client.get_model_version_by_alias, server.name("none"), "champion"),
        refusal(server.client.set_registered_model_alias, name, "champion", "9"),
        refusal(server.client.set_registered_model_alias, server.name("none"), "champion", "1"),
        refusal(server.client.set_registered_model_alias, name, "v1", "1"),
        refusal(server.client.set_registered_model_alias, name, "latest", "1"),
        refusal(server.client.set_registered_model_alias, name, "with space", "1"),
        refusal(server.client.set_registered_model_alias, name, "with/slash", "1"),
        refusal(server.client.set_registered_model_alias, name, "ünï", "1"),
        refusal(server.client.set_registered_model_alias, name, "12", "1"),
        refusal(server.client.set_registered_model_alias, name, "", "1"),
        refusal(server.client.set_registered_model_alias, name, "a" * 256, "1"),
        refusal(server.client.set_registered_model_alias, name, "Latest", "1"),
    ]
    server.client.delete_registered_model_alias(name, "champion")
    twice = refusal(server.client.delete_registered_model_alias, name, "champion")
    found = [(version.version, sorted(version.aliases)) for version in server.client.search_model_versions(f"name = '{name}'", order_by=["version_number"])]
    server.client.delete_model_version(name, "3")
    after = server.client.get_registered_model(name).aliases
    return [first, moved, model, refused, twice, found, after, refusal(server.client.get_model_version_by_alias, name, "spare")]


def over_the_wire(server: Server):
    name = server.name("wired")
    run = server.client.create_run(server.experiment("wired"))
    server.client.create_registered_model(name)
    server.client.create_model_version(name, f"{run.info.artifact_uri}/model", run.info.run_id)
    return [
        server.rest("POST", "registered-models/alias", body={"name": name, "alias": "a", "version": "1"}),
        server.rest("GET", "registered-models/alias", name=name, alias="a"),
        server.rest("GET", "registered-models/alias", name=name, alias="zz"),
        server.rest("GET", "registered-models/alias", name=name),
        server.rest("POST", "registered-models/alias", body={"name": name, "alias": "a"}),
        server.rest("DELETE", "registered-models/alias", body={"name": name, "alias": "a"}),
        server.rest("GET", "registered-models/get", name=name),
    ]
