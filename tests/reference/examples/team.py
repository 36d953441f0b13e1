"""What people say about a run, what they write, and how they look at things."""

from example import Example

from .access import ANAS_TOKEN
from .tracking import RUN

COMMENT = "01a20dcd724a72c9a94c50ddad4d7500"
REPORT = "01a20dcd724a72c9a94c50ddad4d7600"

OF_RUN = {"kind": "SUBJECT_KIND_RUN", "name": RUN}
EXPERIMENT = {"kind": "SUBJECT_KIND_EXPERIMENT", "name": "0"}
TEXT = "What the sweep found:\n\n```herdbook\npanel: chart\nexperiment: Default\nmetrics: accuracy\n```\n"
VIEW = {"subject": EXPERIMENT, "name": "best first"}

STORY = [
    Example(
        "CommentService/CreateComment",
        {"subject": OF_RUN, "text": "The curve flattens early. @ana, is this the one?"},
        keeps={COMMENT: "comment.id"},
    ),
    Example("CommentService/ListComments", {"subject": OF_RUN}),
    Example("CommentService/ListMentions", {"page_size": 20}, caller=ANAS_TOKEN),
    Example("CommentService/UpdateComment", {"id": COMMENT, "text": "The curve flattens at step 200. @ana?"}),
    Example("CommentService/DeleteComment", {"id": COMMENT}),
    Example(
        "ReportService/CreateReport", {"title": "Which learning rate?", "text": TEXT}, keeps={REPORT: "report.id"}
    ),
    Example("ReportService/GetReport", {"id": REPORT}),
    Example("ReportService/ListReports", {"page_size": 20}),
    Example(
        "ReportService/UpdateReport",
        {
            "id": REPORT, "title": "Which learning rate?", "text": f"{TEXT}\n0.01 it is.\n", "expected_revision": 1,
            "comment": "the answer",
        },
    ),
    Example("ReportService/ListReportRevisions", {"id": REPORT}),
    Example("ReportService/DeleteReport", {"id": REPORT}),
    Example("ReportService/RestoreReport", {"id": REPORT}),
    Example("ViewService/SaveView", {**VIEW, "query": "sort=metrics.accuracy desc&top=5"}),
    Example("ViewService/ListViews", {"subject": EXPERIMENT}),
    Example("ViewService/DeleteView", VIEW),
    Example("PreferenceService/SetPreferences", {"preferences": {"theme": '"dark"'}}),
    Example("PreferenceService/GetPreferences", {}),
    Example("ActivityService/ListActivity", {"kinds": ["ACTIVITY_KIND_RUN", "ACTIVITY_KIND_REPORT"], "page_size": 20}),
]  # fmt: skip
