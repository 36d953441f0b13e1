//! Files of runs and logged models.

use std::collections::HashMap;

use super::Import;
use crate::{
    ImportError,
    destination::{Owner, concerns_the_record},
    files::Files,
    ledger::Kind,
};

impl Import<'_> {
    /// Brings the files at an artifact URI that are not here in the same size; how many there were. An upload is there
    /// whole or not at all, so that the size tells.
    pub(super) async fn bring_files(
        &self,
        owner: Owner<'_>,
        uri: &str,
        is_new: bool,
    ) -> Result<u64, ImportError> {
        let (Owner::Run(id) | Owner::LoggedModel(id)) = owner;
        if !self.options.artifacts {
            return Ok(0);
        }
        let files = self.source.files(uri);
        if let Files::Elsewhere(reason) = &files {
            self.ledger.stays("artifacts", id, reason);
            return Ok(0);
        }
        let listed = match files.list().await {
            Ok(listed) => listed,
            Err(error) => {
                self.ledger.left("artifacts", id, error.to_string());
                return Ok(0);
            }
        };
        let here: HashMap<String, i64> = match is_new || listed.is_empty() {
            true => HashMap::new(),
            false => {
                let files = self.to.files(owner).await?.into_iter();
                files.map(|file| (file.path, file.size)).collect()
            }
        };
        let mut brought = 0;
        for file in listed {
            match here.get(&file.path) {
                Some(size) if *size == file.size => continue,
                Some(_) => {
                    let path = format!("{id}/{}", file.path);
                    let reason = "another file is here by this path, which stays";
                    self.ledger.left("files", path, reason);
                    continue;
                }
                None => {}
            }
            let uploaded = match files.read(&file.path).await {
                Ok(pieces) => self.to.upload(owner, &file.path, file.size, pieces).await,
                Err(error) => Err(error),
            };
            match uploaded {
                Ok(()) => {
                    brought += 1;
                    self.ledger.brought(Kind::File, 1);
                    let bytes = u64::try_from(file.size).unwrap_or_default();
                    self.ledger.brought(Kind::Byte, bytes);
                }
                Err(ImportError::Destination(status)) if !concerns_the_record(&status) => {
                    return Err(ImportError::Destination(status));
                }
                Err(error) => {
                    self.ledger
                        .left("files", format!("{id}/{}", file.path), error.to_string());
                }
            }
        }
        Ok(brought)
    }
}
