"""A client of MLflow's REST API that costs little itself: Python's plainest HTTP over one kept connection."""

import http.client
import json
import socket
import time
from urllib.parse import urlencode

PATIENCE = 120  # seconds for an answer


class Client:
    """Keeps one connection, as MLflow's own client does."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connect()

    def _connect(self) -> None:
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def get(self, path: str, **query: object) -> dict:
        return self._call("GET", f"{path}?{urlencode(query)}")

    def post(self, name: str, body: dict) -> dict:
        return self._call("POST", f"/api/2.0/mlflow/{name}", body)

    def create_run(self) -> str:
        return self.post("runs/create", {"experiment_id": "0", "start_time": now()})["run"]["info"]["run_id"]

    def _call(self, method: str, path: str, body: dict | None = None) -> dict:
        try:
            answer, text = self._answer(method, path, body)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # Servers close what was idle for some seconds, such as while the other clients got ready.
            self.connection.close()
            self._connect()
            answer, text = self._answer(method, path, body)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:300]!r}")
        return json.loads(text)

    def _answer(self, method: str, path: str, body: dict | None) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = self.connection.getresponse()
        return answer, answer.read()


def now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
