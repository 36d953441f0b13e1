"""A server of a later contract: it says what today's clients cannot know, and one of its calls hangs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from herdbook.tracking.v1 import run_pb2 as runs

STATUS = 77
"""A status of runs that today's contract does not have."""
SECRET = b"\xba\x3e\x06future"  # Field 999, bytes.


class Future:
    """Answers GetRun with a field and a status that nobody knows yet, and UpdateRun with what came back of them."""

    def __init__(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(4))
        handler = grpc.unary_unary_rpc_method_handler
        handlers = {"GetRun": handler(self._get), "UpdateRun": handler(self._update), "SearchRuns": handler(self._hang)}
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("herdbook.tracking.v1.RunService", handlers)]
        )
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    async def __aenter__(self) -> "Future":
        self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.stop(0)

    def _get(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        run = runs.Run(id=runs.GetRunRequest.FromString(request).run_id, status=STATUS)
        content = run.SerializeToString() + SECRET
        return b"\x0a" + bytes([len(content)]) + content

    def _update(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        update = runs.UpdateRunRequest.FromString(request)
        # By a mask a client changes what it knows, and the server keeps the rest.
        masked = list(update.update_mask.paths) == ["status"]
        kept = update.run.status == STATUS and (masked or SECRET in request)
        answer = runs.UpdateRunResponse(run=runs.Run(description="kept" if kept else "dropped"))
        return answer.SerializeToString()

    def _hang(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        # Until the caller gives up or the server stops: the next callers need its thread.
        over = threading.Event()
        if context.add_callback(over.set):
            over.wait()
        return b""
