"""Artifacts: by the client's library and by the proxy's REST."""

import hashlib
import json

import mlflow

from server import Server, refusal


def by_the_client(server: Server):
    mlflow.set_experiment(server.name("artifacts"))
    with mlflow.start_run() as run:
        mlflow.log_artifact(server.file("notes.txt", "hello"))
        mlflow.log_artifact(server.file("deep.bin", bytes(range(256)) * 40), "a/b")
        server.file("tree/one.txt", "1")
        server.file("tree/sub/two.txt", "22")
        server.file("tree/sub/empty", "")
        mlflow.log_artifacts(server.folder / "tree", "tree")
        mlflow.log_dict({"a": [1, 2, {"b": None}]}, "dict.json")
        mlflow.log_dict({"a": 1}, "dict.yaml")
        mlflow.log_text("some text ü🐑", "texts/text.txt")
        mlflow.log_text("<b>x</b>", "page.html")
        mlflow.log_artifact(server.file("with space & ünï#%25.txt", "odd"))
    identity = run.info.run_id

    def listed(path=None):
        return [(entry.path, entry.is_dir, entry.file_size) for entry in server.client.list_artifacts(identity, path)]

    whole = server.client.download_artifacts(identity, "", str(server.folder))
    one = mlflow.artifacts.download_artifacts(run_id=identity, artifact_path="a/b/deep.bin", dst_path=str(server.folder / "one"))
    by_uri = mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{identity}/tree", dst_path=str(server.folder / "tree again"))
    return {
        "uri": run.info.artifact_uri,
        "lists": [listed(), listed("tree"), listed("tree/sub"), listed("a"), listed("none"), listed("notes.txt")],
        "read": [
            mlflow.artifacts.load_text(f"runs:/{identity}/texts/text.txt"),
            mlflow.artifacts.load_dict(f"runs:/{identity}/dict.json"),
        ],
        "downloads": [whole, one, by_uri, hashlib.sha256(open(one, "rb").read()).hexdigest()[:12]],
        "none": refusal(server.client.download_artifacts, identity, "none.txt", str(server.folder)),
        "search": [entry.path for entry in mlflow.artifacts.list_artifacts(run_id=identity, artifact_path="tree/sub")],
    }


def deleted_by_the_client(server: Server):
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    run = server.client.create_run(server.experiment("deleted files"))
    identity = run.info.run_id
    for path in ("a.txt", "folder/b.txt", "folder/sub/c.txt", "folderless.txt"):
        server.client.log_text(identity, path, path)
    repository = get_artifact_repository(run.info.artifact_uri)
    repository.delete_artifacts("a.txt")
    after_one = [entry.path for entry in repository.list_artifacts()]
    repository.delete_artifacts("folder")
    after_folder = [entry.path for entry in repository.list_artifacts()]
    refusal(repository.delete_artifacts, "a.txt")
    return [after_one, after_folder]


PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def over_the_wire(server: Server):
    run = server.client.create_run(server.experiment("wire"))
    root = f"{run.info.experiment_id}/{run.info.run_id}/artifacts"
    kept = ("Content-Type", "Content-Length", "Content-Disposition", "X-Content-Type-Options")

    def put(path, data, **headers):
        answer = server.raw("PUT", f"{PROXY}/{root}/{path}", data, **headers)
        return [answer.status_code, answer.text if answer.ok else None, answer.headers.get("Content-Type", "").split(";")[0]]

    def got(path, prefix=PROXY):
        answer = server.raw("GET", f"{prefix}/{root}/{path}")
        headers = {name: answer.headers.get(name) for name in kept}
        return [answer.status_code, headers, answer.text] if answer.ok else [answer.status_code, answer.json().get("error_code")]

    puts = [
        put("a.txt", b"text", **{"Content-Type": "text/plain"}),
        put("b.json", b"{}", **{"Content-Type": "application/json"}),
        put("sub/c.bin", b"\0\1\2"),
        put("sub/d", b""),
        put("e.html", b"<script>alert(1)</script>"),
        put("a.txt", b"written over"),
        put("%C3%BC%20space.txt", b"odd name"),
    ]
    return {
        "puts": puts,
        "gets": [got(path) for path in ("a.txt", "b.json", "sub/c.bin", "sub/d", "e.html", "%C3%BC%20space.txt", "none", "sub")],
        "ajax": got("a.txt", "/ajax-api/2.0/mlflow-artifacts/artifacts"),
        "lists": [
            server.rest("GET", PROXY, path=path)
            for path in (root, f"{root}/sub", f"{root}/none", f"{root}/a.txt")
        ],
        "upwards": [
            server.raw(method, f"{PROXY}/{path}", b"x").status_code
            for method in ("GET", "PUT", "DELETE")
            for path in (f"{root}/%2E%2E/x", f"{root}/..%2Fx", "%2Fetc%2Fpasswd", f"{root}/a%5C..%5Cb", f"{root}/%252E%252E/x", "C:%5Cx")
        ],
        "lists upwards": [server.rest("GET", PROXY, path=path)["status"] for path in ("../x", "/etc", f"{root}/../..", "a/%2E%2E")],
        "deleted": [server.raw("DELETE", f"{PROXY}/{root}/{path}").status_code for path in ("a.txt", "a.txt", "sub")],
        "left": server.rest("GET", PROXY, path=root),
    }


def of_a_run_over_the_wire(server: Server):
    run = server.client.create_run(server.experiment("of a run"))
    identity = run.info.run_id
    server.client.log_text(identity, "hello", "sub/a.txt")
    got = server.raw("GET", f"/get-artifact?run_uuid={identity}&path=sub/a.txt")
    return [
        server.rest("GET", "artifacts/list", run_id=identity),
        server.rest("GET", "artifacts/list", run_id=identity, path="sub"),
        server.rest("GET", "artifacts/list", run_id=identity, path="none"),
        server.rest("GET", "artifacts/list", run_id=identity, path="../.."),
        server.rest("GET", "artifacts/list", run_id="0" * 32),
        server.rest("GET", "artifacts/list"),
        [got.status_code, got.text, got.headers.get("Content-Disposition"), got.headers.get("X-Content-Type-Options")],
        server.raw("GET", f"/get-artifact?run_uuid={identity}&path=none").status_code,
        server.raw("GET", f"/get-artifact?run_uuid={identity}&path=../../x").status_code,
        server.raw("GET", f"/get-artifact?path=sub/a.txt").status_code,
        server.raw("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={identity}&path=up/loaded.txt", b"by the page").status_code,
        server.raw("GET", f"/ajax-api/2.0/mlflow/get-artifact?run_uuid={identity}&path=up/loaded.txt").text,
    ]


def many_files(server: Server):
    mlflow.set_experiment(server.name("many files"))
    for number in range(60):
        server.file(f"many/{number % 3}/{number:03}.txt", str(number))
    with mlflow.start_run() as run:
        mlflow.log_artifacts(server.folder / "many")
    entries = [(entry.path, entry.file_size) for folder in range(3) for entry in server.client.list_artifacts(run.info.run_id, str(folder))]
    return entries


def a_table(server: Server):
    """Rows as JSON, which need no pandas to be written."""
    run = server.client.create_run(server.experiment("table")).info.run_id
    server.client.log_dict(run, {"columns": ["a"], "data": [[1], [2]]}, "table.json")
    return json.loads(mlflow.artifacts.load_text(f"runs:/{run}/table.json"))
