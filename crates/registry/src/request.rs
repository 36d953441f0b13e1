//! Moves that wait for approvals.

use chrono::{DateTime, Utc};
use herdbook_core::{Digest, PrincipalId};
use herdbook_proto::registry::v1::RequestState;

use crate::transition::Way;

/// A move that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The workspace's revision at which it was opened.
    pub(crate) id: i64,
    pub(crate) model: String,
    pub(crate) number: i64,
    pub(crate) digest: Digest,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Whether it goes back there, by the rules of a rollback.
    pub(crate) rollback: bool,
    pub(crate) comment: String,
    pub(crate) requester: PrincipalId,
    pub(crate) requested_by: String,
    pub(crate) requested_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) state: RequestState,
    pub(crate) closed_at: Option<DateTime<Utc>>,
    pub(crate) closed_by: Option<String>,
    /// Oldest first.
    pub(crate) approvals: Vec<Approval>,
}

impl Request {
    /// How the version is to come to the stage. What a rollback returns to was settled when it was asked for.
    pub(crate) fn way(&self) -> Way {
        Way::of_request(self.rollback, self.number)
    }
}

/// An approval of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    pub(crate) principal: PrincipalId,
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) at: DateTime<Utc>,
}

/// Why a request cannot be approved or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    /// It is closed.
    #[error("it is closed: {}", state_words(*.0))]
    Closed(RequestState),
    /// The version's files or its stage are not those it was opened for.
    #[error("its version is another than it was; look at it, and ask for the move anew")]
    Other,
    /// By the author.
    #[error(
        "who registered the version or asked for the move does not approve it; ask somebody else"
    )]
    Author,
    /// Twice by the same.
    #[error("you have approved it before; ask somebody else")]
    Twice,
    /// By somebody whose word no rule counts.
    #[error(
        "no rule of the move counts your approval; `herdbook models show-request` shows whose it does"
    )]
    NotAsked,
    /// Who asked has no role in the workspace any more.
    #[error(
        "who asked for the move has no role here any more; reject it, and ask for the move anew"
    )]
    RequesterGone,
    /// Withdrawn by somebody else.
    #[error("somebody else asked for it; an approver can reject it")]
    NotYours,
}

impl RequestRefused {
    /// Stable, UPPER_SNAKE.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Closed(_) => "REQUEST_CLOSED",
            Self::Other => "REQUEST_OF_ANOTHER",
            Self::Author => "APPROVED_BY_AUTHOR",
            Self::Twice => "APPROVED_TWICE",
            Self::NotAsked => "APPROVAL_NOT_ASKED",
            Self::RequesterGone => "REQUESTER_GONE",
            Self::NotYours => "REQUEST_NOT_YOURS",
        }
    }
}

fn state_words(state: RequestState) -> &'static str {
    match state {
        RequestState::Done => "its move is done",
        RequestState::Rejected => "it was rejected",
        RequestState::Withdrawn => "it was withdrawn",
        RequestState::Expired => "its time is over, ask for the move anew",
        RequestState::Outdated => "the version moved elsewhere meanwhile",
        RequestState::Open | RequestState::Unspecified => "it is open",
    }
}
