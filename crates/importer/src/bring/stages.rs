//! Where versions are to stand. MLflow lets any number of versions stand in a stage; a policy may not.

use std::collections::BTreeMap;

use herdbook_proto::registry::v1::Policy;

use crate::record::Version;

/// Where a version is to stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In this stage: its own.
    Own(String),
    /// In this stage, because its own holds no more.
    MadeWay(String),
    /// Where it starts: the policy has no stage of its name.
    Unknown(String),
}

/// Where each version is to stand, by the policy of its model: of those in a stage that holds only some, the newest
/// stay.
pub(crate) fn settle(
    versions: &BTreeMap<i64, Version>,
    policy: &Policy,
) -> BTreeMap<i64, Standing> {
    let mut standings = BTreeMap::new();
    let mut room: BTreeMap<&str, usize> = BTreeMap::new();
    let first = policy.stages.first().map(|stage| stage.name.as_str());
    for (&number, version) in versions.iter().rev() {
        let wanted = match version.stage.as_str() {
            "" => first.unwrap_or_default(),
            stage => stage,
        };
        let Some(stage) = policy.stages.iter().find(|stage| stage.name == wanted) else {
            standings.insert(number, Standing::Unknown(wanted.to_owned()));
            continue;
        };
        let holds = match (stage.holds, stage.exclusive) {
            (0, true) => 1,
            (0, false) => usize::MAX,
            (holds, _) => usize::try_from(holds).unwrap_or(usize::MAX),
        };
        let room = room.entry(&stage.name).or_insert(holds);
        let standing = match *room {
            0 => Standing::MadeWay(stage.displaced_to.clone()),
            _ => Standing::Own(stage.name.clone()),
        };
        *room = room.saturating_sub(1);
        standings.insert(number, standing);
    }
    standings
}

#[cfg(test)]
mod tests {
    use herdbook_proto::registry::v1::Stage;

    use super::*;

    fn versions(stages: &[&str]) -> BTreeMap<i64, Version> {
        let version = |stage: &&str| Version {
            description: String::new(),
            created: None,
            user: String::new(),
            stage: (*stage).to_owned(),
            source: String::new(),
            storage: String::new(),
            run: String::new(),
            tags: BTreeMap::new(),
        };
        (1..).zip(stages.iter().map(version)).collect()
    }

    fn policy() -> Policy {
        let stage = |name: &str, exclusive| Stage {
            name: name.to_owned(),
            exclusive,
            displaced_to: "Archived".to_owned(),
            ..Default::default()
        };
        Policy {
            stages: vec![
                stage("None", false),
                stage("Staging", false),
                stage("Production", true),
                stage("Archived", false),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn the_newest_stays_where_only_one_may_stand() {
        let settled = settle(
            &versions(&["Production", "Staging", "Production", "Staging"]),
            &policy(),
        );
        let own = |stage: &str| Standing::Own(stage.to_owned());
        assert_eq!(settled[&1], Standing::MadeWay("Archived".to_owned()));
        assert_eq!(settled[&2], own("Staging"));
        assert_eq!(settled[&3], own("Production"));
        assert_eq!(settled[&4], own("Staging"));
    }

    #[test]
    fn a_version_without_a_stage_stands_in_the_first() {
        let settled = settle(&versions(&["", "Canary"]), &policy());
        assert_eq!(settled[&1], Standing::Own("None".to_owned()));
        assert_eq!(settled[&2], Standing::Unknown("Canary".to_owned()));
    }
}
