/** How lineage is recorded to this very server. */
export function snippet(origin: string): { mlflow: string; event: string } {
  const mlflow = `import mlflow, pandas

mlflow.set_tracking_uri("${origin}")
data = pandas.DataFrame({"amount": [12.5, 80.0], "fraud": [0, 1]})
with mlflow.start_run():
    mlflow.log_input(mlflow.data.from_pandas(data, source="payments.csv", name="payments"), context="training")`;
  const event = `curl --fail-with-body ${origin}/api/v1/lineage -H 'content-type: application/json' -d '{
  "eventType": "COMPLETE", "eventTime": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'",
  "producer": "https://example.com/etl", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
  "run": {"runId": "'$(cat /proc/sys/kernel/random/uuid)'"}, "job": {"namespace": "etl", "name": "clean"},
  "inputs": [{"namespace": "s3://lake", "name": "raw/payments"}],
  "outputs": [{"namespace": "s3://lake", "name": "payments"}]
}'`;
  return { mlflow, event };
}
