"""Logged models of 3.x: their lives, metrics, files and search."""

import mlflow
from mlflow.entities import LoggedModelInput, LoggedModelOutput, LoggedModelParameter, LoggedModelStatus, Metric

from server import Server, refusal

MORNING = 1700000000000


def lives(server: Server):
    experiment = server.experiment("models")
    run = server.client.create_run(experiment).info.run_id
    model = server.client.create_logged_model(experiment, name="forest", source_run_id=run, tags={"a": "1"}, params={"depth": "3"}, model_type="sklearn")
    pending = server.client.get_logged_model(model.model_id)
    server.client.set_logged_model_tags(model.model_id, {"a": "2", "b": "x"})
    server.client.delete_logged_model_tag(model.model_id, "b")
    server.client.log_model_params(model.model_id, {"trees": "7"})
    ready = server.client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    again = refusal(server.client.finalize_logged_model, model.model_id, "FAILED")
    read = server.client.get_logged_model(model.model_id)
    server.client.delete_logged_model(model.model_id)
    return [
        model, pending, ready, again, read,
        refusal(server.client.get_logged_model, model.model_id),
        refusal(server.client.delete_logged_model, model.model_id),
        refusal(server.client.get_logged_model, "m-" + "0" * 32),
        refusal(server.client.delete_logged_model_tag, model.model_id, "none"),
        refusal(server.client.set_logged_model_tags, "m-" + "0" * 32, {"a": "b"}),
        refusal(server.client.create_logged_model, "123456789"),
        refusal(server.client.create_logged_model, experiment, name="a/b"),
        refusal(server.client.create_logged_model, experiment, name="a:b"),
        refusal(server.client.create_logged_model, experiment, name=""),
        bool(server.client.create_logged_model(experiment).name),
    ]  # fmt: skip


def linked_with_runs(server: Server):
    experiment = server.experiment("links")
    run = server.client.create_run(experiment).info.run_id
    model = server.client.create_logged_model(experiment, name="net", source_run_id=run)
    server.client.log_outputs(run, [LoggedModelOutput(model.model_id, 3)])
    reader = server.client.create_run(experiment).info.run_id
    server.client.log_inputs(reader, models=[LoggedModelInput(model.model_id)])
    server.client.log_metric(run, "acc", 0.5, MORNING, 1, model_id=model.model_id, dataset_name="d", dataset_digest="abc")
    server.client.log_batch(run, [Metric("acc", 0.7, MORNING + 1, 2, model_id=model.model_id), Metric("loss", 1, MORNING, 0, model_id=model.model_id, dataset_name="d", dataset_digest="abc")])
    read = server.client.get_logged_model(model.model_id)
    read.metrics.sort(key=lambda metric: (metric.key, metric.step))
    runs = [server.client.get_run(identity) for identity in (run, reader)]
    return [[metric.to_dictionary() for metric in read.metrics], [[found.inputs, found.outputs] for found in runs], server.client.get_metric_history(run, "acc")]


def files(server: Server):
    experiment = server.experiment("files")
    model = server.client.create_logged_model(experiment, name="filed")
    server.file("weights/one.bin", "1")
    server.file("weights/sub/two.bin", "22")
    server.client.log_model_artifacts(model.model_id, str(server.folder / "weights"))
    server.client.log_model_artifact(model.model_id, str(server.file("MLmodel", "flavors: {}")))
    listed = [[entry.path for entry in server.client.list_logged_model_artifacts(model.model_id, path)] for path in (None, "sub")]
    directories = server.rest("GET", f"logged-models/{model.model_id}/artifacts/directories")
    deeper = server.rest("GET", f"logged-models/{model.model_id}/artifacts/directories", artifact_directory_path="sub")
    return [model.artifact_location, listed, directories, deeper, mlflow.artifacts.load_text(f"{model.artifact_location}/MLmodel")]


def search(server: Server):
    experiments = [server.experiment("one"), server.experiment("two")]
    run = server.client.create_run(experiments[0]).info.run_id
    for number in range(6):
        model = server.client.create_logged_model(experiments[number // 4], name=f"model {number}", source_run_id=run if number < 4 else None, tags={"kind": "even" if number % 2 == 0 else "odd"}, params={"depth": str(number)}, model_type="a" if number < 3 else "b")
        server.client.log_batch(run, [Metric("acc", number / 6, MORNING, 0, model_id=model.model_id), Metric("f1", 1 - number / 6, MORNING, 0, model_id=model.model_id, dataset_name="d" if number % 2 else "e", dataset_digest="abc")])
        if number != 2:
            server.client.finalize_logged_model(model.model_id, "READY" if number != 5 else "FAILED")

    def found(condition=None, **options):
        return [model.name for model in server.client.search_logged_models(experiments, filter_string=condition, **options)]

    conditions = ["name = 'model 1'", "name != 'model 1'", "name LIKE 'model%'", "name ILIKE 'MODEL 2'", "attributes.name = 'model 3'", "model_type = 'a'", "status = 'READY'", "status != 'READY'", "status = 'PENDING'", f"source_run_id = '{run}'", "params.depth = '2'", "params.depth != '2'", "tags.kind = 'even'", "tags.`kind` LIKE 'o%'", "metrics.acc > 0.4", "metrics.acc >= 0.5 AND tags.kind = 'odd'", "metrics.f1 < 0.5", "creation_timestamp > 0", "last_updated_timestamp > 1700000000000", "name IN ('model 1', 'model 2')", "metrics.none > 1", "tags.none = 'x'"]
    refused = ["name", "name = model", "name > 'a'", "nothing = 'x'", "metrics.acc = 'x'", "params.depth > '1'", "name = 'a' OR name = 'b'", "tags.kind > 'a'", "start_time > 1", "datasets.name = 'd'"]
    orders = [[{"field_name": "metrics.acc"}], [{"field_name": "metrics.acc", "ascending": False}], [{"field_name": "name", "ascending": True}], [{"field_name": "name", "ascending": False}], [{"field_name": "creation_timestamp"}], [{"field_name": "creation_timestamp", "ascending": False}], [{"field_name": "metrics.f1", "ascending": False, "dataset_name": "d"}], [{"field_name": "params.depth", "ascending": False}], [{"field_name": "last_updated_timestamp"}], [{"field_name": "metrics.none"}], [{"field_name": "nothing"}], [{"ascending": True}]]
    pages, token = [], None
    while True:
        page = server.client.search_logged_models(experiments, max_results=4, order_by=[{"field_name": "name"}], page_token=token)
        pages.append([model.name for model in page])
        token = page.token
        if not token:
            break
    return {
        "found": {condition: refusal(lambda: sorted(found(condition))) for condition in conditions},
        "of a dataset": [refusal(lambda: sorted(found("metrics.f1 > 0.1", datasets=[{"dataset_name": name, **digest}]))) for name, digest in (("d", {}), ("d", {"dataset_digest": "abc"}), ("e", {"dataset_digest": "no"}))],
        "refused": {condition: refusal(found, condition) for condition in refused},
        "orders": {str(order): refusal(found, order_by=order) for order in orders},
        "default": found(),
        "pages": pages,
        "one experiment": [model.name for model in server.client.search_logged_models([experiments[1]])],
        "wire": server.rest("POST", "logged-models/search", body={"experiment_ids": experiments, "filter": "name = 'model 0'"}),
        "none": [server.rest("POST", "logged-models/search", body=body) for body in ({"experiment_ids": []}, {}, {"experiment_ids": ["123456789"]}, {"experiment_ids": experiments, "max_results": 0}, {"experiment_ids": experiments, "page_token": "no"})],
    }


def over_the_wire(server: Server):
    experiment = server.experiment("wire")
    created = server.rest("POST", "logged-models", body={"experiment_id": experiment, "name": "m", "model_type": "t", "tags": [{"key": "a", "value": "b"}], "params": [{"key": "p", "value": "1"}]})
    model = created["body"]["model"]["info"]["model_id"]
    return [
        created,
        server.rest("GET", f"logged-models/{model}"),
        server.rest("PATCH", f"logged-models/{model}", body={"status": "LOGGED_MODEL_READY"}),
        server.rest("PATCH", f"logged-models/{model}", body={"status": "DONE"}),
        server.rest("PATCH", f"logged-models/{model}", body={}),
        server.rest("PATCH", f"logged-models/{model}/tags", body={"tags": [{"key": "c", "value": "d"}]}),
        server.rest("DELETE", f"logged-models/{model}/tags/c"),
        server.rest("DELETE", f"logged-models/{model}/tags/c"),
        server.rest("POST", f"logged-models/{model}/params", body={"params": [{"key": "q", "value": "2"}]}),
        server.rest("POST", f"logged-models/{model}/params", body={"params": [{"key": "q", "value": "3"}]}),
        server.rest("POST", "logged-models", body={}),
        server.rest("POST", "logged-models", body={"experiment_id": experiment, "source_run_id": "0" * 32}),
        server.rest("DELETE", f"logged-models/{model}"),
        server.rest("GET", f"logged-models/{model}"),
    ]


def registered(server: Server):
    experiment = server.experiment("registered")
    run = server.client.create_run(experiment).info.run_id
    model = server.client.create_logged_model(experiment, name="net", source_run_id=run)
    server.client.finalize_logged_model(model.model_id, "READY")
    other = server.client.create_logged_model(experiment, name="other")
    name = server.name("from logged")
    version = mlflow.register_model(f"models:/{model.model_id}", name)

    def made(**fields):
        return server.rest("POST", "model-versions/create", body={"name": name, "source": f"models:/{model.model_id}"} | fields)

    return [
        version,
        server.client.get_model_version_download_uri(name, "1"),
        server.client.get_logged_model(model.model_id).tags,
        made(model_id=model.model_id, run_id=run),
        made(),
        made(model_id=other.model_id),
        made(source=f"models:/m-{'0' * 32}", model_id=f"m-{'0' * 32}"),
        made(source=f"runs:/{run}/model", run_id=run),
        made(source=f"runs:/{run}/model"),
    ]
