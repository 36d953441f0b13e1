"""The examples as calls, one after another, on a Herdbook that was just started."""

import contextlib
import json
from dataclasses import dataclass, field

import grpc
from contract import File
from example import Example
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import MethodDescriptorProto
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.symbol_database import Default
from pages import messages

TIMEOUT_S = 60
HOOKS = "https://hooks.example.com"
"""Where the examples have webhooks lead to: a name that no test looks up."""


@dataclass
class Trial:
    """Makes the calls of the examples, with what the server made in place of what stands for it."""

    address: str
    token: str
    files: list[File]
    _kept: dict[str | int, str | int] = field(default_factory=lambda: {HOOKS: "http://127.0.0.1:9"})

    def __post_init__(self) -> None:
        self._channel = grpc.insecure_channel(self.address)
        self._methods = {
            f"{service.part.name}/{method.part.name}": (file.package, method.part)
            for file in self.files
            for service in file.services()
            for method in file.methods(service)
        }

    def requests(self, example: Example) -> list[Message]:
        """The requests as they are written."""
        return messages(example, self._methods[example.rpc][1])

    def make(self, example: Example) -> str:
        """Makes the call; says what is wrong, or nothing."""
        package, method = self._methods[example.rpc]
        requests = messages(Example(example.rpc, self._real(example.request)), method)
        token = self._kept.get(example.caller, self.token)
        try:
            answer = self._call(f"/{package}.{example.rpc}", method, requests, f"Bearer {token}")
        except grpc.RpcError as error:
            expected = example.fails.partition(":")[0]
            return "" if error.code().name == expected else f"{error.code().name}: {error.details()}"
        if example.fails:
            return f"it works, though {example.fails}"
        for placeholder, path in example.keeps.items():
            found = json_format.MessageToDict(answer, preserving_proto_field_name=True)
            for name in path.split("."):
                found = found[name]
            self._kept[placeholder] = int(found) if isinstance(placeholder, int) else found
        return ""

    def _call(self, path: str, method: MethodDescriptorProto, requests: list[Message], bearer: str) -> Message | None:
        """The answer, or the first of them; where the client streams too, the last."""
        kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, False): "stream_unary", (True, True): "stream_stream"}
        open_call = getattr(self._channel, kinds[method.client_streaming, method.server_streaming])
        answer = GetMessageClass(Default().pool.FindMessageTypeByName(method.output_type.removeprefix(".")))
        call = open_call(path, request_serializer=lambda request: request.SerializeToString(), response_deserializer=answer.FromString)
        said = call(
            iter(requests) if method.client_streaming else requests[0],
            metadata=[("authorization", bearer)], timeout=TIMEOUT_S,
        )  # fmt: skip
        if not method.server_streaming:
            return said
        with contextlib.closing(_Cancelled(said)):
            return list(said)[-1] if method.client_streaming else next(said, None)

    def _real(self, request: dict | list) -> dict | list:
        """The request with what was kept."""

        def replace(value):
            match value:
                case dict():
                    return {key: replace(one) for key, one in value.items()}
                case list():
                    return [replace(one) for one in value]
                case str():
                    for placeholder, real in self._kept.items():
                        if isinstance(placeholder, str):
                            value = value.replace(placeholder, real)
                    return value
                case int() if not isinstance(value, bool):
                    return self._kept.get(value, value) if value > 1000 else value
            return value

        return replace(json.loads(json.dumps(request)))


@dataclass
class _Cancelled:
    """A stream that is not read to its end."""

    stream: grpc.Call

    def close(self) -> None:
        self.stream.cancel()
