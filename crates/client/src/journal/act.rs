//! What can be asked of a run, as it stands in a journal.

use std::path::PathBuf;

use herdbook_proto::tracking::v1::{
    ArtifactHeader, CreateRunRequest, LogBatchRequest, Run, RunStatus, UpdateRunRequest,
};

/// A record of a journal.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Entry {
    #[prost(oneof = "Act", tags = "1, 2, 3, 4")]
    pub(crate) act: Option<Act>,
}

/// Something that is asked of a run.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Act {
    /// To be there.
    #[prost(message, tag = "1")]
    Start(Start),
    /// To take params, tags and inputs.
    #[prost(message, tag = "2")]
    Log(LogBatchRequest),
    /// To take a file.
    #[prost(message, tag = "3")]
    Upload(Upload),
    /// To change.
    #[prost(message, tag = "4")]
    Update(UpdateRunRequest),
}

impl Act {
    /// What it is, for a message.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "the run was not made",
            Self::Log(_) => "params or tags were not taken",
            Self::Upload(_) => "a file was not taken",
            Self::Update(_) => "the status was not taken",
        }
    }

    /// Whether it ends the run.
    pub(crate) fn ends(&self) -> bool {
        let Self::Update(request) = self else {
            return false;
        };
        let status = request.run.as_ref().map(Run::status);
        matches!(
            status,
            Some(RunStatus::Finished | RunStatus::Failed | RunStatus::Killed)
        )
    }
}

/// A run that begins, under an id that the client chose.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Start {
    /// Name of the experiment, made if there is none; the one that the request numbers if empty.
    #[prost(string, tag = "1")]
    pub(crate) experiment: String,
    #[prost(message, required, tag = "2")]
    pub(crate) request: CreateRunRequest,
    /// Whether another process begins and ends it.
    #[prost(bool, tag = "3")]
    pub(crate) joined: bool,
}

/// A file on its way to a run.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Upload {
    /// Where its bytes are.
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    /// Whether those are a copy, to be deleted once they are sent.
    #[prost(bool, tag = "2")]
    pub(crate) copied: bool,
    /// What the server is told first.
    #[prost(message, required, tag = "3")]
    pub(crate) header: ArtifactHeader,
}

impl Upload {
    /// The copy, if there is one.
    pub(crate) fn copy(&self) -> Option<PathBuf> {
        self.copied.then(|| PathBuf::from(&self.from))
    }
}
