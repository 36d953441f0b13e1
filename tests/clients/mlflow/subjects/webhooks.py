"""Webhooks of the registry, to a listener that this subject is."""

import base64
import hashlib
import hmac
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlflow.entities.webhook import WebhookEvent, WebhookStatus

from server import Server, refusal

PATIENCE = 30  # seconds for a delivery


@contextmanager
def _listener():
    """Where deliveries come, and what came."""
    came, news = [], threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with news:
                came.append((dict(self.headers), body))
                news.notify_all()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"heard")

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()

    def heard(count):
        with news:
            news.wait_for(lambda: len(came) >= count, PATIENCE)
            return list(came)

    try:
        yield f"http://127.0.0.1:{listener.server_port}/hook", heard
    finally:
        listener.shutdown()


def lives(server: Server):
    created = server.client.create_webhook(server.name("hook"), "https://8.8.8.8/hook", ["registered_model.created", WebhookEvent("model_version", "created")], description="told", secret="s3cret", status="DISABLED")
    read = server.client.get_webhook(created.webhook_id)
    updated = server.client.update_webhook(created.webhook_id, name=server.name("moved"), url="https://8.8.8.8/other", events=["model_version_tag.set"], description="more", status=WebhookStatus.ACTIVE)
    listed = [hook.name for hook in server.client.list_webhooks(max_results=1000) if hook.name.endswith(server.mark)]
    server.client.delete_webhook(created.webhook_id)
    return [
        created, read, updated, listed,
        refusal(server.client.get_webhook, created.webhook_id),
        refusal(server.client.delete_webhook, created.webhook_id),
        refusal(server.client.update_webhook, created.webhook_id, name="x"),
    ]  # fmt: skip


def refused(server: Server):
    def created(**fields):
        whole = {"name": server.name("bad"), "url": "https://8.8.8.8", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}
        return server.rest("POST", "webhooks", body={name: field for name, field in (whole | fields).items() if field is not None})

    return [
        created(name=""), created(name=None), created(url="ftp://8.8.8.8"), created(url="no url"), created(url=None),
        created(events=[]), created(events=None), created(events=[{"entity": "REGISTERED_MODEL", "action": "SET"}]),
        created(events=[{"entity": "NOTHING", "action": "CREATED"}]), created(status="HALF"), created(name="a/b"), created(name="x" * 300),
        server.rest("GET", "webhooks", max_results=0), server.rest("GET", "webhooks/none"),
    ]  # fmt: skip


def every_event(server: Server):
    """Deliveries of all kinds, by what they carry."""
    kinds = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted"]
    with _listener() as (url, heard):
        hook = server.client.create_webhook(server.name("all"), url, kinds, secret="s3cret")
        try:
            name, run = server.name("hooked"), server.client.create_run(server.experiment("hooked"))
            server.client.create_registered_model(name, tags={"a": "1"}, description="d")
            server.client.create_model_version(name, f"{run.info.artifact_uri}/m", run.info.run_id, tags={"b": "2"}, description="v")
            server.client.set_model_version_tag(name, "1", "c", "3")
            server.client.delete_model_version_tag(name, "1", "c")
            server.client.set_registered_model_alias(name, "champion", "1")
            server.client.delete_registered_model_alias(name, "champion")
            came = heard(len(kinds))
        finally:
            server.client.delete_webhook(hook.webhook_id)
    told = []
    for headers, body in came:
        headers = {key.lower(): value for key, value in headers.items()}
        signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.{body.decode()}"
        expected = "v1," + base64.b64encode(hmac.new(b"s3cret", signed.encode(), hashlib.sha256).digest()).decode()
        payload = json.loads(body)
        payload.pop("timestamp")
        told.append([payload, headers["x-mlflow-signature"] == expected, headers["content-type"], sorted(key for key in headers if key.startswith("x-"))])
    return sorted(told, key=lambda delivery: (delivery[0]["entity"], delivery[0]["action"]))


def tested(server: Server):
    with _listener() as (url, heard):
        hook = server.client.create_webhook(server.name("tested"), url, ["registered_model.created", "model_version.created"])
        result = server.client.test_webhook(hook.webhook_id)
        other = server.client.test_webhook(hook.webhook_id, "model_version.created")
        came = [json.loads(body) for _, body in heard(2)]
        server.client.delete_webhook(hook.webhook_id)
    return [result.success, result.response_status, result.response_body, other.success, came]
