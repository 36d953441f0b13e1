"""A model, its versions, and what is decided about them."""

from example import Example

from .access import ANAS_TOKEN
from .tracking import RUN

MODEL = "fraud-detector"
DIGEST = "sha256:5f0c2ce65f0ce9b1c8a7d0c3f3f0e2b97a41d9a7b0a8b6f0a7d6c5b4a3928170"
REQUEST, SECOND_REQUEST, THIRD_REQUEST = 4101, 4102, 4103
KEY = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"

STAGES = [
    {"name": "None"},
    {"name": "Production", "exclusive": True, "displaced_to": "Archived"},
    {"name": "Archived"},
]
FOUR_EYES = {"name": "four-eyes", "required_approvals": {"count": 1, "role": "ROLE_APPROVER"}}
ACCURATE = {
    "name": "accurate-enough",
    "metric_threshold": {"metric": "accuracy", "comparison": "COMPARISON_AT_LEAST", "threshold": 0.9},
}
POLICY = {
    "stages": STAGES,
    "moves": [{"from": "*", "to": "Archived"}, {"from": "None", "to": "Production", "rules": [ACCURATE, FOUR_EYES]}],
}
OPEN_POLICY = {
    "stages": STAGES,
    "moves": [{"from": "*", "to": "Archived"}, {"from": "None", "to": "Production", "rules": [ACCURATE]}],
}


def version(**fields: object) -> dict:
    return {"model": MODEL, "source": f"runs:/{RUN}/model", **fields}


def move(number: int, **fields: object) -> dict:
    return {"model": MODEL, "version": number, "to": "Production", **fields}


STORY = [
    Example(
        "ModelService/CreateModel",
        {
            "name": MODEL, "description": "Finds stolen cards", "tags": {"team": "risk-ml"}, "owners": ["risk-ml"],
            "card": {"intended_use": "Screening of payments", "licence": "Apache-2.0"},
        },
    ),
    Example("ModelService/GetModel", {"name": MODEL, "newest_versions": True}),
    Example("ModelService/ListModels", {"page_size": 100}),
    Example("ModelService/SearchModels", {"filter": "owner = 'risk-ml'", "order_by": ["name"]}),
    Example(
        "ModelService/UpdateModel",
        {"model": {"name": MODEL, "description": "Finds stolen cards by transactions"}, "update_mask": "description"},
    ),
    Example("ModelService/GetPolicy", {"model": MODEL}),
    Example("ModelService/SetPolicy", {"model": MODEL, "policy": POLICY}),
    Example(
        "VersionService/CreateVersion",
        version(
            label="v1.2.0", description="The baseline", tags={"reviewed": "yes"}, flavor="onnx",
            schema={"inputs": [{"name": "amount", "type": "float64"}], "outputs": [{"type": "float32"}]},
            request_id="baseline-version-1",
        ),
        keeps={DIGEST: "version.digest"},
    ),
    Example("VersionService/CreateVersion", version(label="v1.3.0")),
    Example("VersionService/CreateVersion", version(label="v1.4.0")),
    Example("VersionService/GetVersion", {"reference": f"{MODEL}@v1.2.0"}),
    Example("VersionService/ListVersions", {"model": MODEL, "page_size": 100}),
    Example("VersionService/SearchVersions", {"filter": "metrics.accuracy > 0.9", "order_by": ["metrics.accuracy desc"]}),
    Example(
        "VersionService/UpdateVersion",
        {"version": {"model": MODEL, "number": 1, "description": "The first baseline"}, "update_mask": "description"},
    ),
    Example("VersionService/DownloadVersionFile", {"reference": f"{MODEL}/1", "path": "weights.bin"}),
    Example(
        "CheckService/ReportCheck",
        {
            "model": MODEL, "version": 1, "digest": DIGEST, "name": "latency", "passed": True, "details": "p99 38 ms",
            "url": "https://ci.example.com/812",
        },
    ),
    Example("CheckService/ListChecks", {"model": MODEL, "version": 1}),
    Example("CompareService/CompareVersions", {"from": f"{MODEL}/1", "to": f"{MODEL}/2"}),
    Example(
        "SignatureService/AddSignature",
        {"model": MODEL, "version": 1, "envelope": '{"payloadType": "application/vnd.in-toto+json"}', "public_key": KEY},
        fails="INVALID_ARGUMENT: a signature that holds is of the version's own digest; herdbook models sign makes one",
    ),
    Example("SignatureService/ListSignatures", {"model": MODEL, "version": 1}),
    Example(
        "TransitionService/TransitionVersion",
        move(1, comment="passed the pilot", request_id="promote-1"),
        keeps={REQUEST: "decision.request"},
    ),
    Example("RequestService/GetRequest", {"id": REQUEST}),
    Example("RequestService/ListRequests", {"model": MODEL, "include_closed": True}),
    Example(
        "RequestService/ApproveRequest",
        {"id": REQUEST, "comment": "the pilot looks good", "digest": DIGEST},
        caller=ANAS_TOKEN,
    ),
    Example("TransitionService/TransitionVersion", move(2), keeps={SECOND_REQUEST: "decision.request"}),
    Example("RequestService/RejectRequest", {"id": SECOND_REQUEST, "comment": "too slow"}, caller=ANAS_TOKEN),
    Example("TransitionService/TransitionVersion", move(3), keeps={THIRD_REQUEST: "decision.request"}),
    Example("RequestService/WithdrawRequest", {"id": THIRD_REQUEST, "comment": "a newer one is ready"}),
    Example("ModelService/SetPolicy", {"model": MODEL, "policy": OPEN_POLICY}),
    Example("TransitionService/TransitionVersion", move(2)),
    Example("TransitionService/RollbackStage", {"model": MODEL, "stage": "Production", "comment": "alarm at night"}),
    Example("TransitionService/ListStays", {"model": MODEL, "stage": "Production"}),
    Example("TransitionService/ListAuditRecords", {"model": MODEL, "page_size": 50}),
    Example("TransitionService/VerifyAudit", {}),
    Example(
        "TransitionService/Watch",
        {"after_revision": 0, "model": MODEL, "selector": {"stages": ["Production"], "outcomes": ["OUTCOME_ALLOWED"]}},
    ),
    Example("ServingService/ResolveVersion", {"reference": f"model://{MODEL}@Production"}),
    Example(
        "ServingService/PresignVersionFiles",
        {"reference": f"{MODEL}@Production", "paths": ["weights.bin"], "expires_in": "3600s"},
        fails="FAILED_PRECONDITION: only a bucket signs addresses",
    ),
    Example("ModelService/SetAlias", {"model": MODEL, "alias": "champion", "version": 1}),
    Example("ModelService/DeleteAlias", {"model": MODEL, "alias": "champion"}),
    Example("PolicyService/ApplySharedPolicy", {"name": "production", "policy": POLICY}),
    Example("PolicyService/GetSharedPolicy", {"name": "production"}),
    Example("PolicyService/ListSharedPolicies", {}),
    Example("PolicyService/ListSharedPolicyRevisions", {"name": "production"}),
    Example("PolicyService/UseSharedPolicy", {"model": MODEL, "policy": "production"}),
    Example("PolicyService/ApplySharedPolicy", {"name": "trial", "policy": OPEN_POLICY}),
    Example("PolicyService/DeleteSharedPolicy", {"name": "trial"}),
    Example("AuditService/CreateCheckpoint", {}),
    Example("AuditService/ListCheckpoints", {}),
    Example("AuditService/ExportAudit", {"since": "2026-01-01T00:00:00Z"}),
    Example(
        "WebhookService/CreateWebhook",
        {
            "name": "deploy", "url": "https://hooks.example.com/herdbook", "disabled": True,
            "selector": {"stages": ["Production"], "outcomes": ["OUTCOME_ALLOWED"]},
        },
    ),
    Example("WebhookService/GetWebhook", {"name": "deploy"}),
    Example("WebhookService/ListWebhooks", {}),
    Example(
        "WebhookService/UpdateWebhook",
        {"webhook": {"name": "deploy", "url": "https://hooks.example.com/models"}, "update_mask": "url"},
    ),
    Example("WebhookService/RotateWebhookSecret", {"name": "deploy"}),
    Example("WebhookService/TestWebhook", {"name": "deploy"}),
    Example("WebhookService/ListWebhookDeliveries", {"name": "deploy"}),
    Example("WebhookService/ListDeadLetters", {"name": "deploy"}),
    Example("WebhookService/ResendDeadLetters", {"name": "deploy"}),
    Example("WebhookService/DeleteWebhook", {"name": "deploy"}),
    Example("VersionService/DeleteVersion", {"model": MODEL, "number": 3}),
    Example("ModelService/CreateModel", {"name": "tumor"}),
    Example("ModelService/RenameModel", {"name": "tumor", "new_name": "tumor-classifier"}),
    Example("ModelService/DeleteModel", {"name": "tumor-classifier"}),
]
