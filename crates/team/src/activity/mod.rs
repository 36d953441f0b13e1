//! What happened in a workspace: what several sources tell, each newest first, as one list.

mod merge;
mod sources;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use herdbook_proto::team::v1::activity::Event;
use serde::{Deserialize, Serialize};

pub(crate) use merge::merge;
pub(crate) use sources::{Source, Sources};

/// Something that happened, and where its source goes on after it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: DateTime<Utc>,
    pub(crate) principal: String,
    pub(crate) event: Event,
    pub(crate) next: Place,
}

/// A place in what a source tells: the page that has the entry, and how many of it come before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    #[serde(rename = "t")]
    pub(crate) page_token: String,
    #[serde(rename = "s")]
    pub(crate) skip: usize,
}

/// What a source told from a place on.
#[derive(Debug)]
pub(crate) struct Told {
    /// Newest first.
    pub(crate) entries: Vec<Entry>,
    /// Where it goes on after all of them; `None` if there is nothing more.
    pub(crate) rest: Option<Place>,
}

/// Where each source goes on; one that is not in it has nothing more.
pub(crate) type Places = BTreeMap<Source, Place>;
