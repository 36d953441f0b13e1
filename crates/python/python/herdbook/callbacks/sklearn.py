"""scikit-learn: `fit(estimator, X, y, test=(X_test, y_test))` instead of `estimator.fit(X, y)`."""

from typing import Any, TypeVar

from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score, root_mean_squared_error

from ..run import Run, start_run
from . import Target, simple

E = TypeVar("E", bound=BaseEstimator)


def fit(
    estimator: E, X: Any, y: Any, *, test: tuple[Any, Any] | None = None, run: Run | None = None,
    experiment: str = "sklearn", **options: Any,
) -> E:  # fmt: skip
    """Fits an estimator and logs its params, its scores on the training data and on `test`, and of a search over
    params (such as `GridSearchCV`) each candidate as a run of its own below this one.

    `options` go to the estimator's `fit`. Returns the estimator.
    """
    target = Target(run, experiment)
    into = target.run
    try:
        into.set_params({"estimator": type(estimator).__name__, **simple(estimator.get_params())})
        estimator.fit(X, y, **options)
        into.log(scores(estimator, X, y, "training"), 0)
        if test is not None:
            into.log(scores(estimator, *test, "test"), 0)
        if hasattr(estimator, "cv_results_"):
            _candidates(estimator, into, experiment)
    except BaseException:
        target.finish("FAILED")
        raise
    target.finish()
    return estimator


def scores(estimator: BaseEstimator, X: Any, y: Any, prefix: str) -> dict[str, Any]:
    """What a fitted estimator scores: accuracy, weighted F1 and log loss, or R², mean absolute error and root mean
    squared error, each under `prefix/`."""
    found = estimator.predict(X)
    if is_classifier(estimator):
        values = {"accuracy": accuracy_score(y, found), "f1": f1_score(y, found, average="weighted")}
        if hasattr(estimator, "predict_proba"):
            values["log_loss"] = log_loss(y, estimator.predict_proba(X), labels=estimator.classes_)
    else:
        values = {
            "r2": r2_score(y, found),
            "mean_absolute_error": mean_absolute_error(y, found),
            "root_mean_squared_error": root_mean_squared_error(y, found),
        }
    return {prefix: values}


def _candidates(search: Any, parent: Run, experiment: str) -> None:
    results = search.cv_results_
    for index, params in enumerate(results["params"]):
        child = start_run(experiment, params=simple(params), parent=parent, system=None, capture=False)
        numbers = {key: values[index] for key, values in results.items() if key.startswith(("mean_", "std_", "rank_"))}
        child.log(numbers, 0)
        child.finish(wait=False)
    parent.log({"best_score": search.best_score_}, 0)
    parent.set_tags({"best_params": simple(search.best_params_)})
