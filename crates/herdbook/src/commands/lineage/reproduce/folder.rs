//! The folder that is written to, and nothing outside it.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// A folder for files of names that are ours.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder; refused if something is in it, unless forced.
    pub(super) fn open(path: PathBuf, force: bool) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("{}: {error}", path.display()));
        fs::create_dir_all(&path).map_err(failed)?;
        let is_empty = fs::read_dir(&path).map_err(failed)?.next().is_none();
        if !is_empty && !force {
            return Err(Failure::refused(format!(
                "{} is not empty; name another folder, or write into it with --force",
                path.display()
            )));
        }
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        self.create(name, text, 0o644)
    }

    /// Writes a file that may be run.
    pub(super) fn write_program(&self, name: &str, text: &str) -> Result<(), Failure> {
        self.create(name, text, 0o755)
    }

    /// The place of a file, with nothing there: a link to elsewhere would be written through.
    pub(super) fn clear(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.0.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(Failure::failed(format!("{}: {error}", path.display())))
            }
            _ => Ok(path),
        }
    }

    fn create(&self, name: &str, text: &str, mode: u32) -> Result<(), Failure> {
        let path = self.clear(name)?;
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_in_it_is_left_alone_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let elsewhere = place.path().join("elsewhere");
        fs::write(&elsewhere, "mine").unwrap();
        let out = place.path().join("out");
        Folder::open(out.clone(), false).unwrap();
        std::os::unix::fs::symlink(&elsewhere, out.join("manifest.json")).unwrap();
        assert!(Folder::open(out.clone(), false).is_err());
        let folder = Folder::open(out.clone(), true).unwrap();
        folder.write("manifest.json", "{}").unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine");
        assert_eq!(fs::read_to_string(out.join("manifest.json")).unwrap(), "{}");
    }
}
