"""Experiments: their lives, tags, names and search."""

from mlflow.entities import ViewType

from server import Server, refusal


def lives(server: Server):
    name = server.name("life")
    experiment = server.client.create_experiment(name, tags={"a": "1", "b": "two"})
    created = server.client.get_experiment(experiment)
    server.client.set_experiment_tag(experiment, "a", "other")
    server.client.rename_experiment(experiment, server.name("renamed"))
    renamed = server.client.get_experiment(experiment)
    server.client.delete_experiment(experiment)
    deleted = server.client.get_experiment(experiment)
    by_name = server.client.get_experiment_by_name(server.name("renamed"))
    refused = [
        refusal(server.client.delete_experiment, experiment),
        refusal(server.client.rename_experiment, experiment, server.name("other")),
        refusal(server.client.set_experiment_tag, experiment, "a", "1"),
        refusal(server.client.create_run, experiment),
    ]
    server.client.restore_experiment(experiment)
    return [created, renamed, deleted, by_name, refused, server.client.get_experiment(experiment), refusal(server.client.restore_experiment, experiment)]


def runs_go_and_come_with_their_experiment(server: Server):
    experiment = server.experiment("with runs")
    kept, gone = (server.client.create_run(experiment).info.run_id for _ in range(2))
    server.client.delete_run(gone)
    server.client.delete_experiment(experiment)
    while_deleted = [server.client.get_run(run).info.lifecycle_stage for run in (kept, gone)]
    server.client.restore_experiment(experiment)
    return [while_deleted, [server.client.get_run(run).info.lifecycle_stage for run in (kept, gone)]]


def names(server: Server):
    taken = server.name("taken")
    server.client.create_experiment(taken)
    other = server.experiment("other")
    return [
        refusal(server.client.create_experiment, taken),
        refusal(server.client.rename_experiment, other, taken),
        server.rest("POST", "experiments/create", body={"name": ""}),
        server.rest("POST", "experiments/create", body={"name": "   "}),
        server.rest("POST", "experiments/create", body={}),
        server.rest("POST", "experiments/create", body={"name": 7}),
        server.rest("POST", "experiments/create", body={"name": "x" * 501}),
        refusal(server.client.delete_experiment, "not a number"),
        refusal(server.client.get_experiment, ""),
    ]


def tags(server: Server):
    experiment = server.experiment("tags")
    server.client.set_experiment_tag(experiment, "long", "v" * 5000)
    server.client.set_experiment_tag(experiment, "Ünïcode ключ", "значение 🐑")
    server.client.set_experiment_tag(experiment, "number", 5)
    server.client.set_experiment_tag(experiment, "empty", "")
    return [
        server.client.get_experiment(experiment).tags,
        refusal(server.client.set_experiment_tag, experiment, "k" * 251, "v"),
        refusal(server.client.set_experiment_tag, experiment, "too long", "v" * 5001),
        refusal(server.client.set_experiment_tag, experiment, "../up", "v"),
        refusal(server.client.set_experiment_tag, experiment, "", "v"),
        refusal(server.client.set_experiment_tag, "123456789", "k", "v"),
        server.rest("POST", "experiments/delete-experiment-tag", body={"experiment_id": experiment, "key": "number"}),
        server.rest("POST", "experiments/delete-experiment-tag", body={"experiment_id": experiment, "key": "number"}),
    ]


def search(server: Server):
    made = {}
    for number, word in enumerate(["alpha", "Beta", "gamma", "delta 'quoted'", "per%cent", "under_score"]):
        made[word] = server.client.create_experiment(server.name(word), tags={"number": str(number), "group": server.name("g"), "has space": word})
    server.client.delete_experiment(made["gamma"])
    server.client.set_experiment_tag(made["alpha"], "seen", "yes")
    group = f"tags.group = '{server.name('g')}'"

    def found(filter_string=group, **options):
        return [experiment.name for experiment in server.client.search_experiments(filter_string=filter_string, **options)]

    conditions = [
        f"name = '{server.name('alpha')}'",
        f"name != '{server.name('alpha')}'",
        "name LIKE 'a%'",
        "name LIKE 'A%'",
        "name ILIKE 'b%'",
        "name LIKE '%\\_%'",
        "attribute.name LIKE '%a%'",
        "attributes.name ILIKE '%E%'",
        f'name = "{server.name("delta " + chr(39) + "quoted" + chr(39))}"',
        "tags.number = '1'",
        "tags.number != '1'",
        "tags.`has space` = 'alpha'",
        'tags."has space" LIKE \'%e%\'',
        "tag.seen = 'yes'",
        "tags.seen != 'yes'",
        "creation_time > 0",
        "last_update_time >= 1700000000000",
        "creation_time < 1700000000000",
    ]
    orders = [["name"], ["name DESC"], ["name ASC"], ["attribute.name DESC"], ["creation_time"], ["creation_time DESC"], ["last_update_time DESC"], ["experiment_id"], ["experiment_id DESC"]]
    bad = ["name", "name = alpha", "name > 'a'", "tags.x > '1'", "nothing = 'x'", "metrics.a = 1", "name = 'a' OR name = 'b'", "creation_time = 'x'", "name = 'a' AND", "name LIKE a%", "tags = 'a'"]
    bad_orders = [["nothing"], ["name UP"], ["tags.number"], ["name, creation_time"], [""]]
    first = server.client.search_experiments(filter_string=group, max_results=2, order_by=["name"])
    second = server.client.search_experiments(filter_string=group, max_results=2, order_by=["name"], page_token=first.token)
    third = server.client.search_experiments(filter_string=group, max_results=2, order_by=["name"], page_token=second.token)
    return {
        "conditions": {condition: refusal(lambda: sorted(found(f"{group} AND {condition}"))) for condition in conditions},
        "orders": {str(order): found(order_by=order) for order in orders},
        "default order": found(),
        "views": {view: sorted(found(view_type=getattr(ViewType, view))) for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")},
        "refused": {condition: refusal(found, condition) for condition in bad},
        "orders refused": {str(order): refusal(found, order_by=order) for order in bad_orders},
        "pages": [[experiment.name for experiment in page] + [bool(page.token)] for page in (first, second, third)],
        "limits": [refusal(found, max_results=limit) for limit in (0, -1, 50001)] + [found(max_results=50000)],
        "bad token": refusal(found, page_token="no token"),
    }


def search_over_get(server: Server):
    server.experiment("by get")
    condition = f"name = '{server.name('by get')}'"
    return [
        server.rest("GET", "experiments/search", filter=condition, max_results=5),
        server.rest("POST", "experiments/search", body={"filter": condition, "max_results": 5}),
        server.rest("POST", "experiments/search", body={"filter": condition, "max_results": "5", "view_type": "ALL"}),
        server.rest("POST", "experiments/search", body={"filter": condition, "max_results": 5, "view_type": "NEITHER"}),
        server.rest("GET", "experiments/search", filter=condition),
        server.rest("GET", "/ajax-api/2.0/mlflow/experiments/search", filter=condition, max_results=5),
    ]
