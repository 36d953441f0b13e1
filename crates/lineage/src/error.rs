//! What a caller of the lineage service can act on.

use herdbook_core::{Code, Details, ServiceError};
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

use crate::node::NodeKey;

/// Why a call of the lineage service failed.
#[derive(Debug, thiserror::Error)]
pub enum LineageError {
    /// Fields of the request are wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// Nothing is recorded under the reference.
    #[error("nothing is recorded as {reference}{}", suggest(.near))]
    NodeNotFound {
        /// The reference as written.
        reference: String,
        /// References that are recorded and look alike.
        near: Vec<String>,
    },
    /// An edge would close a cycle.
    #[error(
        "these edges would close a cycle, in which each came from the next: {0}; nothing was recorded"
    )]
    Cycle(String),
    /// The answer has more nodes than a message can carry.
    #[error("the answer has more than {0} nodes; ask with a smaller depth, or for fewer kinds")]
    TooLarge(usize),
    /// As many large answers are being given as may be at a time.
    #[error("{0} walks are being answered already; try again in a moment")]
    TooManyWalks(usize),
    /// Nobody took the next part of an answer.
    #[error("the answer was not read for {0} seconds; ask again, and read the parts as they come")]
    NotRead(u64),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn suggest(near: &[String]) -> String {
    if near.is_empty() {
        return "; check the kind and the name (kind:name or kind:name@version)".to_owned();
    }
    format!("; did you mean {}?", near.join(", "))
}

/// A cycle as people read it.
pub(crate) fn show_cycle(cycle: &[NodeKey]) -> String {
    /// More than one reads; errors travel in HTTP headers.
    const SHOWN: usize = 12;
    let mut names: Vec<_> = cycle.iter().take(SHOWN).map(NodeKey::brief).collect();
    if cycle.len() > SHOWN {
        names.push(format!("({} more)", cycle.len() - SHOWN));
    }
    names.extend(cycle.first().map(NodeKey::brief));
    names.join(" -> ")
}

impl From<sqlx::Error> for LineageError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl ServiceError for LineageError {
    fn code(&self) -> Code {
        match self {
            Self::Invalid(error) => error.code(),
            Self::NodeNotFound { .. } => Code::NotFound,
            Self::Cycle(_) => Code::FailedPrecondition,
            Self::TooLarge(_) => Code::ResourceExhausted,
            Self::TooManyWalks(_) => Code::Unavailable,
            Self::NotRead(_) => Code::Aborted,
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::NodeNotFound { .. } => "NODE_NOT_FOUND",
            Self::Cycle(_) => "CYCLE",
            Self::TooLarge(_) => "ANSWER_TOO_LARGE",
            Self::TooManyWalks(_) => "TOO_MANY_WALKS",
            Self::NotRead(_) => "NOT_READ",
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Invalid(error) => error.details(),
            Self::NodeNotFound { reference, .. } => Details::resource("node", reference),
            Self::Cycle(cycle) => Details {
                metadata: vec![("cycle", cycle.clone())],
                ..Details::default()
            },
            Self::TooLarge(_) | Self::TooManyWalks(_) | Self::NotRead(_) => Details::default(),
            Self::Database(error) => error.details(),
        }
    }
}
