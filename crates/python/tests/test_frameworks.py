"""Callbacks with the real frameworks; those that are not installed here are skipped."""

import numpy
import pytest

import herdbook as hb


def only_run(experiment: str) -> hb.Message:
    (run,) = [run for run in hb.runs(experiments=experiment) if not run.parent_run_id]
    assert run.status == "FINISHED"
    return run


def metrics(run: hb.Message) -> dict[str, int]:
    return {metric.key: metric.count for metric in run.metrics if not metric.key.startswith("system/")}


@pytest.fixture
def data():
    numbers = numpy.random.default_rng(7)
    X = numbers.normal(size=(200, 4))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def test_scikit_learn(experiment, data):
    linear = pytest.importorskip("sklearn.linear_model")
    from sklearn.model_selection import GridSearchCV

    from herdbook.callbacks.sklearn import fit

    X, y = data
    model = fit(linear.LogisticRegression(C=0.5), X[:150], y[:150], test=(X[150:], y[150:]), experiment=experiment)
    assert model.score(X, y) > 0.8
    run = only_run(experiment)
    assert run.params["estimator"] == "LogisticRegression" and run.params["C"] == "0.5"
    assert {"training/accuracy", "training/log_loss", "test/f1"} <= set(metrics(run))
    with hb.start_run(f"{experiment}-search", system=None) as parent:
        fit(GridSearchCV(linear.LogisticRegression(), {"C": [0.1, 1.0]}), X, y, experiment=f"{experiment}-search")
    assert hb.sync()
    children = list(hb.runs(f"attributes.parent_run_id = '{parent.id}'"))
    assert sorted(child.params["C"] for child in children) == ["0.1", "1.0"]
    regression = fit(linear.LinearRegression(), X, X @ [1, 2, 3, 4], experiment=f"{experiment}-r2")
    assert regression is not None and "training/r2" in metrics(only_run(f"{experiment}-r2"))


def test_xgboost(experiment, data):
    xgboost = pytest.importorskip("xgboost")
    from herdbook.callbacks.xgboost import HerdbookCallback

    X, y = data
    matrix = xgboost.DMatrix(X, y)
    params = {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["logloss", "auc"]}
    callback = HerdbookCallback(experiment=experiment)
    xgboost.train(params, matrix, 10, evals=[(matrix, "train")], callbacks=[callback], verbose_eval=False)
    run = only_run(experiment)
    assert metrics(run) == {"train/logloss": 10, "train/auc": 10}
    assert run.params["objective"] == "binary:logistic"


def test_lightgbm(experiment, data):
    lightgbm = pytest.importorskip("lightgbm")
    from herdbook.callbacks.lightgbm import HerdbookCallback

    X, y = data
    train = lightgbm.Dataset(X, y)
    params = {"objective": "binary", "num_leaves": 4, "verbosity": -1}
    callback = HerdbookCallback(experiment=experiment)
    lightgbm.train(params, train, 10, valid_sets=[train], valid_names=["train"], callbacks=[callback])
    run = only_run(experiment)
    assert metrics(run) == {"train/binary_logloss": 10} and run.params["num_leaves"] == "4"


def test_keras(experiment, data):
    keras = pytest.importorskip("keras")
    from herdbook.callbacks.keras import HerdbookCallback

    X, y = data
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    model.fit(
        X, y, epochs=3, verbose=0, validation_split=0.2, callbacks=[HerdbookCallback(experiment=experiment, every=1)]
    )
    run = only_run(experiment)
    assert metrics(run)["val_accuracy"] == 3 and metrics(run)["batch/loss"] == 15
    assert run.params["epochs"] == "3" and "optimizer/learning_rate" in run.params


def test_what_follows_the_end_goes_to_the_same_run(experiment):
    from herdbook.callbacks import Target

    target = Target(None, experiment, goes_on=True)
    target.run.log({"train": 1.0}, 1)
    begun = target.id
    target.finish()
    assert target.id == begun
    target.run.log({"test": 2.0}, 1)
    target.finish()
    run = only_run(experiment)
    assert run.id == begun and metrics(run) == {"train": 1, "test": 1}


def test_lightning(experiment, data, tmp_path):
    torch, lightning = pytest.importorskip("torch"), pytest.importorskip("lightning.pytorch")
    from herdbook.callbacks.lightning import HerdbookLogger

    class Model(lightning.LightningModule):
        def __init__(self, lr: float) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(4, 1)

        def training_step(self, batch, _):
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]).squeeze(1), batch[1])
            self.log("loss", loss)
            return loss

        def test_step(self, batch, _):
            self.log("test", torch.nn.functional.mse_loss(self.layer(batch[0]).squeeze(1), batch[1]))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), self.hparams.lr)

    X, y = data
    tensors = torch.utils.data.TensorDataset(torch.tensor(X).float(), torch.tensor(y).float())
    loader = torch.utils.data.DataLoader(tensors, 20, num_workers=2, multiprocessing_context="fork")
    trainer = lightning.Trainer(
        max_epochs=2, logger=HerdbookLogger(experiment=experiment, checkpoints=True), log_every_n_steps=1,
        accelerator="cpu", default_root_dir=tmp_path, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    model = Model(0.01)
    trainer.fit(model, loader)
    trainer.test(model, loader, verbose=False)
    run = only_run(experiment)
    assert run.id == trainer.logger.version
    assert metrics(run)["loss"] == 20 and metrics(run)["test"] == 1 and run.params["lr"] == "0.01"
    (kept,) = hb.download(run.id, "checkpoint", tmp_path / "kept")
    assert kept.suffix == ".ckpt" and "state_dict" in torch.load(kept, weights_only=False)


def test_hugging_face_trainer(experiment, tmp_path):
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from herdbook.callbacks.transformers import HerdbookCallback

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    rows = [{"input_ids": torch.arange(8), "labels": torch.tensor(index % 2)} for index in range(32)]
    arguments = transformers.TrainingArguments(
        str(tmp_path / "out"), max_steps=5, logging_steps=1, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, per_device_train_batch_size=4,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=[HerdbookCallback(experiment=experiment)]
    )
    trainer.train()
    trainer.evaluate()
    run = only_run(experiment)
    assert metrics(run)["loss"] == 5 and metrics(run)["eval_loss"] == 1
    assert run.params["model/hidden_size"] == "16"
