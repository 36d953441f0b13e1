//! What a caller of the tracking service can act on.

use herdbook_blobs::{BlobError, InvalidRange};
use herdbook_core::{
    Code, Details, ExperimentId, InvalidPageToken, LoggedModelId, QuotaViolation, RunId,
    ServiceError, UploadId,
};
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

use crate::{
    holder::Holder,
    quota::Resource,
    search::{ParseError, codec::DamagedColumn},
};

/// Why a call of the tracking service failed.
#[derive(Debug, thiserror::Error)]
pub enum TrackingError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// A filter or order that cannot be read.
    #[error("{field}: {error}")]
    Query {
        /// The field of the request.
        field: String,
        /// Where and why.
        error: ParseError,
    },
    /// A page token of another query, or none of ours.
    #[error("page_token: {0}")]
    PageToken(#[from] InvalidPageToken),
    /// No such experiment.
    #[error("there is no experiment {0}; `herdbook experiments list` shows those there are")]
    ExperimentNotFound(String),
    /// No such run.
    #[error("there is no run {0}")]
    RunNotFound(String),
    /// No such logged model.
    #[error("there is no logged model {0}")]
    LoggedModelNotFound(String),
    /// The id of a logged model is in use.
    #[error("the logged model {0} is there already; leave its id empty to have one made")]
    LoggedModelTaken(LoggedModelId),
    /// The logged model was deleted.
    #[error(
        "the logged model {0} is deleted; restore it with RestoreLoggedModel before writing to it"
    )]
    LoggedModelDeleted(LoggedModelId),
    /// A param of a logged model has another value already.
    #[error(
        "the param {key:?} of logged model {model} is {old:?} and cannot become {new:?}: params are written \
         once; use a tag for what changes"
    )]
    LoggedModelParamChanged {
        /// The model.
        model: LoggedModelId,
        /// The param.
        key: String,
        /// Its value.
        old: String,
        /// The value that was sent.
        new: String,
    },
    /// No such file in the run or logged model.
    #[error("the {holder} has no artifact {path:?}; list its artifacts to see those it has")]
    ArtifactNotFound {
        /// What was asked for it.
        holder: Holder,
        /// The path.
        path: String,
    },
    /// No such upload, or one that was forgotten.
    #[error(
        "there is no upload {0}: it was aborted, or nobody touched it for a day; begin it anew"
    )]
    UploadNotFound(String),
    /// The upload is a file already.
    #[error("the upload {0} is complete, and takes no more parts; begin another")]
    UploadComplete(UploadId),
    /// No such series of values, or no such value in it.
    #[error("the run {run} has no value {name}; list its series to see those it has")]
    ValueNotFound {
        /// The run.
        run: RunId,
        /// Key, or key, step and index.
        name: String,
    },
    /// A series has one type.
    #[error(
        "the values of {key:?} are of the type {old}, and one of the type {new} cannot be among them; \
         log it with another key"
    )]
    ValueTypeChanged {
        /// The series.
        key: String,
        /// Its type.
        old: String,
        /// The type that was sent.
        new: String,
    },
    /// A value cannot be read.
    #[error("a stored value is damaged")]
    DamagedValue,
    /// The experiment's name is in use.
    #[error("an experiment named {0:?} is there already; choose another name, or log to that one")]
    ExperimentNameTaken(String),
    /// The number is that of another experiment.
    #[error("there is an experiment {0} already; choose another number, or leave it out")]
    ExperimentIdTaken(ExperimentId),
    /// The id is that of another run.
    #[error("there is a run {0} already; choose another id, or leave it out")]
    RunIdTaken(RunId),
    /// The experiment was deleted.
    #[error("the experiment {0} is deleted; restore it first")]
    ExperimentDeleted(ExperimentId),
    /// The experiment was not deleted.
    #[error("the experiment {0} is in use; delete it before it is purged for good")]
    ExperimentNotDeleted(ExperimentId),
    /// Runs elsewhere have points of its runs.
    #[error(
        "runs of other experiments were forked from runs of experiment {0} and have their points; purge those first"
    )]
    ExperimentHasForks(ExperimentId),
    /// The experiment is being removed.
    #[error("the experiment {0} is being purged and cannot be restored any more")]
    ExperimentPurging(ExperimentId),
    /// Experiment 0.
    #[error("the experiment 0 (Default) is always there and cannot be deleted")]
    DefaultExperiment,
    /// The run was deleted.
    #[error("the run {0} is deleted; restore it with RestoreRun before writing to it")]
    RunDeleted(RunId),
    /// The run was not deleted.
    #[error("the run {0} is in use; delete it before it is purged for good")]
    RunNotDeleted(RunId),
    /// Other runs have its points.
    #[error("other runs were forked from run {0} and have its points; purge those first")]
    RunHasForks(RunId),
    /// Points beyond the end of a stream.
    #[error(
        "the stream {stream:?} of run {run} has {expected} points; send those from there on first"
    )]
    StreamGap {
        /// The run.
        run: RunId,
        /// The stream.
        stream: String,
        /// Points that it has.
        expected: u64,
    },
    /// A param has another value already.
    #[error(
        "the param {key:?} of run {run} is {old:?} and cannot become {new:?}: params are written once; \
         start another run, or use a tag for what changes"
    )]
    ParamChanged {
        /// The run.
        run: RunId,
        /// The param.
        key: String,
        /// Its value.
        old: String,
        /// The value that was sent.
        new: String,
    },
    /// The workspace may not have that much.
    #[error(
        "the workspace has {used} of the {limit} {resource} that it may have, and {more} more do not fit; \
         purge runs that nobody needs, or have an admin raise the quota"
    )]
    QuotaExceeded {
        /// What is limited.
        resource: Resource,
        /// What there is.
        used: i64,
        /// What was to be added.
        more: i64,
        /// What there may be.
        limit: i64,
    },
    /// The question would take more memory than it may.
    #[error("{0}")]
    TooLarge(String),
    /// Points on disk cannot be read.
    #[error("metric points on disk are damaged")]
    DamagedPoints,
    /// Columns for search on disk cannot be read.
    #[error("columns for search on disk are damaged")]
    DamagedColumns,
    /// Bytes that the file does not have.
    #[error(transparent)]
    Range(#[from] InvalidRange),
    /// The blob store failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for TrackingError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<DamagedColumn> for TrackingError {
    fn from(_: DamagedColumn) -> Self {
        Self::DamagedColumns
    }
}

impl ServiceError for TrackingError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(error) => error.code(),
            Self::Query { .. } | Self::PageToken(_) => Code::InvalidArgument,
            Self::ExperimentNotFound(_)
            | Self::RunNotFound(_)
            | Self::LoggedModelNotFound(_)
            | Self::ArtifactNotFound { .. }
            | Self::UploadNotFound(_)
            | Self::ValueNotFound { .. } => Code::NotFound,
            Self::ValueTypeChanged { .. } => Code::FailedPrecondition,
            Self::DamagedValue => Code::Internal,
            Self::ExperimentNameTaken(_)
            | Self::ExperimentIdTaken(_)
            | Self::RunIdTaken(_)
            | Self::ParamChanged { .. }
            | Self::LoggedModelTaken(_)
            | Self::LoggedModelParamChanged { .. } => Code::AlreadyExists,
            Self::ExperimentDeleted(_)
            | Self::ExperimentNotDeleted(_)
            | Self::ExperimentHasForks(_)
            | Self::ExperimentPurging(_)
            | Self::DefaultExperiment
            | Self::RunDeleted(_)
            | Self::LoggedModelDeleted(_)
            | Self::RunNotDeleted(_)
            | Self::RunHasForks(_)
            | Self::UploadComplete(_) => Code::FailedPrecondition,
            Self::StreamGap { .. } => Code::OutOfRange,
            Self::QuotaExceeded { .. } | Self::TooLarge(_) => Code::ResourceExhausted,
            Self::DamagedPoints | Self::DamagedColumns => Code::Internal,
            Self::Range(error) => error.code(),
            Self::Blob(error) => error.code(),
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::Query { .. } => "INVALID_QUERY",
            Self::PageToken(_) => "INVALID_PAGE_TOKEN",
            Self::ExperimentNotFound(_) => "EXPERIMENT_NOT_FOUND",
            Self::RunNotFound(_) => "RUN_NOT_FOUND",
            Self::LoggedModelNotFound(_) => "LOGGED_MODEL_NOT_FOUND",
            Self::LoggedModelTaken(_) => "LOGGED_MODEL_TAKEN",
            Self::LoggedModelDeleted(_) => "LOGGED_MODEL_DELETED",
            Self::LoggedModelParamChanged { .. } => "PARAM_CHANGED",
            Self::ArtifactNotFound { .. } => "ARTIFACT_NOT_FOUND",
            Self::UploadNotFound(_) => "UPLOAD_NOT_FOUND",
            Self::UploadComplete(_) => "UPLOAD_COMPLETE",
            Self::ValueNotFound { .. } => "VALUE_NOT_FOUND",
            Self::ValueTypeChanged { .. } => "VALUE_TYPE_CHANGED",
            Self::DamagedValue => "INTERNAL",
            Self::ExperimentNameTaken(_) => "EXPERIMENT_NAME_TAKEN",
            Self::ExperimentIdTaken(_) => "EXPERIMENT_ID_TAKEN",
            Self::RunIdTaken(_) => "RUN_ID_TAKEN",
            Self::ExperimentDeleted(_) => "EXPERIMENT_DELETED",
            Self::ExperimentNotDeleted(_) => "EXPERIMENT_NOT_DELETED",
            Self::ExperimentHasForks(_) => "EXPERIMENT_HAS_FORKS",
            Self::ExperimentPurging(_) => "EXPERIMENT_PURGING",
            Self::DefaultExperiment => "DEFAULT_EXPERIMENT",
            Self::RunDeleted(_) => "RUN_DELETED",
            Self::RunNotDeleted(_) => "RUN_NOT_DELETED",
            Self::RunHasForks(_) => "RUN_HAS_FORKS",
            Self::StreamGap { .. } => "STREAM_GAP",
            Self::ParamChanged { .. } => "PARAM_CHANGED",
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::DamagedPoints | Self::DamagedColumns => "INTERNAL",
            Self::Range(error) => error.reason(),
            Self::Blob(error) => error.reason(),
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        let field = |name: &str, description: String| {
            Details::fields(vec![herdbook_core::FieldViolation::new(name, description)])
        };
        match self {
            Self::Invalid(error) => error.details(),
            Self::Query { field: name, error } => field(name, error.to_string()),
            Self::PageToken(error) => field("page_token", error.to_string()),
            Self::ExperimentNotFound(name) => Details::resource("experiment", name),
            Self::ExperimentNameTaken(name) => Details::resource("experiment", name),
            Self::ExperimentIdTaken(id)
            | Self::ExperimentDeleted(id)
            | Self::ExperimentNotDeleted(id)
            | Self::ExperimentHasForks(id)
            | Self::ExperimentPurging(id) => Details::resource("experiment", id.to_string()),
            Self::DefaultExperiment => Details::resource("experiment", "0"),
            Self::RunNotFound(id) => Details::resource("run", id),
            Self::RunIdTaken(id)
            | Self::RunDeleted(id)
            | Self::RunNotDeleted(id)
            | Self::RunHasForks(id) => Details::resource("run", id.to_string()),
            Self::StreamGap {
                stream, expected, ..
            } => Details {
                metadata: vec![("expected", expected.to_string())],
                ..Details::resource("stream", stream)
            },
            Self::LoggedModelNotFound(id) => Details::resource("logged model", id),
            Self::LoggedModelTaken(id) | Self::LoggedModelDeleted(id) => {
                Details::resource("logged model", id.to_string())
            }
            Self::ArtifactNotFound { path, .. } => Details::resource("artifact", path),
            Self::UploadNotFound(id) => Details::resource("upload", id),
            Self::UploadComplete(id) => Details::resource("upload", id.to_string()),
            Self::ParamChanged { key, old, new, .. }
            | Self::LoggedModelParamChanged { key, old, new, .. } => Details {
                metadata: vec![
                    ("key", key.clone()),
                    ("old", old.clone()),
                    ("new", new.clone()),
                ],
                ..Details::resource("param", key)
            },
            Self::ValueNotFound { name, .. } => Details::resource("value", name),
            Self::ValueTypeChanged { key, old, new } => Details {
                metadata: vec![("old", old.clone()), ("new", new.clone())],
                ..Details::resource("value", key)
            },
            Self::QuotaExceeded {
                resource,
                used,
                limit,
                ..
            } => Details {
                quotas: vec![QuotaViolation {
                    subject: resource.to_string(),
                    description: self.to_string(),
                }],
                metadata: vec![
                    ("quota", resource.to_string()),
                    ("used", used.to_string()),
                    ("limit", limit.to_string()),
                ],
                ..Details::default()
            },
            Self::TooLarge(_) | Self::DamagedPoints | Self::DamagedColumns | Self::DamagedValue => {
                Details::default()
            }
            Self::Range(error) => error.details(),
            Self::Blob(error) => error.details(),
            Self::Database(error) => error.details(),
        }
    }
}
