"""Trains networks and has tracking remember them: the sweep, its best run, and refined models."""

import time
from itertools import product

import grpc

import data
import surroundings
from curves import plot
from machine import Sampler
from network import Network, Scores, Settings
from services import Services, digest
from spread import spread
from story import Story

from herdbook.tracking.v1 import artifact_pb2 as artifacts
from herdbook.tracking.v1 import experiment_pb2 as experiments
from herdbook.tracking.v1 import metric_pb2 as metrics
from herdbook.tracking.v1 import run_pb2 as runs
from herdbook.tracking.v1 import value_pb2 as values

METRIC_KEYS = {1: "loss", 2: "accuracy", 3: "val_loss", 4: "val_accuracy"}
TAGS = {"author": "ana", "team": "risk-ml", "compliance": "hipaa", "problem": "binary-classification"}


class Laboratory:
    """Where runs are made, all in one experiment."""

    def __init__(self, services: Services, story: Story) -> None:
        self.services, self.story = services, story
        self.source, self.environment = surroundings.source(), surroundings.environment()
        self.experiment = self.find_experiment("tumor-classification")

    def find_experiment(self, name: str) -> int:
        """The id of the experiment of this name, made if it is not there."""
        try:
            request = experiments.CreateExperimentRequest(
                name=name, description="Is a breast tumour malignant?", tags={"team": "risk-ml"}
            )
            return self.services.experiments.CreateExperiment(request).experiment.id
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ALREADY_EXISTS:
                raise
            found = self.services.experiments.GetExperiment(experiments.GetExperimentRequest(name=name))
            return found.experiment.id

    def start_run(self, name: str, table: data.Table, **more) -> runs.Run:
        request = runs.CreateRunRequest(
            experiment_id=self.experiment,
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
        return self.services.runs.CreateRun(request).run

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
        with Sampler(lambda step, sample: self.log(run, step, sample)):
            for answer in self.services.metrics.LogMetrics(epochs()):
                if answer.HasField("refused"):
                    raise RuntimeError(answer.refused.message)
                if answer.HasField("committed"):
                    committed = answer.committed.sequence
        if committed != settings.epochs:
            raise RuntimeError(f"{committed} of {settings.epochs} epochs were acknowledged")

        self.upload(run, "model/network.npz", network.save())
        curves = values.Image(content=values.Content(data=plot(history)), caption="learning curves")
        self.services.values.LogValues(
            values.LogValuesRequest(
                run_id=run.id,
                values=[*spreads, values.Value(key="curves", step=settings.epochs, image=curves)],
                request_id="values",
            )
        )
        self.services.runs.UpdateRun(
            runs.UpdateRunRequest(
                run=runs.Run(id=run.id, status=runs.RUN_STATUS_FINISHED),
                update_mask={"paths": ["status"]},
            )
        )
        return history[-1]

    def log(self, run: runs.Run, step: int, row: dict[str, float]) -> None:
        points = [runs.Metric(key=key, value=value, step=step) for key, value in row.items()]
        self.services.runs.LogBatch(runs.LogBatchRequest(run_id=run.id, metrics=points, request_id=f"system {step}"))

    def upload(self, run: runs.Run, path: str, content: bytes) -> None:
        def messages():
            header = artifacts.ArtifactHeader(run_id=run.id, path=path, digest=digest(content))
            yield artifacts.UploadArtifactRequest(header=header)
            for start in range(0, len(content), 1 << 20):
                yield artifacts.UploadArtifactRequest(chunk=content[start : start + (1 << 20)])

        self.services.artifacts.UploadArtifact(messages())

    def sweep(self, table: data.Table) -> None:
        """Sixteen runs below a parent, each with its own hyperparameters."""
        story = self.story
        story.chapter("Sweep")
        parent = self.start_run("sweep", table)
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
            run = self.start_run(name, table, params=settings.params(), parent_run_id=parent.id)
            scores = self.train(run, network, table, settings)
            story.tell(f"{name:22} val_loss {scores.val_loss:.4f}  val_accuracy {scores.val_accuracy:.4f}")
        self.services.runs.UpdateRun(
            runs.UpdateRunRequest(
                run=runs.Run(id=parent.id, status=runs.RUN_STATUS_FINISHED),
                update_mask={"paths": ["status"]},
            )
        )
        story.check(count >= 12, f"{count} runs streamed their scores, every epoch acknowledged")

    def best_run(self) -> runs.Run:
        filter_text = "metrics.val_accuracy > 0.9 and params.optimizer = 'sgd'"
        found = self.services.runs.SearchRuns(
            runs.SearchRunsRequest(
                experiment_ids=[self.experiment],
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
        self.story.check(
            latest(found[0], "system/process_memory_bytes") > 0,
            f"beside it stands what the machine did: CPU at {latest(found[0], 'system/cpu_percent'):.0f} %",
        )
        return found[0]

    def slider(self, run: runs.Run, key: str) -> str:
        """Three steps of a series, evenly spaced."""
        request = values.ReadValuesRequest(run_id=run.id, key=key, max_steps=3)
        steps = [value.step for answer in self.services.values.ReadValues(request) for value in answer.values]
        return ", ".join(map(str, steps))

    def refine(self, name: str, base: str, weights: bytes, table: data.Table, seed: int) -> tuple[runs.Run, Scores]:
        """Trains on from the weights of a registered version."""
        settings = Settings(0.005, 32, 12, "adam", (), 0.1, seed)
        run = self.start_run(name, table, params=settings.params(), based_on=[base])
        return run, self.train(run, Network.load(weights), table, settings)


def latest(run: runs.Run, metric: str) -> float:
    return next(summary.latest for summary in run.metrics if summary.key == metric)
