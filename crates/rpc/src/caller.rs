//! Who calls.

use std::{fmt, sync::Arc};

use herdbook_core::{PrincipalId, WorkspaceId};
use herdbook_proto::common::v1::Role as ProtoRole;
use tonic::{Request, Status};

/// What a principal may do in a workspace; each role includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Logs, registers, records.
    Contributor,
    /// Passes rules that ask for an approver.
    Approver,
    /// Manages.
    Admin,
}

impl Role {
    /// The role of a number of the contract; `None` for the unspecified and the unknown.
    #[must_use]
    pub fn from_proto(number: i32) -> Option<Self> {
        match ProtoRole::try_from(number).ok()? {
            ProtoRole::Unspecified => None,
            ProtoRole::Viewer => Some(Self::Viewer),
            ProtoRole::Contributor => Some(Self::Contributor),
            ProtoRole::Approver => Some(Self::Approver),
            ProtoRole::Admin => Some(Self::Admin),
        }
    }

    /// The role in the contract; its number is also what the database and assertions hold.
    #[must_use]
    pub fn to_proto(self) -> ProtoRole {
        match self {
            Self::Viewer => ProtoRole::Viewer,
            Self::Contributor => ProtoRole::Contributor,
            Self::Approver => ProtoRole::Approver,
            Self::Admin => ProtoRole::Admin,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Contributor => "contributor",
            Self::Approver => "approver",
            Self::Admin => "admin",
        })
    }
}

/// Who calls, in which workspace, with which role. The authentication layer puts it into the
/// request's extensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The principal.
    pub principal: PrincipalId,
    /// The principal's name, as shown to people.
    pub name: Arc<str>,
    /// The workspace that the call goes to.
    pub workspace: WorkspaceId,
    /// The role in it.
    pub role: Role,
}

impl Caller {
    /// The caller of `request`. An error only if a service is served without the authentication
    /// layer.
    pub fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a service is served without the authentication layer");
            Status::internal("the server is not set up for this call")
        })
    }
}
