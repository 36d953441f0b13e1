//! Whom Postgres runs as: it refuses root, so that as root an account without rights is used.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
};

use tokio::process::Command;

use super::{EmbeddedError, unusable};

/// Accounts that may own the cluster when Herdbook runs as root, the best first.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The account that owns the cluster and runs the server.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// User and group to change to; `None` to stay who we are.
    ids: Option<(u32, u32)>,
}

impl Owner {
    /// Ourselves, or as root the first of the accounts that exists.
    pub fn find() -> Result<Self, EmbeddedError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { ids: None });
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = ACCOUNTS.iter().find_map(|name| ids_of(&accounts, name));
        ids.map(|ids| Self { ids: Some(ids) })
            .ok_or(EmbeddedError::NoAccount)
    }

    /// Makes `command` run as this account, in a process group of its own: a Ctrl-C in the terminal
    /// is for Herdbook, which stops Postgres when it no longer needs it.
    pub fn apply(self, command: &mut std::process::Command) {
        command.process_group(0);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
    }

    /// Makes the folder `path`, open to this account alone.
    pub fn make_folder(self, path: &Path) -> Result<(), EmbeddedError> {
        let make = || {
            fs::create_dir_all(path)?;
            if let Some((user, group)) = self.ids {
                chown(path, Some(user), Some(group))?;
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        };
        make().map_err(|error| unusable(path, "it cannot be made", &error))
    }

    /// Checks that this account can reach `path`; as root its parents may be closed to it.
    pub(super) async fn check_reach(self, path: &Path) -> Result<(), EmbeddedError> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "cd \"$1\"", "sh"])
            .arg(path)
            .current_dir("/");
        self.apply(command.as_std_mut());
        let output = command.output().await;
        if output.is_ok_and(|output| output.status.success()) {
            return Ok(());
        }
        Err(EmbeddedError::DataDir {
            path: path.to_owned(),
            reason:
                "the account that runs PostgreSQL (it refuses to run as root) cannot enter it or a \
                     folder above it; choose one outside /root with --data-dir, such as \
                     /var/lib/herdbook"
                    .to_owned(),
        })
    }
}

/// User and group of `name` in the text of `/etc/passwd`.
fn ids_of(accounts: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = accounts
        .lines()
        .map(|line| line.split(':'))
        .find(|line| line.clone().next() == Some(name))?;
    Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::ids_of;

    #[test]
    fn finds_an_account_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:\npostgres:x:105:112::/:\n";
        assert_eq!(ids_of(accounts, "postgres"), Some((105, 112)));
        assert_eq!(ids_of(accounts, "nobody"), None);
    }
}
