//! Params and tags, and what they say of where the run came from.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::{self, Display},
};

use herdbook_core::limits::{PARAM_VALUE_BYTES, TAG_VALUE_BYTES};
use herdbook_proto::{
    lineage::v1::{Edge, RecordRequest, lineage_service_client::LineageServiceClient},
    tracking::v1::{GetRunRequest, Run, UpdateRunRequest},
};
use prost_types::FieldMask;
use sha2::{Digest as _, Sha256};

use super::Pair;
use crate::mlflow::{
    call::Call,
    conventions,
    error::{Answer, Error},
    runs::{tags::Fields, words::of_run},
    wire::{self, validate},
};

/// Characters of values; what is longer is cut, as MLflow's server does.
const PARAM_CHARS: usize = 6_000;
const TAG_CHARS: usize = 8_000;

/// Params and tags to be logged.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) params: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
}

impl Facts {
    pub(super) fn is_empty(&self) -> bool {
        self.params.is_empty() && self.tags.is_empty()
    }

    /// Adds what tells them from others.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        for pairs in [&self.params, &self.tags] {
            hash.update(pairs.len().to_le_bytes());
            for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
                hash.update(text.len().to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
}

/// Has the source of a run, and what it is based on, be as all of its params and tags say: those of one call may be a
/// part of it.
pub(super) async fn tell(call: &Call, id: &str) -> Answer<()> {
    let request = GetRunRequest {
        run_id: id.to_owned(),
    };
    let found = call.runs().get_run(request).await;
    let found = found.map_err(|status| of_run(id, status))?;
    let known = found.into_inner().run.unwrap_or_default();
    let origins = conventions::read(&known.params, &known.tags);
    let mut paths = Vec::new();
    if origins.source.is_some() && origins.source != known.source {
        paths.push("source".to_owned());
    }
    if !origins.based_on.is_empty() && origins.based_on != known.based_on {
        paths.push("based_on".to_owned());
    }
    if !paths.is_empty() {
        let run = Run {
            id: id.to_owned(),
            source: origins.source,
            based_on: origins.based_on,
            ..Default::default()
        };
        change(call, id, run, paths).await?;
    }
    derive(call, origins.derivations).await;
    Ok(())
}

/// Sets the fields that tags stand for.
pub(super) async fn set_fields(call: &Call, id: &str, fields: Fields) -> Answer<()> {
    let mut paths = Vec::new();
    let mut run = Run {
        id: id.to_owned(),
        ..Default::default()
    };
    if let Some(name) = fields.name {
        run.name = name;
        paths.push("name".to_owned());
    }
    if let Some(description) = fields.description {
        run.description = description;
        paths.push("description".to_owned());
    }
    match paths.is_empty() {
        true => Ok(()),
        false => change(call, id, run, paths).await,
    }
}

async fn change(call: &Call, id: &str, run: Run, paths: Vec<String>) -> Answer<()> {
    let request = UpdateRunRequest {
        run: Some(run),
        update_mask: Some(FieldMask { paths }),
    };
    let changed = call.runs().update_run(request).await;
    changed.map_err(|status| of_run(id, status))?;
    Ok(())
}

/// Tells lineage which data were made of which others. What it does not take, such as a cycle, is a matter of
/// lineage, and keeps nothing from being logged.
pub(in crate::mlflow) async fn derive(call: &Call, derivations: Vec<Edge>) {
    if derivations.is_empty() {
        return;
    }
    let request = RecordRequest {
        edges: derivations,
        ..Default::default()
    };
    let recorded = LineageServiceClient::new(call.lineage())
        .record(request)
        .await;
    if let Err(status) = recorded {
        tracing::info!(%status, "what data were made of could not be recorded");
    }
}

/// Params of a request, each key once.
pub(super) fn params(params: Vec<Pair>) -> Answer<BTreeMap<String, String>> {
    let (mut keys, mut twice) = (HashSet::new(), Vec::new());
    for key in params.iter().filter_map(|param| param.key.as_deref()) {
        if !keys.insert(key) {
            twice.push(key);
        }
    }
    if !twice.is_empty() {
        let twice: Vec<String> = twice.iter().map(|key| format!("'{key}'")).collect();
        return Err(Error::invalid(format!(
            "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one \
             param value per param key.",
            twice.join(", ")
        )));
    }
    let params = params.into_iter().enumerate();
    params
        .map(|(index, pair)| param(fmt::from_fn(|f| write!(f, "params[{index}].")), pair))
        .collect()
}

pub(super) fn param(path: impl Display, pair: Pair) -> Answer<(String, String)> {
    let key = wire::required(format_args!("{path}key"), pair.key)?;
    validate::name(format_args!("{path}key"), "Param key", &key)?;
    let value = pair.value.unwrap_or_default();
    Ok((key, validate::cut(value, PARAM_CHARS, PARAM_VALUE_BYTES)))
}

/// Tags of a request, the last of a key counts.
pub(in crate::mlflow) fn tags(tags: Vec<Pair>) -> Answer<BTreeMap<String, String>> {
    let tags = tags.into_iter().enumerate();
    tags.map(|(index, pair)| tag(fmt::from_fn(|f| write!(f, "tags[{index}].")), pair))
        .collect()
}

pub(super) fn tag(path: impl Display, pair: Pair) -> Answer<(String, String)> {
    let key = wire::required(format_args!("{path}key"), pair.key)?;
    validate::name(format_args!("{path}key"), "key", &key)?;
    let value = pair.value.unwrap_or_default();
    Ok((key, validate::cut(value, TAG_CHARS, TAG_VALUE_BYTES)))
}
