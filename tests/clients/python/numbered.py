"""The metric stream by generated code alone: numbered batches, sent again after a cut from the last that is kept."""

import queue
import time
from collections.abc import Iterator

import grpc

from herdbook.tracking.v1.metric_pb2 import LogMetricsRequest, MetricBatch, MetricTable, OpenWriter
from herdbook.tracking.v1.metric_pb2_grpc import MetricServiceStub

FIRST_WAIT_S, LONGEST_WAIT_S = 0.05, 2.0


class NumberedWriter:
    """A writer of one metric of a run."""

    def __init__(self, stub: MetricServiceStub, run_id: str, writer_id: str, key: str) -> None:
        self.stub, self.key = stub, key
        self.opening = OpenWriter(writer=1, run_id=run_id, writer_id=writer_id, epoch=time.time_ns() // 1000)
        self.pending: list[MetricBatch] = []
        self.next = 1
        self.streams = 0
        """Streams that were opened."""
        self._requests: queue.SimpleQueue[LogMetricsRequest | None] = queue.SimpleQueue()
        self._answers = None

    def add(self, first_step: int, values: list[float]) -> None:
        """Sends a batch without waiting for an answer."""
        table = MetricTable(
            keys=[1], first_step=first_step, step_deltas=[1], time_deltas_us=[0],
            first_time_us=time.time_ns() // 1000, values=values,
        )  # fmt: skip
        batch = MetricBatch(writer=1, sequence=self.next, keys={1: self.key}, tables=[table])
        self.next += 1
        self.pending.append(batch)
        if self._answers:
            self._requests.put(LogMetricsRequest(batch=batch))

    def flush(self, patience_s: float) -> None:
        """Waits until all is committed; connects as often as that takes."""
        until, wait_s = time.monotonic() + patience_s, FIRST_WAIT_S
        while self.pending:
            try:
                if self._answers:
                    self._hear()
                else:
                    self.connect()
                wait_s = FIRST_WAIT_S
            except grpc.RpcError as error:
                self._answers = None
                if error.code() != grpc.StatusCode.UNAVAILABLE or time.monotonic() > until:
                    raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def connect(self) -> None:
        """Opens a stream, is told what is kept, and sends what is not."""
        requests = self._requests = queue.SimpleQueue()
        self._answers = self.stub.LogMetrics(iter(requests.get, None))
        self.streams += 1
        requests.put(LogMetricsRequest(open=self.opening))
        self._hear()
        for batch in self.pending:
            requests.put(LogMetricsRequest(batch=batch))

    def _hear(self) -> None:
        answer = next(self._answers)
        if answer.HasField("refused"):
            raise RuntimeError(f"{answer.refused.reason}: {answer.refused.message}")
        kept = (answer.opened if answer.HasField("opened") else answer.committed).sequence
        self.pending = [batch for batch in self.pending if batch.sequence > kept]

    def close(self) -> None:
        self._requests.put(None)


def watch(call, after: int) -> Iterator:
    """Events of a registry after a revision, over as many connections as that takes; `call` makes a stream."""
    while True:
        try:
            for answer in call(after):
                if answer.HasField("record"):
                    after = answer.record.revision
                    yield answer.record
                else:
                    after = answer.bookmark
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            time.sleep(FIRST_WAIT_S)
