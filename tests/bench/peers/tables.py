"""What lies in a server's tables as if it had been told: over HTTP a million points take it minutes."""

from door import POINTS, RUNS
from servers import Peer


def fill(cursor, peer: Peer, run: str) -> None:
    """A noisy curve of the run, and other runs of 20 params and 20 metrics each."""

    def insert(table: str, rows: str, values: dict[str, str]) -> None:
        values |= peer.columns.get(table, {})
        cursor.execute(f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {rows}")

    runs, fields = f"generate_series(1, {RUNS}) AS n", "generate_series(1, 20) AS m"
    run_uuid = "md5('run' || n)"
    insert(
        "metrics",
        f"generate_series(1, {POINTS}) AS n",
        {
            "run_uuid": f"'{run}'",
            "key": "'loss'",
            "value": "(1.0 / n + random() / 100)::real",
            "timestamp": "1700000000000 + n * 20 + (random() * 2)::int",
            "step": "n",
            "is_nan": "false",
        },
    )
    insert(
        "runs",
        runs,
        {
            "run_uuid": run_uuid,
            "experiment_id": "0",
            "name": "'run ' || n",
            "source_type": "'LOCAL'",
            "user_id": "'bench'",
            "status": "'FINISHED'",
            "start_time": "1700000000000 + n",
            "lifecycle_stage": "'active'",
            "artifact_uri": "''",
        },
    )
    insert(
        "latest_metrics",
        f"{runs}, {fields}",
        {
            "run_uuid": run_uuid,
            "key": "CASE m WHEN 1 THEN 'acc' ELSE 'm' || m END",
            "value": "random()",
            "timestamp": "1700000000000",
            "step": "1",
            "is_nan": "false",
        },
    )
    insert(
        "params",
        f"{runs}, {fields}",
        {
            "run_uuid": run_uuid,
            "key": "CASE m WHEN 1 THEN 'lr' ELSE 'p' || m END",
            peer.text: "CASE m WHEN 1 THEN ('{0.1,0.01,0.001,0.0001}'::text[])[1 + n % 4] ELSE random()::text END",
        },
    )
    cursor.execute("ANALYZE")
