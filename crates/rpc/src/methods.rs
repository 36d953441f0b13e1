//! What the contract says of each method: the role it asks for.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use herdbook_proto::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, Value};

use crate::Role;

/// Name of the option in the contract.
const REQUIRED_ROLE: &str = "herdbook.common.v1.required_role";

/// The role each method asks for, by its path `/package.Service/Method`.
static REQUIRED: LazyLock<Arc<HashMap<String, Option<Role>>>> =
    LazyLock::new(|| Arc::new(read().unwrap_or_default()));

/// Whether `path` is a method of the contract, and the least role that may call it.
pub(crate) fn required_role(path: &str) -> Option<Option<Role>> {
    REQUIRED.get(path).copied()
}

/// Names of all services of the contract.
pub(crate) fn service_of(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split('/').next()
}

fn read() -> Option<HashMap<String, Option<Role>>> {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).ok()?;
    let option = pool.get_extension_by_name(REQUIRED_ROLE)?;
    let methods = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>());
    let role = methods.map(|method| {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let role = match &*method.options().get_extension(&option) {
            Value::EnumNumber(number) => Role::from_proto(*number),
            _ => None,
        };
        (path, role)
    });
    Some(role.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_tells_the_role_of_each_method() {
        let role = |method: &str| required_role(&format!("/herdbook.{method}"));
        assert_eq!(
            role("tracking.v1.RunService/GetRun"),
            Some(Some(Role::Viewer))
        );
        assert_eq!(
            role("tracking.v1.RunService/CreateRun"),
            Some(Some(Role::Contributor))
        );
        assert_eq!(
            role("registry.v1.RequestService/RejectRequest"),
            Some(Some(Role::Approver))
        );
        assert_eq!(
            role("access.v1.AccessService/CreateToken"),
            Some(Some(Role::Admin))
        );
        assert_eq!(role("access.v1.AccessService/GetCaller"), Some(None));
        assert_eq!(role("tracking.v1.RunService/Nothing"), None);
    }

    #[test]
    fn every_method_of_a_domain_asks_for_a_role() {
        let open: Vec<_> = REQUIRED
            .iter()
            .filter(|(path, role)| path.starts_with("/herdbook.") && role.is_none())
            .map(|(path, _)| path.rsplit('/').next().unwrap())
            .collect();
        let mut open: Vec<_> = open.into_iter().collect();
        open.sort_unstable();
        assert_eq!(open, ["CreateWorkspace", "GetCaller", "ListWorkspaces"]);
    }
}
