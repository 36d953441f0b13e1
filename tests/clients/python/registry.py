"""What the registry makes of the runs: versions, refused and let through by a rule, and rolled back."""

import grpc

import data
from laboratory import Laboratory
from network import Network, Settings
from services import Services, digest, failed_rules
from story import Story

from herdbook.registry.v1 import model_pb2 as models
from herdbook.registry.v1 import transition_pb2 as transitions
from herdbook.registry.v1 import version_pb2 as versions
from herdbook.tracking.v1 import run_pb2 as runs

MODEL = "tumor-classifier"
TRIAGE = "tumor-triage"
RULE = "accurate-enough"


class Registry:
    """Where versions of models stand."""

    def __init__(self, services: Services, laboratory: Laboratory, story: Story) -> None:
        self.services, self.laboratory, self.story = services, laboratory, story

    def model(self, name: str) -> int:
        """Creates the model if it is not there; the number of its newest version."""
        try:
            self.services.models.CreateModel(
                models.CreateModelRequest(
                    name=name, description="Tells malignant from benign.", tags={"team": "risk-ml"}
                )
            )
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
        return self.services.models.GetModel(models.GetModelRequest(name=name)).model.latest_version

    def set_rule(self) -> None:
        """From now on nothing enters Production below a validation accuracy of 0.96."""
        policy = self.services.models.GetPolicy(models.GetPolicyRequest(model=MODEL)).policy
        threshold = models.MetricThreshold(
            metric="val_accuracy", comparison=models.COMPARISON_AT_LEAST, threshold=0.96
        )
        for move in policy.moves:
            if move.to == "Production":
                del move.rules[:]
                move.rules.append(models.Rule(name=RULE, metric_threshold=threshold))
        self.services.models.SetPolicy(models.SetPolicyRequest(model=MODEL, policy=policy))

    def register(self, name: str, run: runs.Run, label: str, description: str) -> versions.Version:
        return self.services.versions.CreateVersion(
            versions.CreateVersionRequest(
                model=name,
                source=f"runs:/{run.id}/model",
                label=label,
                description=description,
                tags={"compliance": "hipaa", "approved-by": "ana"},
                request_id=f"register-{run.id}",
            )
        ).version

    def move(self, name: str, number: int, stage: str, comment: str) -> transitions.Decision:
        return self.services.transitions.TransitionVersion(
            transitions.TransitionVersionRequest(model=name, version=number, to=stage, comment=comment)
        ).decision

    def refine(self, base: versions.Version, table: data.Table, seed: int):
        """A run that trains on from a version, and its scores."""
        reference = f"{MODEL}/{base.number}"
        weights = self.download(reference, "network.npz")
        return self.laboratory.refine(f"refine-v{base.number}", reference, weights, table, seed)

    def in_stage(self, stage: str) -> list[int]:
        model = self.services.models.GetModel(models.GetModelRequest(name=MODEL)).model
        return next((list(content.versions) for content in model.stages if content.stage == stage), [])

    def promote(self, best: runs.Run, table: data.Table) -> None:
        """The way of three versions: refused, let through, displaced, rolled back, forward again."""
        story, minor = self.story, self.model(MODEL) + 2
        story.chapter("Registry")
        self.set_rule()

        first = self.register(MODEL, best, f"v1.{minor}.0", f"The best SGD run, {best.name}.")
        story.check(first.label == f"v1.{minor}.0", f"{MODEL} {first.number} is registered as {first.label}")
        decision = self.move(MODEL, first.number, "Staging", "try it beside the present one")
        story.check(decision.outcome == transitions.OUTCOME_ALLOWED, f"{first.label} moves None -> Staging")

        try:
            self.move(MODEL, first.number, "Production", "looks good to me")
            refusal = None
        except grpc.RpcError as error:
            refusal = error
        story.check(
            refusal is not None and refusal.code() == grpc.StatusCode.FAILED_PRECONDITION,
            f"{first.label} is refused Production, and the answer says why:",
        )
        for violation in failed_rules(refusal) if refusal else []:
            story.tell(violation)

        better, scores = self.refine(first, table, seed=1)
        second = self.register(MODEL, better, f"v1.{minor + 1}.0", f"Refined from {first.label} with Adam.")
        self.move(MODEL, second.number, "Staging", "refined")
        decision = self.move(MODEL, second.number, "Production", "passes the rule")
        story.check(
            decision.outcome == transitions.OUTCOME_ALLOWED and self.in_stage("Production") == [second.number],
            f"{second.label}, based on {first.label}, is let through with {scores.val_accuracy:.4f}",
        )

        better, scores = self.refine(second, table, seed=2)
        third = self.register(MODEL, better, f"v1.{minor + 2}.0", f"Refined from {second.label}.")
        decision = self.move(MODEL, third.number, "Production", "refreshed")
        story.check(
            list(decision.displaced) == [second.number] and second.number in self.in_stage("Archived"),
            f"{third.label} takes Production; {second.label} is archived in the same commit",
        )

        self.services.transitions.RollbackStage(
            transitions.RollbackStageRequest(model=MODEL, stage="Production", comment="alarm at night")
        )
        story.check(self.in_stage("Production") == [second.number], f"one call rolls back to {second.label}")
        self.move(MODEL, third.number, "Production", "false alarm")
        story.check(self.in_stage("Production") == [third.number], f"and {third.label} goes forward again")

    def promote_triage(self, table: data.Table) -> None:
        """Another team's model, trained on the version of the data with the bug."""
        self.model(TRIAGE)
        settings = Settings(0.01, 32, 12, "adam", (8,), 0.0)
        run = self.laboratory.start_run("triage", table, params=settings.params())
        self.laboratory.train(run, Network.new(table.features.shape[1], settings), table, settings)
        version = self.register(TRIAGE, run, "", "For the waiting list.")
        self.move(TRIAGE, version.number, "Production", "first release")
        self.story.check(True, f"{TRIAGE} {version.number}, trained on {table.name}, is in Production too")

    def download(self, reference: str, path: str) -> bytes:
        """A file of a version, checked against the digest that the registry keeps."""
        request = versions.DownloadVersionFileRequest(reference=reference, path=path)
        answers = self.services.versions.DownloadVersionFile(request)
        file = next(answers).file
        content = b"".join(answer.chunk for answer in answers)
        if (digest(content), len(content)) != (file.digest, file.size):
            raise RuntimeError(f"{reference} {path}: the bytes do not fit the digest")
        return content

    def serve(self, table: data.Table) -> None:
        self.story.chapter("Serving")
        network = Network.load(self.download(f"{MODEL}@Production", "network.npz"))
        _, accuracy = network.evaluate(table.split()[1], table.split()[3])
        self.story.check(
            accuracy >= 0.96,
            f"the Production model, downloaded and verified, is right on {accuracy:.1%} of the held-out rows",
        )
