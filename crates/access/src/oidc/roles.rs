//! What the groups of an identity provider give.

use std::{collections::BTreeMap, str::FromStr};

use herdbook_rpc::Role;

use crate::DEFAULT_WORKSPACE;

/// A role that a group gives, written `GROUP=ROLE` or `GROUP=ROLE@WORKSPACE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRole {
    /// The group, as the provider names it.
    pub group: String,
    /// The role.
    pub role: Role,
    /// Where.
    pub workspace: String,
}

/// A text that is no role of a group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} must be GROUP=ROLE or GROUP=ROLE@WORKSPACE, with a role of viewer, contributor, approver and admin"
)]
pub struct InvalidGroupRole(String);

impl FromStr for GroupRole {
    type Err = InvalidGroupRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            // Groups may have `=` in their names, such as those of LDAP.
            let (group, gives) = text.rsplit_once('=')?;
            let (role, workspace) = gives.split_once('@').unwrap_or((gives, DEFAULT_WORKSPACE));
            let all = [Role::Viewer, Role::Contributor, Role::Approver, Role::Admin];
            let role = all.into_iter().find(|known| known.to_string() == role)?;
            (!group.is_empty() && !workspace.is_empty()).then(|| Self {
                group: group.to_owned(),
                role,
                workspace: workspace.to_owned(),
            })
        };
        read().ok_or_else(|| InvalidGroupRole(text.to_owned()))
    }
}

/// What `groups` give: the highest role in each workspace.
pub(super) fn roles_of(given: &[GroupRole], groups: &[String]) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for rule in given.iter().filter(|rule| groups.contains(&rule.group)) {
        let role = roles.entry(rule.workspace.clone()).or_insert(rule.role);
        *role = rule.role.max(*role);
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_gives_a_role_in_a_workspace() {
        let read = |text: &str| text.parse::<GroupRole>();
        let plain = read("ml=contributor").unwrap();
        assert_eq!(
            (&*plain.workspace, plain.role),
            ("default", Role::Contributor)
        );
        let ldap = read("cn=risk,dc=bank=approver@risk-ml").unwrap();
        assert_eq!(
            (&*ldap.group, &*ldap.workspace),
            ("cn=risk,dc=bank", "risk-ml")
        );
        for wrong in ["ml", "ml=owner", "=admin", "ml=admin@", "ml=Admin"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_several_groups_the_highest_role_counts() {
        let given: Vec<GroupRole> = ["a=viewer", "b=approver", "c=admin@x"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let groups = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let roles = roles_of(&given, &groups(&["b", "a", "z"]));
        assert_eq!(
            roles,
            BTreeMap::from([("default".to_owned(), Role::Approver)])
        );
        assert!(roles_of(&given, &[]).is_empty());
    }
}
