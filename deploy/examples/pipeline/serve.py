"""A small server of models: reads model.json from the files of a version, and predicts.

    python serve.py releases/fraud-detector-3 --port 8080
    curl 'http://127.0.0.1:8080/predict?x=0.3,1.5'
"""

import argparse
import json
import math
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class Model:
    """A logistic regression, `{"weights": [...], "bias": ...}`."""

    def __init__(self, file: Path) -> None:
        content = json.loads(file.read_text())
        self.weights = [float(weight) for weight in content["weights"]]
        self.bias = float(content["bias"])

    def predict(self, features: list[float]) -> float:
        if len(features) != len(self.weights):
            raise ValueError(f"{len(features)} features given, {len(self.weights)} are needed")
        score = self.bias + sum(weight * feature for weight, feature in zip(self.weights, features, strict=True))
        return 0.0 if score < -700 else 1 / (1 + math.exp(-score))

    def check(self) -> None:
        """Fails if it cannot predict."""
        if not math.isfinite(probability := self.predict([0.0] * len(self.weights))):
            raise ValueError(f"it predicts {probability}")


class Handler(BaseHTTPRequestHandler):
    model: Model
    digest: str

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        try:
            match address.path:
                case "/health":
                    self.model.check()
                    self._answer(200, {"digest": self.digest})
                case "/predict":
                    features = [float(word) for word in parse_qs(address.query).get("x", [""])[0].split(",")]
                    self._answer(200, {"probability": self.model.predict(features)})
                case _:
                    self._answer(404, {"error": "ask for /health or /predict?x=1,2"})
        except ValueError as error:
            self._answer(500 if address.path == "/health" else 400, {"error": str(error)})

    def _answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the files of the version")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--digest", default="", help="of the version; told by /health")
    options = parser.parse_args()
    Handler.model, Handler.digest = Model(options.folder / "model.json"), options.digest
    ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
