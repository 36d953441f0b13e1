//! Edges: how one thing came from another.

/// How the target came from the source. The numbers are those of the contract and of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub(crate) enum EdgeType {
    /// The target is an activity that used the source.
    Used = 1,
    /// The source is an activity that generated the target.
    Generated = 2,
    /// The target was derived from the source.
    DerivedFrom = 3,
    /// The source is part of the target, or the parent of the target run.
    PartOf = 4,
}

impl EdgeType {
    /// The type of this number.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::Used),
            2 => Some(Self::Generated),
            3 => Some(Self::DerivedFrom),
            4 => Some(Self::PartOf),
            _ => None,
        }
    }

    /// Its number.
    pub(crate) fn number(self) -> i16 {
        self as i16
    }

    /// How one says it, from the source to the target.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Used => "used by",
            Self::Generated => "generated",
            Self::DerivedFrom => "became",
            Self::PartOf => "part of",
        }
    }

    /// The type of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Used, Self::Generated, Self::DerivedFrom, Self::PartOf];
        all.into_iter().find(|edge_type| edge_type.name() == name)
    }

    /// Its name in canonical texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Used => "USED",
            Self::Generated => "GENERATED",
            Self::DerivedFrom => "DERIVED_FROM",
            Self::PartOf => "PART_OF",
        }
    }
}

/// The target came from the source. `N` is how the ends are named: by key, by id, or by the place in
/// a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Edge<N> {
    pub(crate) source: N,
    pub(crate) target: N,
    pub(crate) edge_type: EdgeType,
    pub(crate) label: String,
}
