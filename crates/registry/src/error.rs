//! What a caller of the registry can act on.

use std::{sync::Arc, time::Duration};

use herdbook_blobs::{BlobError, InvalidRange};
use herdbook_core::{
    Code, Details, FieldViolation, InvalidPageToken, PreconditionViolation, ServiceError,
};
use herdbook_filter::ParseError;
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

use herdbook_rpc::Role;

use crate::{request::RequestRefused, transition::Refusal, webhooks::PER_WORKSPACE};

/// Why a call of the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
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
    /// No such model.
    #[error("there is no model {0:?}; create it first, or see `herdbook models list`")]
    ModelNotFound(String),
    /// No such version.
    #[error("there is no version {0}; `herdbook models show` lists those there are")]
    VersionNotFound(String),
    /// No such file in the version.
    #[error("{version} has no file {path:?}; its files are: {files}")]
    FileNotFound {
        /// The version.
        version: String,
        /// The path.
        path: String,
        /// Some of those it has.
        files: String,
    },
    /// No such alias.
    #[error("the model {model:?} has no alias {alias:?}")]
    AliasNotFound {
        /// The model.
        model: String,
        /// The alias.
        alias: String,
    },
    /// The source names no files.
    #[error("the run {run} has no artifacts at {path:?}; upload them first, or correct the source")]
    SourceEmpty {
        /// The run.
        run: String,
        /// The path.
        path: String,
    },
    /// The source run is not there.
    #[error("there is no run {0} to register from")]
    RunNotFound(String),
    /// The model's name is in use.
    #[error("the model {0:?} is there already; register a version of it instead")]
    ModelExists(String),
    /// The label is in use.
    #[error("another version of {model:?} is labelled {label:?}; choose the next label")]
    LabelTaken {
        /// The model.
        model: String,
        /// The label.
        label: String,
    },
    /// The number is, or was, that of another version.
    #[error(
        "{model}/{number} is there, or was: no number is used twice; choose another, or leave it out"
    )]
    VersionExists {
        /// The model.
        model: String,
        /// The number.
        number: i64,
    },
    /// A version that may not be deleted where it stands.
    #[error("{version} stands in {stage}, {why}; move it out first, then delete it")]
    Guarded {
        /// The version.
        version: String,
        /// The stage.
        stage: String,
        /// What guards the stage.
        why: &'static str,
    },
    /// Another model had versions under the name.
    #[error(
        "another model that was called {0:?} had versions, and what refers to those is not to find others; choose another name"
    )]
    NameHadVersions(String),
    /// Somebody who is no admin speaks for others.
    #[error(
        "only an admin says that somebody else registered a version, and you are {0}; leave created_by out"
    )]
    CreatedByNotAllowed(Role),
    /// The source names a logged model that is not there, or has no files yet.
    #[error("there is no logged model {0} with files; log it first, or correct the source")]
    LoggedModelNotFound(String),
    /// The stage is not one of the policy.
    #[error("the model {model:?} has no stage {stage:?}; it has: {stages}")]
    StageNotFound {
        /// The model.
        model: String,
        /// The stage.
        stage: String,
        /// Those it has.
        stages: String,
    },
    /// Rules do not hold.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// Nothing stood in the stage before, or not the version named.
    #[error("{}", nothing_before(model, stage, *number))]
    NothingBefore {
        /// The model.
        model: String,
        /// The stage.
        stage: String,
        /// The version that was named.
        number: Option<i64>,
    },
    /// Versions stand in a stage that the new policy lacks or makes exclusive.
    #[error("policy.stages: {0}")]
    StageInUse(String),
    /// The files are not those that were meant.
    #[error("{version} has the digest {digest}, not {given}; check the files that it has")]
    OtherDigest {
        /// The version.
        version: String,
        /// What it has.
        digest: String,
        /// What was meant.
        given: String,
    },
    /// More checks of one version than are kept.
    #[error("the version has {0} other checks, and more are not kept; report several as one")]
    TooManyChecks(i64),
    /// The record of a version does not change where it stands.
    #[error(
        "{version} stands in {stage}, which is frozen; move it out first, or register another version"
    )]
    Frozen {
        /// The version.
        version: String,
        /// The stage.
        stage: String,
    },
    /// More signatures of one version than are kept.
    #[error(
        "{version} has {most} signatures, and more are not kept; register it anew to sign it anew"
    )]
    TooManySignatures {
        /// The version.
        version: String,
        /// How many are kept.
        most: i64,
    },
    /// No such shared policy.
    #[error(
        "there is no policy {0:?}, or not this revision; `herdbook policies list` shows those there are"
    )]
    PolicyNotFound(String),
    /// Models use the shared policy.
    #[error("the policy {policy:?} is in use by {models}; have them use another, then delete it")]
    PolicyInUse {
        /// The policy.
        policy: String,
        /// Some of them, and how many more.
        models: String,
    },
    /// No such request.
    #[error("there is no request {0}; `herdbook models requests` lists those there are")]
    RequestNotFound(i64),
    /// A request for this move is open already.
    #[error(
        "the request {id} for this move is open, asked for by {by}; approve it, or withdraw it first"
    )]
    RequestOpen {
        /// Its number.
        id: i64,
        /// Who asked.
        by: String,
    },
    /// A request cannot be approved or closed.
    #[error("the request {id} stays as it is: {why}")]
    RequestRefused {
        /// Its number.
        id: i64,
        /// Why.
        why: RequestRefused,
    },
    /// An override by somebody who is no admin.
    #[error("only an admin overrides rules, and you are {0}; ask for approvals instead")]
    OverrideNotAllowed(Role),
    /// No such webhook.
    #[error("there is no webhook {0:?}; `herdbook webhooks list` shows those there are")]
    WebhookNotFound(String),
    /// The webhook's name is in use.
    #[error("the webhook {0:?} is there already; change it, or choose another name")]
    WebhookExists(String),
    /// The workspace has as many as it may.
    #[error("the workspace has {PER_WORKSPACE} webhooks, and more are not kept; delete one first")]
    TooManyWebhooks,
    /// Somebody was faster.
    #[error("{what} by {principal} at revision {revision}; look at it and decide again")]
    Concurrent {
        /// What they did.
        what: String,
        /// Who.
        principal: String,
        /// The revision now.
        revision: i64,
    },
    /// The revision to watch from is ahead.
    #[error("the workspace is at revision {now}, and {asked} is ahead of it; watch from {now}")]
    RevisionAhead {
        /// Asked for.
        asked: i64,
        /// Now.
        now: i64,
    },
    /// The audit log does not hold what was written.
    #[error("the audit log is broken at revision {revision}: {problem}; nothing was signed")]
    AuditBroken {
        /// Where.
        revision: i64,
        /// How.
        problem: String,
    },
    /// No record to make a checkpoint of.
    #[error("nothing was changed in this workspace yet; there is nothing to sign")]
    AuditEmpty,
    /// Tracking did not answer.
    #[error(
        "tracking did not answer, without which this cannot be decided ({0}); nothing was changed, try again"
    )]
    TrackingUnavailable(String),
    /// Lineage did not answer.
    #[error(
        "lineage did not answer, without which this cannot be decided ({0}); nothing was changed, try again"
    )]
    LineageUnavailable(String),
    /// Access did not say who may do what.
    #[error("{0}")]
    Access(Box<dyn ServiceError>),
    /// A stored policy or record that cannot be read.
    #[error("a stored record is damaged")]
    Damaged,
    /// What failed was done for several callers together; shared by all who waited for it.
    #[error(transparent)]
    Shared(Arc<RegistryError>),
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

fn nothing_before(model: &str, stage: &str, number: Option<i64>) -> String {
    match number {
        Some(number) => format!(
            "{model}/{number} has not stood in {stage} and left it; `herdbook models history {model} {stage}` shows what did"
        ),
        None => format!("{model:?} has held no other version in {stage} that it could return to"),
    }
}

impl From<sqlx::Error> for RegistryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl RegistryError {
    /// Whether one of several versions that were to be registered together is refused, and nothing was
    /// changed for any.
    pub(crate) fn is_of_one(&self) -> bool {
        match self {
            Self::LabelTaken { .. }
            | Self::VersionExists { .. }
            | Self::Blob(BlobError::Gone(_)) => true,
            Self::Database(error) => error.unique_violation().is_some(),
            _ => false,
        }
    }
}

impl ServiceError for RegistryError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(error) => error.code(),
            Self::Query { .. } | Self::PageToken(_) => Code::InvalidArgument,
            Self::ModelNotFound(_)
            | Self::VersionNotFound(_)
            | Self::FileNotFound { .. }
            | Self::AliasNotFound { .. }
            | Self::SourceEmpty { .. }
            | Self::RunNotFound(_)
            | Self::LoggedModelNotFound(_)
            | Self::StageNotFound { .. }
            | Self::PolicyNotFound(_)
            | Self::RequestNotFound(_)
            | Self::WebhookNotFound(_) => Code::NotFound,
            Self::ModelExists(_)
            | Self::LabelTaken { .. }
            | Self::VersionExists { .. }
            | Self::RequestOpen { .. }
            | Self::WebhookExists(_) => Code::AlreadyExists,
            Self::Refused(_)
            | Self::NothingBefore { .. }
            | Self::StageInUse(_)
            | Self::Guarded { .. }
            | Self::NameHadVersions(_)
            | Self::PolicyInUse { .. }
            | Self::OtherDigest { .. }
            | Self::RequestRefused { .. }
            | Self::AuditBroken { .. }
            | Self::Frozen { .. }
            | Self::AuditEmpty => Code::FailedPrecondition,
            Self::TooManyChecks(_) | Self::TooManySignatures { .. } | Self::TooManyWebhooks => {
                Code::ResourceExhausted
            }
            Self::OverrideNotAllowed(_) | Self::CreatedByNotAllowed(_) => Code::PermissionDenied,
            Self::Access(error) => error.code(),
            Self::Concurrent { .. } => Code::Aborted,
            Self::RevisionAhead { .. } => Code::OutOfRange,
            Self::TrackingUnavailable(_) | Self::LineageUnavailable(_) => Code::Unavailable,
            Self::Damaged => Code::Internal,
            Self::Shared(error) => error.code(),
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
            Self::ModelNotFound(_) => "MODEL_NOT_FOUND",
            Self::VersionNotFound(_) => "VERSION_NOT_FOUND",
            Self::FileNotFound { .. } => "FILE_NOT_FOUND",
            Self::AliasNotFound { .. } => "ALIAS_NOT_FOUND",
            Self::SourceEmpty { .. } => "SOURCE_EMPTY",
            Self::RunNotFound(_) => "RUN_NOT_FOUND",
            Self::ModelExists(_) => "MODEL_EXISTS",
            Self::LabelTaken { .. } => "LABEL_TAKEN",
            Self::VersionExists { .. } => "VERSION_EXISTS",
            Self::Guarded { .. } => "VERSION_GUARDED",
            Self::NameHadVersions(_) => "NAME_HAD_VERSIONS",
            Self::CreatedByNotAllowed(_) => "CREATED_BY_NOT_ALLOWED",
            Self::LoggedModelNotFound(_) => "LOGGED_MODEL_NOT_FOUND",
            Self::StageNotFound { .. } => "STAGE_NOT_FOUND",
            Self::Refused(_) => "TRANSITION_REFUSED",
            Self::NothingBefore { .. } => "NOTHING_BEFORE",
            Self::StageInUse(_) => "STAGE_IN_USE",
            Self::Concurrent { .. } => "CONCURRENT_TRANSITION",
            Self::OtherDigest { .. } => "OTHER_DIGEST",
            Self::TooManyChecks(_) => "TOO_MANY_CHECKS",
            Self::TooManySignatures { .. } => "TOO_MANY_SIGNATURES",
            Self::Frozen { .. } => "VERSION_FROZEN",
            Self::PolicyNotFound(_) => "POLICY_NOT_FOUND",
            Self::PolicyInUse { .. } => "POLICY_IN_USE",
            Self::RequestNotFound(_) => "REQUEST_NOT_FOUND",
            Self::RequestOpen { .. } => "REQUEST_OPEN",
            Self::RequestRefused { why, .. } => why.reason(),
            Self::OverrideNotAllowed(_) => "OVERRIDE_NOT_ALLOWED",
            Self::WebhookNotFound(_) => "WEBHOOK_NOT_FOUND",
            Self::WebhookExists(_) => "WEBHOOK_EXISTS",
            Self::TooManyWebhooks => "TOO_MANY_WEBHOOKS",
            Self::Access(error) => error.reason(),
            Self::RevisionAhead { .. } => "REVISION_AHEAD",
            Self::AuditBroken { .. } => "AUDIT_BROKEN",
            Self::AuditEmpty => "AUDIT_EMPTY",
            Self::TrackingUnavailable(_) => "TRACKING_UNAVAILABLE",
            Self::LineageUnavailable(_) => "LINEAGE_UNAVAILABLE",
            Self::Damaged => "INTERNAL",
            Self::Shared(error) => error.reason(),
            Self::Range(error) => error.reason(),
            Self::Blob(error) => error.reason(),
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        let metadata = |pairs: Vec<(&'static str, String)>| Details {
            metadata: pairs,
            ..Details::default()
        };
        match self {
            Self::Invalid(error) => error.details(),
            Self::Query { field, error } => {
                Details::fields(vec![FieldViolation::new(field, error.to_string())])
            }
            Self::ModelNotFound(name) | Self::ModelExists(name) => Details::resource("model", name),
            Self::VersionNotFound(reference) => Details::resource("version", reference),
            Self::FileNotFound { path, .. } => Details::resource("file", path),
            Self::AliasNotFound { alias, .. } => Details::resource("alias", alias),
            Self::SourceEmpty { path, .. } => Details::resource("artifact", path),
            Self::RunNotFound(id) => Details::resource("run", id),
            Self::LoggedModelNotFound(id) => Details::resource("logged_model", id),
            Self::LabelTaken { label, .. } => Details::resource("label", label),
            Self::StageNotFound { stage, .. } => Details::resource("stage", stage),
            Self::Refused(refusal) => Details {
                preconditions: refusal.violations(),
                metadata: vec![("revision", refusal.revision.to_string())],
                ..Details::default()
            },
            Self::Concurrent {
                principal,
                revision,
                ..
            } => metadata(vec![
                ("principal", principal.clone()),
                ("revision", revision.to_string()),
            ]),
            Self::RevisionAhead { now, .. } => metadata(vec![("revision", now.to_string())]),
            Self::AuditBroken { revision, .. } => {
                metadata(vec![("revision", revision.to_string())])
            }
            Self::TrackingUnavailable(_) | Self::LineageUnavailable(_) => {
                Details::retry_after(Duration::from_secs(1))
            }
            Self::Guarded {
                version,
                stage,
                why,
            } => Details {
                preconditions: vec![PreconditionViolation {
                    kind: "VERSION_GUARDED".to_owned(),
                    subject: version.clone(),
                    description: format!("stands in {stage}, {why}"),
                }],
                ..Details::default()
            },
            Self::StageInUse(why) => Details {
                preconditions: vec![PreconditionViolation {
                    kind: "STAGE_IN_USE".to_owned(),
                    subject: "policy.stages".to_owned(),
                    description: why.clone(),
                }],
                ..Details::default()
            },
            Self::PolicyNotFound(name) => Details::resource("policy", name),
            Self::PolicyInUse { policy, .. } => Details::resource("policy", policy),
            Self::RequestNotFound(id) | Self::RequestOpen { id, .. } => {
                Details::resource("request", id.to_string())
            }
            Self::WebhookNotFound(name) | Self::WebhookExists(name) => {
                Details::resource("webhook", name)
            }
            Self::Access(error) => error.details(),
            Self::PageToken(_)
            | Self::NothingBefore { .. }
            | Self::RequestRefused { .. }
            | Self::OverrideNotAllowed(_)
            | Self::OtherDigest { .. }
            | Self::TooManyChecks(_)
            | Self::TooManySignatures { .. }
            | Self::TooManyWebhooks
            | Self::Frozen { .. }
            | Self::VersionExists { .. }
            | Self::NameHadVersions(_)
            | Self::CreatedByNotAllowed(_)
            | Self::AuditEmpty
            | Self::Damaged => Details::default(),
            Self::Shared(error) => error.details(),
            Self::Range(error) => error.details(),
            Self::Blob(error) => error.details(),
            Self::Database(error) => error.details(),
        }
    }
}
