"""What the machine does while a run trains, logged as metrics under `system/`."""

import subprocess
import threading
import time
from collections.abc import Callable
from types import TracebackType

import psutil

MEBIBYTE = 1 << 20
GPU = {
    "utilization.gpu": ("percent", 1),
    "memory.used": ("memory_used_bytes", MEBIBYTE),
    "temperature.gpu": ("temperature_celsius", 1),
    "power.draw": ("power_watts", 1),
}


class Sampler:
    """Hands on a sample each `interval` seconds, and one when it ends; nothing of it fails the training."""

    def __init__(self, log: Callable[[int, dict[str, float]], None], interval: float = 1) -> None:
        self.log, self.interval = log, interval
        self.process = psutil.Process()
        self.totals: dict[str, int] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.work, name="system", daemon=True)

    def __enter__(self) -> "Sampler":
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.thread.join()

    def work(self) -> None:
        # The readings that the first sample is compared with.
        self.sample(1)
        step, before = 0, time.monotonic()
        ended = False
        while not ended:
            ended = self.ended.wait(self.interval)
            now = time.monotonic()
            try:
                self.log(step, self.sample(now - before))
            except Exception as error:
                print(f"    system metrics: {error}", flush=True)
                return
            step, before = step + 1, now

    def sample(self, seconds: float) -> dict[str, float]:
        """The machine and this process now; rates since the sample before."""
        memory, disk, network = psutil.virtual_memory(), psutil.disk_io_counters(), psutil.net_io_counters()
        totals = {"network_received": network.bytes_recv, "network_sent": network.bytes_sent}
        if disk is not None:  # in some containers there is none
            totals |= {"disk_read": disk.read_bytes, "disk_written": disk.write_bytes}
        earlier, self.totals = self.totals or totals, totals
        row = {
            "cpu_percent": psutil.cpu_percent(),
            "memory_used_bytes": memory.used,
            "memory_percent": memory.percent,
            "process_cpu_percent": self.process.cpu_percent(),
            "process_memory_bytes": self.process.memory_info().rss,
            "disk_percent": psutil.disk_usage(".").percent,
        }
        row |= {f"{name}_bytes_per_second": (total - earlier[name]) / seconds for name, total in totals.items()}
        return {f"system/{name}": float(value) for name, value in (row | gpus()).items()}


def gpus() -> dict[str, float]:
    """What each GPU does, by `nvidia-smi` where there is one."""
    question = ["nvidia-smi", f"--query-gpu=index,{','.join(GPU)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    row = {}
    for index, *cells in (line.split(", ") for line in answer.splitlines()):
        for (name, unit), cell in zip(GPU.values(), cells):
            if cell.replace(".", "", 1).isdigit():  # what a GPU does not know, it writes in brackets
                row[f"gpu/{index}/{name}"] = float(cell) * unit
    return row
