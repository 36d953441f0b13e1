//! Typed ids: a function that wants a run cannot be handed an experiment.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {kind} id: expected {expected}")]
pub struct InvalidId {
    /// The kind with its article, such as `a run`.
    pub kind: &'static str,
    /// The text that was given.
    pub value: String,
    /// What an id of this kind looks like.
    pub expected: &'static str,
}

/// A UUIDv7 printed as a prefix and 32 lowercase hex digits; `8-4-4-4-12` is accepted too.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than all this process made before.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id as the database holds it.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let digits = text.strip_prefix($prefix);
                let uuid = digits.and_then(|digits| Uuid::try_parse(digits).ok());
                uuid.map(Self).ok_or_else(|| InvalidId {
                    kind: $kind,
                    value: text.chars().take(64).collect(),
                    expected: $expected,
                })
            }
        }
    };
}

uuid_id!(
    /// A run.
    RunId,
    "a run",
    "",
    "32 hexadecimal digits"
);
uuid_id!(
    /// A model as a run made it.
    LoggedModelId,
    "a logged model",
    "m-",
    "m- and 32 hexadecimal digits"
);
uuid_id!(
    /// An upload of a file in parts.
    UploadId,
    "an upload",
    "",
    "32 hexadecimal digits"
);
uuid_id!(
    /// A person or a service account.
    PrincipalId,
    "a principal",
    "",
    "32 hexadecimal digits"
);

/// A number counted up from zero.
macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident, $int:ty, $kind:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().ok().filter(|number| *number >= 0).map(Self).ok_or_else(|| InvalidId {
                    kind: $kind,
                    value: text.chars().take(64).collect(),
                    expected: "a number from 0",
                })
            }
        }
    };
}

numeric_id!(
    /// An experiment, counted per workspace; 0 is `Default`.
    ExperimentId,
    i64,
    "an experiment"
);
numeric_id!(
    /// A workspace as the database names it; people and requests use its name.
    WorkspaceId,
    i32,
    "a workspace"
);
