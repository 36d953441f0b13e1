"""What `run.log` costs a training loop, with a server or, `--offline`, without.

    python crates/python/bench/log.py [--offline] [--rows 1000000]

Prints, for one metric and for ten: the mean and the slowest of single calls, calls a second of a bare loop until the
last call returned, and until the server had committed everything.
"""

import argparse
import tempfile
import time

import herdbook as hb


def flush(run: hb.Run, offline: bool) -> None:
    if not run.flush(600) and not offline:
        raise SystemExit("not all was committed: see the log above")


def measure(metrics: int, rows: int, offline: bool) -> None:
    run = hb.start_run("bench", name=f"{metrics} metrics", system=None, capture=False)
    row = {f"metric-{number}": 0.5 for number in range(metrics)}
    log, clock = run.log, time.perf_counter_ns
    start = clock()
    for step in range(rows):
        log(row, step)
    looped = (clock() - start) / 1e9
    flush(run, offline)
    committed = (clock() - start) / 1e9
    times = []
    for step in range(rows, rows + 200_000):
        before = clock()
        log(row, step)
        times.append(clock() - before)
    times.sort()
    flush(run, offline)
    run.finish()
    sustained = "" if offline else f"; all committed after {committed:.2f} s, {rows / committed:,.0f} calls/s"
    median, rare, worst = times[len(times) // 2], times[len(times) * 999 // 1000], times[-1] / 1e6
    print(f"{metrics:2} metrics: {looped / rows * 1e6:.3f} µs a call, {rows / looped:,.0f} calls/s{sustained}")
    print(f"            single calls: median {median} ns, 99.9 % {rare} ns, worst {worst:.2f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--offline", action="store_true", help="measure without a server")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-") as spool:
        hb.configure(spool=spool, spool_bytes=16 << 30, offline=options.offline)
        for metrics in (1, 2, 10):
            measure(metrics, options.rows, options.offline)
        hb.session.session.close()


if __name__ == "__main__":
    main()
