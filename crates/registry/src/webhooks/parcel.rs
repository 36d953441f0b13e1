//! What is posted.

use chrono::{DateTime, SecondsFormat, Utc};
use herdbook_proto::{json, registry::v1::AuditRecord, time::from_timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::RegistryError;

/// A message to a receiver, the same whenever it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parcel {
    /// By which a receiver knows that it has it already.
    pub(crate) id: String,
    /// JSON.
    pub(crate) body: Vec<u8>,
}

impl Parcel {
    /// A change, for the webhook with the key `webhook`.
    pub(crate) fn of(webhook: i64, record: &AuditRecord) -> Result<Self, RegistryError> {
        let action = record.action().as_str_name();
        let action = action.strip_prefix("AUDIT_ACTION_").unwrap_or(action);
        let at = record.at.as_ref().and_then(from_timestamp);
        let data = json::serialize(
            "herdbook.registry.v1.AuditRecord",
            record,
            false,
            serde_json::value::Serializer,
        )
        .map_err(|_| RegistryError::Damaged)?;
        Ok(Self::new(
            format!("evt_{webhook}_{}", record.revision),
            &action.to_lowercase(),
            at.unwrap_or_default(),
            data,
        ))
    }

    /// A test at the time `now`.
    pub(crate) fn test(now: DateTime<Utc>) -> Self {
        Self::new(
            format!("test_{}", Uuid::now_v7().simple()),
            "test",
            now,
            json!({}),
        )
    }

    /// JSON of another format.
    pub(super) fn of_json(id: String, body: &Value) -> Self {
        Self {
            id,
            body: body.to_string().into_bytes(),
        }
    }

    fn new(id: String, event: &str, at: DateTime<Utc>, data: Value) -> Self {
        let at = at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let body = json!({"type": format!("registry.{event}"), "timestamp": at, "data": data});
        Self::of_json(id, &body)
    }
}

#[cfg(test)]
mod tests {
    use herdbook_proto::{registry::v1::AuditAction, time::to_timestamp};

    use super::*;

    #[test]
    fn a_change_is_the_record_as_json_under_its_action() {
        let record = AuditRecord {
            revision: 42,
            action: AuditAction::CreateVersion.into(),
            at: DateTime::from_timestamp(1_790_000_000, 5_000).map(to_timestamp),
            model: "fraud".to_owned(),
            version: 3,
            ..Default::default()
        };
        let parcel = Parcel::of(7, &record).unwrap();
        assert_eq!(parcel.id, "evt_7_42");
        let body: Value = serde_json::from_slice(&parcel.body).unwrap();
        assert_eq!(body["type"], "registry.create_version");
        assert_eq!(body["timestamp"], "2026-09-21T14:13:20.000005Z");
        assert_eq!(body["data"]["revision"], 42);
        assert_eq!(body["data"]["action"], "AUDIT_ACTION_CREATE_VERSION");
        assert_eq!(body["data"]["decision"], Value::Null);
        assert_eq!(Parcel::of(7, &record).unwrap(), parcel);
    }
}
