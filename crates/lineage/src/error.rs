//! What a caller of the lineage service can act on.

use herdbook_core::{Code, Details, ServiceError};
use herdbook_postgres::DatabaseError;
use herdbook_proto::InvalidRequest;

use crate::node::{NodeKey, abbreviate};

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
    /// No link names the column.
    #[error("no column {column:?} of {node} is recorded{}", name_columns(.known))]
    ColumnNotFound {
        /// The data set as written.
        node: String,
        /// The column as written.
        column: String,
        /// Columns that are recorded.
        known: Vec<String>,
    },
    /// An edge would close a cycle.
    #[error("a cycle would be closed, in which each came from the next: {0}; nothing was changed")]
    Cycle(String),
    /// A node cannot be taken back without these edges.
    #[error(
        "these edges would lose an end: {}; retract them too, or set with_edges; nothing was retracted",
        .0.join(", ")
    )]
    HasEdges(Vec<String>),
    /// The alias means another node.
    #[error(
        "{alias} means {means} already, and an alias means one node forever; merge the two nodes instead"
    )]
    AliasTaken {
        /// The alias.
        alias: String,
        /// What it means.
        means: String,
    },
    /// The alias is the key of a node.
    #[error("{0} is recorded as a node itself; merge it into the other node instead")]
    AliasIsNode(String),
    /// The workspace defines no such kind.
    #[error("{0} is no kind that this workspace defines; list them with ListKinds")]
    KindNotFound(String),
    /// Nodes of the kind are recorded.
    #[error("nodes of the kind {0} are recorded; retract them first")]
    KindInUse(String),
    /// The workspace defines as many kinds as it may.
    #[error("a workspace may define {0} kinds; delete one that is not used")]
    TooManyKinds(i64),
    /// The answer has more nodes than a message can carry.
    #[error("the answer has more than {0} nodes; ask with a smaller depth, or for fewer kinds")]
    TooLarge(usize),
    /// The facets of the answer have more bytes than are written at a time.
    #[error("the facets have {0} bytes, and at most {1} are written; ask with a smaller depth")]
    DocumentsTooLarge(i64, i64),
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

fn name_columns(known: &[String]) -> String {
    if known.is_empty() {
        return "; nothing is recorded of its columns".to_owned();
    }
    let known: Vec<_> = known.iter().map(|column| abbreviate(column)).collect();
    format!("; recorded are {}", known.join(", "))
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

impl LineageError {
    /// No node has this key.
    pub(crate) fn nothing_recorded(key: &NodeKey) -> Self {
        Self::NodeNotFound {
            reference: key.brief(),
            near: Vec::new(),
        }
    }
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
            Self::NodeNotFound { .. } | Self::ColumnNotFound { .. } | Self::KindNotFound(_) => {
                Code::NotFound
            }
            Self::Cycle(_) | Self::HasEdges(_) | Self::AliasIsNode(_) | Self::KindInUse(_) => {
                Code::FailedPrecondition
            }
            Self::TooManyKinds(_) => Code::ResourceExhausted,
            Self::AliasTaken { .. } => Code::AlreadyExists,
            Self::TooLarge(_) | Self::DocumentsTooLarge(..) => Code::ResourceExhausted,
            Self::TooManyWalks(_) => Code::Unavailable,
            Self::NotRead(_) => Code::Aborted,
            Self::Database(error) => error.code(),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::NodeNotFound { .. } => "NODE_NOT_FOUND",
            Self::ColumnNotFound { .. } => "COLUMN_NOT_FOUND",
            Self::Cycle(_) => "CYCLE",
            Self::HasEdges(_) => "HAS_EDGES",
            Self::AliasTaken { .. } => "ALIAS_TAKEN",
            Self::AliasIsNode(_) => "ALIAS_IS_NODE",
            Self::KindNotFound(_) => "KIND_NOT_FOUND",
            Self::KindInUse(_) => "KIND_IN_USE",
            Self::TooManyKinds(_) => "TOO_MANY_KINDS",
            Self::TooLarge(_) | Self::DocumentsTooLarge(..) => "ANSWER_TOO_LARGE",
            Self::TooManyWalks(_) => "TOO_MANY_WALKS",
            Self::NotRead(_) => "NOT_READ",
            Self::Database(error) => error.reason(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::Invalid(error) => error.details(),
            Self::NodeNotFound { reference, near } => Details {
                metadata: match near.as_slice() {
                    [] => Vec::new(),
                    near => vec![("near", near.join("\n"))],
                },
                ..Details::resource("node", reference)
            },
            Self::ColumnNotFound { node, column, .. } => {
                Details::resource("column", format!("{node}#{column}"))
            }
            Self::Cycle(cycle) => Details {
                metadata: vec![("cycle", cycle.clone())],
                ..Details::default()
            },
            Self::AliasTaken { alias, .. } => Details::resource("alias", alias),
            Self::KindNotFound(name) | Self::KindInUse(name) => Details::resource("kind", name),
            Self::TooManyKinds(_)
            | Self::HasEdges(_)
            | Self::AliasIsNode(_)
            | Self::TooLarge(_)
            | Self::DocumentsTooLarge(..)
            | Self::TooManyWalks(_)
            | Self::NotRead(_) => Details::default(),
            Self::Database(error) => error.details(),
        }
    }
}
