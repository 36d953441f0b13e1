//! One small table of error codes, and the trait by which every domain's error enters it.
//!
//! A domain keeps its own `thiserror` enum; implementing [`ServiceError`] says which code a caller
//! sees, under which stable reason, and with which details. `herdbook-rpc` turns that into a
//! `google.rpc.Status`; nothing else in the workspace builds a status by hand.

use std::time::Duration;

/// What went wrong, as far as a caller's next step depends on it. A subset of `google.rpc.Code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request is wrong whatever the state; correct it.
    InvalidArgument,
    /// No such thing in this workspace.
    NotFound,
    /// The thing is there already, with other content.
    AlreadyExists,
    /// The state forbids it now; change the state first.
    FailedPrecondition,
    /// Somebody else won; read again and decide anew.
    Aborted,
    /// Past the end of what there is (a gap in sequence numbers, trimmed history).
    OutOfRange,
    /// A stated limit was hit.
    ResourceExhausted,
    /// No or bad credentials.
    Unauthenticated,
    /// Credentials are fine, the role is not.
    PermissionDenied,
    /// Try again shortly.
    Unavailable,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// This server does not do that.
    Unimplemented,
    /// Bytes that were kept are lost or damaged; restore them.
    DataLoss,
    /// A defect of ours: logged once, told as nothing but a request id.
    Internal,
}

/// A field of the request that is wrong, named as the caller wrote it, such as `metrics[3].key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it and what would be right.
    pub description: String,
}

impl FieldViolation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// Something that must hold before the call can succeed, such as a transition rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreconditionViolation {
    /// Kind of the precondition, UPPER_SNAKE, such as `METRIC_THRESHOLD`.
    pub kind: String,
    /// What it is about, such as `versions/fraud-detector/3`.
    pub subject: String,
    /// What was found and what would satisfy it.
    pub description: String,
}

/// A quota that a request would pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaViolation {
    /// What is limited, such as `points`.
    pub subject: String,
    /// How much there is and may be.
    pub description: String,
}

/// The thing that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceInfo {
    /// Type of the resource, such as `run`.
    pub kind: &'static str,
    /// Its name as the caller gave it.
    pub name: String,
}

/// Machine-readable details of an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Becomes `google.rpc.BadRequest`.
    pub fields: Vec<FieldViolation>,
    /// Becomes `google.rpc.PreconditionFailure`.
    pub preconditions: Vec<PreconditionViolation>,
    /// Becomes `google.rpc.QuotaFailure`.
    pub quotas: Vec<QuotaViolation>,
    /// Becomes `google.rpc.ResourceInfo`.
    pub resource: Option<ResourceInfo>,
    /// Becomes `google.rpc.RetryInfo`: how long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// Extra key-value pairs of `google.rpc.ErrorInfo`.
    pub metadata: Vec<(&'static str, String)>,
}

impl Details {
    /// Details that name the wrong fields.
    pub fn fields(fields: Vec<FieldViolation>) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    /// Details that name the thing the error is about.
    pub fn resource(kind: &'static str, name: impl Into<String>) -> Self {
        Self {
            resource: Some(ResourceInfo {
                kind,
                name: name.into(),
            }),
            ..Self::default()
        }
    }

    /// Details that ask for another try after a while.
    pub fn retry_after(wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..Self::default()
        }
    }
}

/// An error that may leave a service. Its `Display` is read by the caller unless the code is
/// [`Code::Internal`]: it says what happened and what to do, and never holds SQL or a path.
pub trait ServiceError: std::error::Error + Send + Sync + 'static {
    /// The code the caller sees.
    fn code(&self) -> Code;

    /// A stable reason in UPPER_SNAKE, unique within the domain, such as `PARAM_CHANGED`.
    fn reason(&self) -> &'static str;

    /// Machine-readable details; none by default.
    fn details(&self) -> Details {
        Details::default()
    }
}
