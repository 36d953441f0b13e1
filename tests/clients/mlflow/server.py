"""What a subject's functions get: a server to ask, names of their own, and answers instead of exceptions."""

import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

PATIENCE = 60  # seconds for an answer


class Server:
    """A tracking server, by the client's library and by plain REST."""

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        self.client = MlflowClient(self.uri)
        self.mark = f"-{secrets.token_hex(4)}"
        """Ends every name, so that a server can be asked again; answers are compared without it."""
        self.folder = Path(tempfile.mkdtemp(prefix="herdbook-mlflow-"))
        """For files that a subject makes."""
        self.session = requests.Session()

    def name(self, text: str) -> str:
        """A name that nothing else on this server has."""
        return f"{text}{self.mark}"

    def experiment(self, text: str) -> str:
        """The id of a new experiment."""
        return self.client.create_experiment(self.name(text))

    def rest(self, method: str, path: str, /, *, body: object = None, **query: object) -> dict:
        """A call as it goes over the wire: the status, and the JSON or the text that came. A `path` without a slash
        before it is one of MLflow's API, 2.0."""
        path = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
        answer = self.session.request(method, self.uri + path, json=body, params=query or None, timeout=PATIENCE)
        return told(answer)

    def raw(self, method: str, path: str, data: bytes | str | None = None, **headers: str) -> requests.Response:
        """A call with a body of bytes."""
        return self.session.request(method, self.uri + path, data=data, headers=headers, timeout=PATIENCE)

    def file(self, name: str, content: bytes | str = b"some bytes\n") -> Path:
        """A file with this content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path


def told(answer: requests.Response) -> dict:
    """An answer for comparison. The words of a refusal are each server's own, its code and its shape are not."""
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    if kind != "application/json":
        return {"status": answer.status_code, "type": kind, "text": answer.text[:200] if answer.ok else None}
    body = answer.json()
    if not answer.ok and isinstance(body, dict):
        body = {"error_code": body.get("error_code"), "says": bool(body.get("message"))}
    return {"status": answer.status_code, "body": body}


def refusal(call: Callable, *arguments: object, **named: object) -> object:
    """How a call of the client's library is refused; or what it gives, if it is not."""
    try:
        return {"not refused": call(*arguments, **named)}
    except MlflowException as error:
        return {"refused": error.error_code, "by": type(error).__name__}
    except Exception as error:  # what the library itself makes of an answer
        return {"refused": re.sub(r"\d+", "N", str(error))[:100], "by": type(error).__name__}


@contextmanager
def environment(**variables: str):
    """Environment variables for a while."""
    import os

    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
