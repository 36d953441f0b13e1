//! The vocabulary every Herdbook crate shares: typed ids, error codes, page tokens, limits.
//!
//! No I/O and no protocol lives here: a rule written against these types compiles without tonic
//! and without sqlx.

mod digest;
mod error;
mod ids;
pub mod limits;
mod name;
mod page;

pub use digest::{Digest, InvalidDigest};
pub use error::{
    Code, Details, FieldViolation, PreconditionViolation, QuotaViolation, ResourceInfo,
    ServiceError,
};
pub use ids::{ExperimentId, InvalidId, LoggedModelId, PrincipalId, RunId, UploadId, WorkspaceId};
pub use name::{NameError, check_key, check_name, check_text};
pub use page::{InvalidPageToken, PageToken};
