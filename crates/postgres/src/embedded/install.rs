//! Where the programs of Postgres are on this machine.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use super::EmbeddedError;

/// Folders below which packages put a folder a major version.
const VERSIONED: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr/local/lib/postgresql", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "bin"),
];
/// The oldest major version that Herdbook's SQL runs on.
const OLDEST_MAJOR: u32 = 14;

/// The programs of one version of Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Major version.
    pub major: u32,
    /// Folder of `postgres` and `initdb`.
    pub bin: PathBuf,
}

impl Installation {
    /// The one to use: the newest, or the one of `major` for data that is there already.
    pub fn find(major: Option<u32>, data_dir: &Path) -> Result<Self, EmbeddedError> {
        let found = all();
        let Some((newest, bin)) = found.last_key_value() else {
            return Err(EmbeddedError::NotInstalled);
        };
        let Some(wanted) = major else {
            return Ok(Self {
                major: *newest,
                bin: bin.clone(),
            });
        };
        match found.get(&wanted) {
            Some(bin) => Ok(Self {
                major: wanted,
                bin: bin.clone(),
            }),
            None => Err(EmbeddedError::OtherMajor {
                data_dir: data_dir.to_owned(),
                wanted,
                installed: found
                    .keys()
                    .map(u32::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// The path of one of its programs.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// Every usable version by its number. `HERDBOOK_POSTGRES_BIN`, if set, is the only place looked at.
fn all() -> BTreeMap<u32, PathBuf> {
    let folders = match env::var_os("HERDBOOK_POSTGRES_BIN") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let path = env::var_os("PATH").unwrap_or_default();
            let versioned = VERSIONED.iter().flat_map(|(root, bin)| children(root, bin));
            env::split_paths(&path).chain(versioned).collect()
        }
    };
    let usable = |folder: PathBuf| Some((major_of(&folder)?, folder));
    folders
        .into_iter()
        .filter_map(usable)
        .filter(|(major, _)| *major >= OLDEST_MAJOR)
        .collect()
}

fn children(root: &str, bin: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut folders: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path().join(bin))
        .collect();
    folders.sort();
    folders
}

/// The major version of the server in `folder`, if there is a whole one.
fn major_of(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let server = folder.join("postgres").canonicalize().ok()?;
    let output = Command::new(server).arg("--version").output().ok()?;
    parse_major(OsStr::to_str(
        String::from_utf8_lossy(&output.stdout).as_ref().as_ref(),
    )?)
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`.
fn parse_major(text: &str) -> Option<u32> {
    let version = text.split("(PostgreSQL)").nth(1)?.trim_start();
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::parse_major;

    #[test]
    fn reads_the_version_line_of_packages_and_betas() {
        assert_eq!(
            parse_major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(parse_major("mysqld  Ver 8.0"), None);
    }
}
