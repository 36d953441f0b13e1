"""A run, and all that is kept of it."""

from example import Example

RUN = "01a20dcd724a72c9a94c50ddad4d74bb"
SECOND_RUN = "01a20dcd751b7d20b6f0a5c8e07f2a61"
MODEL = "m-01a20dcd78c27bb39b7c7a1c5b0de2f4"
UPLOAD = "01a20dcd7a117c83a1f0b64d2c9e5b38"
SECOND_UPLOAD = "01a20dcd7b0e7f4f9d21c3a5e8b7061d"
HELLO = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
DATASET = {
    "name": "payments", "digest": "sha256:9121d04bc4143c4c9a6e2a16cf7f7c3a3d0c1e0a8a6a4cf1a3d2b1c0e9f8a7b6",
    "uri": "s3://lake/payments/2026-10.parquet",
}  # fmt: skip

BEGIN = [
    Example(
        "ExperimentService/CreateExperiment",
        {"name": "fraud-detector", "description": "Stolen cards", "tags": {"team": "risk-ml"}},
        keeps={1: "experiment.id"},
    ),
    Example("ExperimentService/CreateExperiment", {"name": "scratch"}, keeps={2: "experiment.id"}),
    Example("ExperimentService/GetExperiment", {"name": "fraud-detector"}),
    Example("ExperimentService/ListExperiments", {"page_size": 100}),
    Example(
        "ExperimentService/UpdateExperiment",
        {"experiment": {"id": 1, "description": "Stolen cards, by transactions"}, "update_mask": "description"},
    ),
    Example("ExperimentService/SearchExperiments", {"filter": "tags.team = 'risk-ml'", "order_by": ["name"]}),
    Example("ExperimentService/DeleteExperiment", {"id": 2}),
    Example("ExperimentService/RestoreExperiment", {"id": 2}),
    Example("ExperimentService/DeleteExperiment", {"id": 2}),
    Example("ExperimentService/PurgeExperiment", {"id": 2}),
    Example(
        "RunService/CreateRun",
        {
            "experiment_id": 1, "name": "baseline", "params": {"lr": "0.01"}, "tags": {"team": "risk-ml"},
            "inputs": [{"dataset": DATASET, "context": "training"}],
            "source": {"repository": "https://git.example.com/fraud", "commit": "52ff01aa2e10", "entry_point": "train.py"},
            "request_id": "baseline-attempt-1",
        },
        keeps={RUN: "run.id"},
    ),
    Example("RunService/CreateRun", {"experiment_id": 1, "name": "second"}, keeps={SECOND_RUN: "run.id"}),
    Example("RunService/GetRun", {"run_id": RUN}),
    Example(
        "RunService/LogBatch",
        {
            "run_id": RUN, "params": {"optimizer": "sgd"}, "tags": {"phase": "warm-up"},
            "metrics": [{"key": "accuracy", "value": 0.95, "step": 1}], "request_id": "baseline-batch-1",
        },
    ),
    Example(
        "MetricService/LogMetrics",
        [
            {"open": {"writer": 1, "run_id": RUN, "writer_id": "worker-1", "epoch": 1764201600000000}},
            {"batch": {
                "writer": 1, "sequence": 1, "keys": {"1": "loss"},
                "tables": [{
                    "keys": [1], "first_step": 0, "step_deltas": [1], "first_time_us": 1764201600000000,
                    "time_deltas_us": [1000000], "values": [0.9, 0.5, 0.3],
                }],
            }},
        ],
    ),
    Example("MetricService/ReadMetrics", {"run_id": RUN, "keys": ["loss"], "min_step": 1}),
    Example("MetricService/WatchMetrics", {"runs": [{"run_id": RUN}], "keys": ["loss"]}),
    Example("MetricService/GetCurves", {"run_ids": [RUN], "keys": ["loss"], "buckets": 100, "axis": "CURVE_AXIS_STEP"}),
    Example(
        "MetricService/GetBands",
        {"groups": [{"name": "lr 0.01", "run_ids": [RUN, SECOND_RUN]}], "keys": ["loss"], "buckets": 100},
    ),
    Example(
        "MetricService/DefineMetrics",
        {"run_id": RUN, "definitions": [{"key": "accuracy", "goal": "METRIC_GOAL_MAXIMIZE", "unit": "share"}]},
    ),
    Example("MetricService/ListMetricDefinitions", {"run_id": RUN}),
    Example(
        "RunService/SearchRuns",
        {
            "experiment_ids": [1], "filter": "metrics.accuracy > 0.9 and params.lr = '0.01'",
            "order_by": ["metrics.accuracy desc"], "page_size": 20,
        },
    ),
    Example(
        "RunService/AggregateRuns",
        {
            "experiment_ids": [1], "group_by": ["params.lr"],
            "aggregates": [{"field": "metrics.accuracy", "function": "AGGREGATE_FUNCTION_MAX"}],
            "best": "metrics.accuracy desc",
        },
    ),
    Example(
        "RunService/ListRunFields",
        {"experiment_ids": [1], "kind": "RUN_FIELD_KIND_METRIC", "contains": "acc"},
    ),
    Example("RunService/WatchRuns", {"experiment_ids": [1], "columns": ["attributes.status", "metrics.loss"]}),
    Example("RunService/DeleteTags", {"run_id": RUN, "keys": ["phase"]}),
    Example("RunService/RequestStop", {"run_id": RUN}),
    Example(
        "ArtifactService/UploadArtifact",
        [{"header": {"run_id": RUN, "path": "model/weights.bin", "size": 5}}, {"chunk": "aGVsbG8="}],
    ),
    Example("ArtifactService/DownloadArtifact", {"run_id": RUN, "path": "model/weights.bin", "offset": 2}),
    Example("ArtifactService/ListArtifacts", {"run_id": RUN, "path": "model"}),
    Example("ArtifactService/ListFolder", {"run_id": RUN}),
    Example(
        "ArtifactService/PresignArtifact",
        {"run_id": RUN, "path": "model/weights.bin", "expires_in_seconds": 3600},
        fails="FAILED_PRECONDITION: only a bucket signs addresses",
    ),
    Example("UploadService/CreateUpload", {"run_id": RUN, "path": "model/large.bin"}, keeps={UPLOAD: "upload_id"}),
    Example(
        "UploadService/UploadPart",
        [{"header": {"upload_id": UPLOAD, "number": 1, "size": 5}}, {"chunk": "aGVsbG8="}],
    ),
    Example("UploadService/CompleteUpload", {"upload_id": UPLOAD, "parts": [{"number": 1, "digest": HELLO}]}),
    Example("UploadService/CreateUpload", {"run_id": RUN, "path": "model/other.bin"}, keeps={SECOND_UPLOAD: "upload_id"}),
    Example("UploadService/AbortUpload", {"upload_id": SECOND_UPLOAD}),
    Example(
        "ValueService/LogValues",
        {
            "run_id": RUN, "request_id": "baseline-values-1",
            "values": [
                {"key": "weights", "step": 1, "histogram": {"edges": [-1, 0, 1], "counts": [3, 5]}},
                {"key": "sample", "step": 1, "text": {"text": "card 4711: 0.93"}},
            ],
        },
    ),
    Example("ValueService/ListValueKeys", {"run_id": RUN}),
    Example("ValueService/ReadValues", {"run_id": RUN, "key": "weights", "max_steps": 100}),
    Example("ValueService/LogValues", {"run_id": RUN, "values": [
        {"key": "page", "step": 1, "document": {"content": {"data": "aGVsbG8=", "media_type": "text/html"}, "caption": "Report"}},
    ]}),
    Example("ValueService/DownloadValue", {"run_id": RUN, "key": "page", "step": 1}),
    Example(
        "LoggedModelService/CreateLoggedModel",
        {"experiment_id": 1, "name": "baseline", "type": "classifier", "source_run_id": RUN, "params": {"depth": "3"}},
        keeps={MODEL: "model.id"},
    ),
    Example("LoggedModelService/GetLoggedModel", {"model_id": MODEL}),
    Example("LoggedModelService/LogLoggedModel", {"model_id": MODEL, "params": {"trees": "100"}, "tags": {"team": "risk-ml"}}),
    Example("LoggedModelService/DeleteLoggedModelTags", {"model_id": MODEL, "keys": ["team"]}),
    Example(
        "LoggedModelService/LogModelMetrics",
        {"run_id": RUN, "metrics": [{
            "model_id": MODEL, "key": "accuracy", "value": 0.95, "step": 1,
            "dataset": {"name": DATASET["name"], "digest": DATASET["digest"]},
        }]},
    ),
    Example("LoggedModelService/LinkRunModels", {"run_id": RUN, "outputs": [{"model_id": MODEL, "step": 1}]}),
    Example("LoggedModelService/ListRunModels", {"run_ids": [RUN]}),
    Example(
        "LoggedModelService/UpdateLoggedModel",
        {"model": {"id": MODEL, "status": "LOGGED_MODEL_STATUS_READY"}, "update_mask": "status"},
    ),
    Example("LoggedModelService/SearchLoggedModels", {"experiment_ids": [1], "filter": "metrics.accuracy > 0.9"}),
    Example("QuotaService/GetUsage", {}),
    Example("QuotaService/UpdateQuota", {"quota": {"runs": 100000}, "update_mask": "runs"}),
]

END = [
    Example(
        "RunService/UpdateRun",
        {"run": {"id": RUN, "status": "RUN_STATUS_FINISHED", "description": "The baseline"}, "update_mask": "status,description"},
    ),
    Example("LoggedModelService/DeleteLoggedModel", {"model_id": MODEL}),
    Example("LoggedModelService/RestoreLoggedModel", {"model_id": MODEL}),
    Example("ArtifactService/DeleteArtifacts", {"run_id": RUN, "path": "model"}),
    Example("RunService/DeleteRun", {"run_id": SECOND_RUN}),
    Example("RunService/RestoreRun", {"run_id": SECOND_RUN}),
    Example("RunService/DeleteRun", {"run_id": SECOND_RUN}),
    Example("RunService/PurgeRun", {"run_id": SECOND_RUN}),
]
