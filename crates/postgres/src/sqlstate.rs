//! The SQLSTATEs that decide what a caller may do next.
//!
//! Source: PostgreSQL documentation, appendix A, "PostgreSQL Error Codes".

pub(crate) const UNIQUE_VIOLATION: &str = "23505";
pub(crate) const SERIALIZATION_FAILURE: &str = "40001";
pub(crate) const DEADLOCK_DETECTED: &str = "40P01";
pub(crate) const UNDEFINED_DATABASE: &str = "3D000";
/// A statement over its time: the caller's question was too large.
pub(crate) const QUERY_CANCELED: &str = "57014";

/// Classes and codes after which the same call may well succeed: connection exceptions, lack of
/// disk, memory or connections, operator intervention (a restart).
const PASSING: [&str; 3] = ["08", "53", "57P"];

pub(crate) const DISK_FULL: &str = "53100";

/// Whether the server could not do it now, but may in a moment.
pub(crate) fn is_passing(code: &str) -> bool {
    PASSING.iter().any(|class| code.starts_with(class))
}

/// Whether the transaction lost against another and should run again.
pub(crate) fn is_conflict(code: &str) -> bool {
    code == SERIALIZATION_FAILURE || code == DEADLOCK_DETECTED
}
