//! Requests that are wrong, told field by field.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use herdbook_core::{Code, Details, FieldViolation, ServiceError};
use prost_types::Timestamp;

use crate::time::from_timestamp;

/// A request with one or more wrong fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(.0))]
pub struct InvalidRequest(Vec<FieldViolation>);

impl InvalidRequest {
    /// A request of which one field is wrong.
    pub fn field(field: impl Into<String>, description: impl Display) -> Self {
        Self(vec![FieldViolation::new(field, description.to_string())])
    }

    /// The wrong fields.
    #[must_use]
    pub fn violations(&self) -> &[FieldViolation] {
        &self.0
    }
}

impl ServiceError for InvalidRequest {
    fn code(&self) -> Code {
        Code::InvalidArgument
    }

    fn reason(&self) -> &'static str {
        "INVALID_REQUEST"
    }

    fn details(&self) -> Details {
        Details::fields(self.0.clone())
    }
}

fn describe(violations: &[FieldViolation]) -> String {
    let parts: Vec<_> = violations
        .iter()
        .map(|v| format!("{}: {}", v.field, v.description))
        .collect();
    parts.join("; ")
}

/// Collects what is wrong with a request, so that the caller is told all of it at once.
///
/// ```
/// use herdbook_proto::Violations;
///
/// let mut violations = Violations::default();
/// violations.check("run.name", herdbook_core::check_name(""));
/// let error = violations.finish().unwrap_err();
/// assert_eq!(error.to_string(), "run.name: must not be empty");
/// ```
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Notes that `field` is wrong.
    pub fn add(&mut self, field: impl Into<String>, description: impl Display) {
        self.0
            .push(FieldViolation::new(field, description.to_string()));
    }

    /// The value of `result`, or `None` with its error noted as that of `field`.
    pub fn check<T, E: Display>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(field, error)).ok()
    }

    /// The value of `option`, or `None` with the lack noted.
    pub fn require<T>(&mut self, field: impl Into<String>, option: Option<T>) -> Option<T> {
        if option.is_none() {
            self.add(field, "is required");
        }
        option
    }

    /// The time in `timestamp`, if there is one; out of the years 1 to 9999 is noted.
    pub fn time(
        &mut self,
        field: impl Into<String>,
        timestamp: Option<&Timestamp>,
    ) -> Option<DateTime<Utc>> {
        let timestamp = timestamp?;
        let time = from_timestamp(timestamp);
        if time.is_none() {
            self.add(field, "is not a time between the years 1 and 9999");
        }
        time
    }

    /// The request as it stands: `Err` if anything was noted.
    pub fn finish(self) -> Result<(), InvalidRequest> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(InvalidRequest(self.0))
        }
    }
}
