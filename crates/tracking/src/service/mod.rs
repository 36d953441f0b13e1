//! The rpcs: decode, call, encode.

pub(crate) mod artifacts;
pub(crate) mod experiments;
mod metric_stream;
pub(crate) mod metrics;
pub(crate) mod runs;

use tonic::{Response, Status};

use crate::TrackingError;

/// A domain result as the answer of an rpc.
fn answer<T>(result: Result<T, TrackingError>) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(herdbook_rpc::status)
}

/// Fields of an update mask that are `tags.<key>`, and whether `field` itself is in it.
struct Mask(Vec<String>);

impl Mask {
    fn read(mask: Option<prost_types::FieldMask>) -> Self {
        Self(mask.map(|mask| mask.paths).unwrap_or_default())
    }

    /// Refuses an empty mask and fields that cannot be changed.
    fn check(&self, fields: &[&str], violations: &mut herdbook_proto::Violations) {
        if self.0.is_empty() {
            violations.add(
                "update_mask",
                format!("must name the fields to change: {}", fields.join(", ")),
            );
        }
        for path in &self.0 {
            let known = fields.contains(&path.as_str())
                || (fields.contains(&"tags")
                    && path
                        .strip_prefix("tags.")
                        .is_some_and(|key| !key.is_empty()));
            if !known {
                let fields = fields.join(", ");
                violations.add(
                    "update_mask",
                    format!("{path:?} cannot be changed; these can: {fields}"),
                );
            }
        }
    }

    fn has(&self, field: &str) -> bool {
        self.0.iter().any(|path| path == field)
    }

    /// Keys of the single tags to be changed.
    fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|path| path.strip_prefix("tags."))
    }
}
