//! Refusals of the services in the words in which MLflow's server says them.

use crate::mlflow::error::{Error, ErrorCode};

/// What a service said of the run `id`.
pub(in crate::mlflow) fn of_run(id: &str, error: impl Into<Error>) -> Error {
    let error = error.into();
    if error.is_for("RUN_NOT_FOUND") {
        Error::not_found(format!("Run with id={id} not found"))
    } else if error.is_for("RUN_DELETED") {
        inactive(&format!("run {id}"))
    } else if error.is_for("PARAM_CHANGED") {
        let of = |name| error.detail(name).unwrap_or_default();
        Error::invalid(format!(
            "Changing param values is not allowed. Param with key='{}' was already logged with value='{}' for \
             run ID='{id}'. Attempted logging new value '{}'.",
            of("key"),
            of("old"),
            of("new"),
        ))
    } else if error.is_for("EXPERIMENT_DELETED") {
        error.with_code(ErrorCode::InvalidParameterValue)
    } else {
        error
    }
}

/// What a service said of the experiment `id`.
pub(in crate::mlflow) fn of_experiment(id: &str, error: impl Into<Error>) -> Error {
    let error = error.into();
    if error.is_for("EXPERIMENT_NOT_FOUND") {
        Error::not_found(format!("No Experiment with id={id} exists"))
    } else if error.is_for("EXPERIMENT_DELETED") {
        inactive(&format!("experiment {id}"))
    } else if error.is_for("DEFAULT_EXPERIMENT") {
        error.with_code(ErrorCode::InvalidParameterValue)
    } else {
        error
    }
}

/// What is said of `what`, such as `run 0a1b`, when it is deleted and should not be.
pub(in crate::mlflow) fn inactive(what: &str) -> Error {
    Error::invalid(format!(
        "The {what} must be in the 'active' state. Current state is deleted."
    ))
}
