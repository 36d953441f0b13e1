"""Herdbook's main job: train a sweep, register the best, promote it by the rules, trace it.

Talks to Herdbook with nothing but the code that protoc generates from `proto/`.
"""

import argparse
import hashlib
import os
import sys
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "generated"))

import grpc
from google.rpc import error_details_pb2  # installed with grpcio-status
from grpc_status import rpc_status

from herdbook.lineage.v1 import lineage_pb2 as lineage
from herdbook.lineage.v1.lineage_pb2_grpc import LineageServiceStub
from herdbook.registry.v1 import model_pb2 as models
from herdbook.registry.v1 import transition_pb2 as transitions
from herdbook.registry.v1 import version_pb2 as versions
from herdbook.registry.v1.model_pb2_grpc import ModelServiceStub
from herdbook.registry.v1.transition_pb2_grpc import TransitionServiceStub
from herdbook.registry.v1.version_pb2_grpc import VersionServiceStub
from herdbook.tracking.v1 import artifact_pb2 as artifacts
from herdbook.tracking.v1 import experiment_pb2 as experiments
from herdbook.tracking.v1 import metric_pb2 as metrics
from herdbook.tracking.v1 import run_pb2 as runs
from herdbook.tracking.v1 import value_pb2 as values
from herdbook.tracking.v1.artifact_pb2_grpc import ArtifactServiceStub
from herdbook.tracking.v1.experiment_pb2_grpc import ExperimentServiceStub
from herdbook.tracking.v1.metric_pb2_grpc import MetricServiceStub
from herdbook.tracking.v1.run_pb2_grpc import RunServiceStub
from herdbook.tracking.v1.value_pb2_grpc import ValueServiceStub

import data
import surroundings
from curves import plot
from family import family_tree
from network import Network, Scores, Settings
from spread import spread
from story import Story, until

MODEL = "tumor-classifier"
TRIAGE = "tumor-triage"
RULE = "accurate-enough"
METRIC_KEYS = {1: "loss", 2: "accuracy", 3: "val_loss", 4: "val_accuracy"}
TAGS = {"author": "ana", "team": "risk-ml", "compliance": "hipaa", "problem": "binary-classification"}


class Trainer:
    """The job, a method a chapter."""

    def __init__(self, tracking: str, registry: str, lineage_address: str, story: Story) -> None:
        to_tracking, to_registry = grpc.insecure_channel(tracking), grpc.insecure_channel(registry)
        self.experiments = ExperimentServiceStub(to_tracking)
        self.runs = RunServiceStub(to_tracking)
        self.metrics = MetricServiceStub(to_tracking)
        self.values = ValueServiceStub(to_tracking)
        self.artifacts = ArtifactServiceStub(to_tracking)
        self.models = ModelServiceStub(to_registry)
        self.versions = VersionServiceStub(to_registry)
        self.transitions = TransitionServiceStub(to_registry)
        self.lineage = LineageServiceStub(grpc.insecure_channel(lineage_address))
        self.story = story
        self.source, self.environment = surroundings.source(), surroundings.environment()

    # Data -----------------------------------------------------------------------------------

    def record_data(self) -> tuple[data.Table, data.Table]:
        """Both versions of the data, with the cleaning and feature steps as lineage."""
        story, tables = self.story, data.load()
        story.chapter("Data")
        for table in tables:
            while table.derived_from:
                self.lineage.Record(
                    lineage.RecordRequest(
                        nodes=[node(table.derived_from), node(table)],
                        edges=[
                            lineage.Edge(
                                source=key(table.derived_from),
                                target=key(table),
                                type=lineage.EDGE_TYPE_DERIVED_FROM,
                                label=table.step,
                            )
                        ],
                    )
                )
                table = table.derived_from
        v1, v2 = tables
        wrong = int((v1.labels != v2.labels).sum())
        story.tell(f"{v1.name}  {v1.digest[:19]}…  {v1.profile}")
        story.tell(f"{v2.name}  {v2.digest[:19]}…  {v2.profile}")
        story.check(wrong > 20, f"dataset_v2 has a labelling bug that nobody knows of: {wrong} labels differ")
        return v1, v2

    # Tracking -------------------------------------------------------------------------------

    def experiment(self, name: str) -> int:
        """The id of the experiment of this name, made if it is not there."""
        try:
            request = experiments.CreateExperimentRequest(
                name=name, description="Is a breast tumour malignant?", tags={"team": "risk-ml"}
            )
            return self.experiments.CreateExperiment(request).experiment.id
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
            found = self.experiments.GetExperiment(experiments.GetExperimentRequest(name=name))
            return found.experiment.id

    def start_run(self, experiment: int, name: str, table: data.Table, **more) -> runs.Run:
        request = runs.CreateRunRequest(
            experiment_id=experiment,
            name=name,
            user="ana",
            tags=TAGS,
            source=self.source,
            environment=self.environment,
            inputs=[
                runs.DatasetInput(
                    context="training",
                    dataset=runs.Dataset(
                        name=table.name,
                        digest=table.digest,
                        uri="sklearn.datasets.load_breast_cancer",
                        source_type="scikit-learn",
                        profile=table.profile,
                    ),
                )
            ],
            **more,
        )
        return self.runs.CreateRun(request).run

    def train(self, run: runs.Run, network: Network, table: data.Table, settings: Settings) -> Scores:
        """Trains, streams each epoch's scores as they come, uploads the model, its weights and its curves."""
        history: list[Scores] = []
        spreads: list[values.Value] = []

        def epochs():
            yield metrics.LogMetricsRequest(
                open=metrics.OpenWriter(
                    writer=1, run_id=run.id, writer_id="trainer", epoch=time.time_ns() // 1000
                )
            )
            for epoch, scores in enumerate(network.fit(table.split(), settings)):
                history.append(scores)
                histogram = spread(network.weights[0])
                spreads.append(values.Value(key="weights/first", step=epoch, histogram=histogram))
                row = metrics.MetricTable(
                    keys=METRIC_KEYS,
                    first_step=epoch,
                    first_time_us=time.time_ns() // 1000,
                    values=[scores.loss, scores.accuracy, scores.val_loss, scores.val_accuracy],
                )
                yield metrics.LogMetricsRequest(
                    batch=metrics.MetricBatch(
                        writer=1,
                        sequence=epoch + 1,
                        keys=METRIC_KEYS if epoch == 0 else None,
                        tables=[row],
                    )
                )

        committed = 0
        for answer in self.metrics.LogMetrics(epochs()):
            if answer.HasField("refused"):
                raise RuntimeError(answer.refused.message)
            if answer.HasField("committed"):
                committed = answer.committed.sequence
        if committed != settings.epochs:
            raise RuntimeError(f"{committed} of {settings.epochs} epochs were acknowledged")

        self.upload(run, "model/network.npz", network.save())
        curves = values.Image(content=values.Content(data=plot(history)), caption="learning curves")
        self.values.LogValues(
            values.LogValuesRequest(
                run_id=run.id,
                values=[*spreads, values.Value(key="curves", step=settings.epochs, image=curves)],
                request_id="values",
            )
        )
        self.runs.UpdateRun(
            runs.UpdateRunRequest(
                run=runs.Run(id=run.id, status=runs.RUN_STATUS_FINISHED),
                update_mask={"paths": ["status"]},
            )
        )
        return history[-1]

    def upload(self, run: runs.Run, path: str, content: bytes) -> None:
        def messages():
            header = artifacts.ArtifactHeader(run_id=run.id, path=path, digest=digest(content))
            yield artifacts.UploadArtifactRequest(header=header)
            for start in range(0, len(content), 1 << 20):
                yield artifacts.UploadArtifactRequest(chunk=content[start : start + (1 << 20)])

        self.artifacts.UploadArtifact(messages())

    def sweep(self, experiment: int, table: data.Table) -> None:
        """Sixteen runs below a parent, each with its own hyperparameters."""
        story = self.story
        story.chapter("Sweep")
        parent = self.start_run(experiment, "sweep", table)
        choices = product(["sgd", "adam"], [0.003, 0.02], [((8,), 12), ((16, 8), 20)], [0.0, 0.2])
        count = 0
        for count, (optimizer, rate, (hidden, length), dropout) in enumerate(choices, 1):
            settings = Settings(
                learning_rate=rate if optimizer == "sgd" else rate / 4,
                batch_size=32 if length == 20 else 24,
                epochs=length,
                optimizer=optimizer,
                hidden=hidden,
                dropout=dropout,
            )
            network = Network.new(table.features.shape[1], settings)
            name = f"{optimizer}-{settings.learning_rate:g}-{settings.params()['hidden']}-{dropout:g}"
            run = self.start_run(
                experiment, name, table, params=settings.params(), parent_run_id=parent.id
            )
            scores = self.train(run, network, table, settings)
            story.tell(f"{name:22} val_loss {scores.val_loss:.4f}  val_accuracy {scores.val_accuracy:.4f}")
        self.runs.UpdateRun(
            runs.UpdateRunRequest(
                run=runs.Run(id=parent.id, status=runs.RUN_STATUS_FINISHED),
                update_mask={"paths": ["status"]},
            )
        )
        story.check(count >= 12, f"{count} runs streamed their scores, every epoch acknowledged")

    def best_run(self, experiment: int) -> runs.Run:
        filter_text = "metrics.val_accuracy > 0.9 and params.optimizer = 'sgd'"
        found = self.runs.SearchRuns(
            runs.SearchRunsRequest(
                experiment_ids=[experiment],
                filter=filter_text,
                order_by=["metrics.val_accuracy desc", "metrics.val_loss asc"],
            )
        ).runs
        values = [latest(run, "val_accuracy") for run in found]
        self.story.chapter("Search")
        self.story.tell(f"{filter_text}: {len(found)} runs, the best is {found[0].name} with {values[0]:.4f}")
        self.story.check(
            values == sorted(values, reverse=True)
            and all(value > 0.9 for value in values)
            and {run.params["optimizer"] for run in found} == {"sgd"},
            "the search finds the SGD runs above 0.9, best first",
        )
        self.story.tell(f"its first weights are kept at epochs {self.slider(found[0], 'weights/first')} and between")
        return found[0]

    def slider(self, run: runs.Run, key: str) -> str:
        """Three steps of a series, evenly spaced."""
        request = values.ReadValuesRequest(run_id=run.id, key=key, max_steps=3)
        steps = [value.step for answer in self.values.ReadValues(request) for value in answer.values]
        return ", ".join(map(str, steps))

    def refine(self, experiment: int, base: versions.Version, table: data.Table, seed: int):
        """Trains on from a registered version's weights."""
        network = Network.load(self.download(f"{MODEL}/{base.number}", "network.npz"))
        settings = Settings(0.005, 32, 12, "adam", (), 0.1, seed)
        run = self.start_run(
            experiment,
            f"refine-v{base.number}",
            table,
            params=settings.params(),
            based_on=[f"{MODEL}/{base.number}"],
        )
        return run, self.train(run, network, table, settings)

    # Registry -------------------------------------------------------------------------------

    def model(self, name: str) -> int:
        """Creates the model if it is not there; the number of its newest version."""
        try:
            self.models.CreateModel(
                models.CreateModelRequest(
                    name=name, description="Tells malignant from benign.", tags={"team": "risk-ml"}
                )
            )
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
        return self.models.GetModel(models.GetModelRequest(name=name)).model.latest_version

    def set_rule(self) -> None:
        """From now on nothing enters Production below a validation accuracy of 0.96."""
        policy = self.models.GetPolicy(models.GetPolicyRequest(model=MODEL)).policy
        threshold = models.MetricThreshold(
            metric="val_accuracy", comparison=models.COMPARISON_AT_LEAST, threshold=0.96
        )
        for move in policy.moves:
            if move.to == "Production":
                del move.rules[:]
                move.rules.append(models.Rule(name=RULE, metric_threshold=threshold))
        self.models.SetPolicy(models.SetPolicyRequest(model=MODEL, policy=policy))

    def register(self, name: str, run: runs.Run, label: str, description: str) -> versions.Version:
        return self.versions.CreateVersion(
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
        return self.transitions.TransitionVersion(
            transitions.TransitionVersionRequest(model=name, version=number, to=stage, comment=comment)
        ).decision

    def in_stage(self, stage: str) -> list[int]:
        model = self.models.GetModel(models.GetModelRequest(name=MODEL)).model
        return next((list(content.versions) for content in model.stages if content.stage == stage), [])

    def promote(self, experiment: int, best: runs.Run, table: data.Table) -> None:
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

        better, scores = self.refine(experiment, first, table, seed=1)
        second = self.register(MODEL, better, f"v1.{minor + 1}.0", f"Refined from {first.label} with Adam.")
        self.move(MODEL, second.number, "Staging", "refined")
        decision = self.move(MODEL, second.number, "Production", "passes the rule")
        story.check(
            decision.outcome == transitions.OUTCOME_ALLOWED and self.in_stage("Production") == [second.number],
            f"{second.label}, based on {first.label}, is let through with {scores.val_accuracy:.4f}",
        )

        better, scores = self.refine(experiment, second, table, seed=2)
        third = self.register(MODEL, better, f"v1.{minor + 2}.0", f"Refined from {second.label}.")
        decision = self.move(MODEL, third.number, "Production", "refreshed")
        story.check(
            list(decision.displaced) == [second.number] and second.number in self.in_stage("Archived"),
            f"{third.label} takes Production; {second.label} is archived in the same commit",
        )

        self.transitions.RollbackStage(
            transitions.RollbackStageRequest(model=MODEL, stage="Production", comment="alarm at night")
        )
        story.check(self.in_stage("Production") == [second.number], f"one call rolls back to {second.label}")
        self.move(MODEL, third.number, "Production", "false alarm")
        story.check(self.in_stage("Production") == [third.number], f"and {third.label} goes forward again")

    def promote_triage(self, experiment: int, table: data.Table) -> None:
        """Another team's model, trained on the version of the data with the bug."""
        self.model(TRIAGE)
        settings = Settings(0.01, 32, 12, "adam", (8,), 0.0)
        run = self.start_run(experiment, "triage", table, params=settings.params())
        self.train(run, Network.new(table.features.shape[1], settings), table, settings)
        version = self.register(TRIAGE, run, "", "For the waiting list.")
        self.move(TRIAGE, version.number, "Production", "first release")
        self.story.check(True, f"{TRIAGE} {version.number}, trained on {table.name}, is in Production too")

    def download(self, reference: str, path: str) -> bytes:
        """A file of a version, checked against the digest that the registry keeps."""
        request = versions.DownloadVersionFileRequest(reference=reference, path=path)
        answers = self.versions.DownloadVersionFile(request)
        file = next(answers).file
        content = b"".join(answer.chunk for answer in answers)
        if (digest(content), len(content)) != (file.digest, file.size):
            raise RuntimeError(f"{reference} {path}: the bytes do not fit the digest")
        return content

    # Lineage --------------------------------------------------------------------------------

    def trace(self) -> None:
        story = self.story
        story.chapter("Lineage")
        version = self.versions.GetVersion(
            versions.GetVersionRequest(reference=f"{MODEL}@Production")
        ).version
        node_name = f"model_version:{MODEL}@{version.number}"

        def pedigree():
            return self.lineage.GetAncestors(lineage.GetAncestorsRequest(node=node_name)).graph

        def names(graph, kind):
            return [n.node.key.name for n in graph.nodes if n.node.key.kind == kind]

        def complete(graph) -> bool:
            return {"breast-cancer-source", "dataset_v1"} <= set(names(graph, "dataset")) and bool(
                names(graph, "model_version")[2:]
            )

        graph = known(pedigree, complete)
        story.tell(family_tree(graph, version))
        story.check(complete(graph), "its family tree reaches the data's source, the code and the models before it")
        story.check(
            self.source.commit in {n.node.key.version for n in graph.nodes if n.node.key.kind == "code"},
            f"it names the commit: {self.source.commit[:12] or 'none, for this is no repository'}",
        )

        def impact():
            request = lineage.FindImpactRequest(node="dataset:dataset_v2", stage="Production")
            return [impact.version.key for impact in self.lineage.FindImpact(request).impacts]

        hit = known(impact, lambda found: any(key.name == TRIAGE for key in found))
        story.check(
            {key.name for key in hit} == {TRIAGE},
            f"of what is in Production, {TRIAGE} alone descends from the buggy dataset_v2",
        )

        proof = self.lineage.Prove(lineage.ProveRequest(node=node_name, suspects=["dataset:dataset_v2"]))
        story.check(
            proof.verdict == lineage.VERDICT_CLEAN,
            f"proved: {version.label} does not ({len(proof.examined)} ancestors examined, {proof.digest[:19]}…)",
        )

    # Use ------------------------------------------------------------------------------------

    def serve(self, table: data.Table) -> None:
        self.story.chapter("Serving")
        network = Network.load(self.download(f"{MODEL}@Production", "network.npz"))
        _, accuracy = network.evaluate(table.split()[1], table.split()[3])
        self.story.check(
            accuracy >= 0.96,
            f"the Production model, downloaded and verified, is right on {accuracy:.1%} of the held-out rows",
        )


def node(table: data.Table) -> lineage.Node:
    return lineage.Node(key=key(table), attributes={"step": table.step, "profile": table.profile})


def key(table: data.Table) -> lineage.NodeKey:
    return lineage.NodeKey(kind="dataset", name=table.name, version=table.digest)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def latest(run: runs.Run, metric: str) -> float:
    return next(summary.latest for summary in run.metrics if summary.key == metric)


def known(ask, holds):
    """What lineage answers once it has heard of everything; it hears of a commit within a second."""

    def ask_again():
        try:
            return ask()
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                return None
            raise

    return until(ask_again, lambda answer: answer is not None and holds(answer))


def failed_rules(error: grpc.RpcError) -> list[str]:
    """The rules that failed, from the error's typed details."""
    failures = []
    for detail in rpc_status.from_call(error).details:
        failure = error_details_pb2.PreconditionFailure()
        if detail.Unpack(failure):
            failures += [violation.description for violation in failure.violations]
    return failures


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default=os.environ.get("HERDBOOK_ADDRESS", "127.0.0.1:5757"))
    for service in ("tracking", "registry", "lineage"):
        parser.add_argument(f"--{service}", help=f"where {service} runs, if by itself")
    return parser.parse_args()


def main() -> int:
    where, story = arguments(), Story()
    trainer = Trainer(
        where.tracking or where.address,
        where.registry or where.address,
        where.lineage or where.address,
        story,
    )
    v1, v2 = trainer.record_data()
    experiment = trainer.experiment("tumor-classification")
    trainer.sweep(experiment, v1)
    best = trainer.best_run(experiment)
    trainer.promote(experiment, best, v1)
    trainer.promote_triage(experiment, v2)
    trainer.trace()
    trainer.serve(v1)
    return story.end()


if __name__ == "__main__":
    sys.exit(main())
