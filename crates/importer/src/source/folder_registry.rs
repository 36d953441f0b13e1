//! Registered models of a folder: `models/<name>/meta.yaml`, `version-<n>/meta.yaml`, `tags/` and `aliases/`.

use std::{collections::BTreeMap, path::Path};

use super::{
    folder::{folders, meta, pairs},
    json::{integer, text},
};
use crate::{
    ImportError,
    record::{Model, Version},
};

/// The model whose folder it is.
pub(super) fn read_model(folder: &Path) -> Result<Model, ImportError> {
    let of_model = meta(folder)?;
    let mut versions = BTreeMap::new();
    for folder in folders(folder)? {
        let is_version = folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("version-"));
        if is_version {
            let of_version = meta(&folder)?;
            let number = integer(&of_version, "version").unwrap_or_default();
            let version = Version {
                description: text(&of_version, "description"),
                created: integer(&of_version, "creation_timestamp"),
                user: text(&of_version, "user_id"),
                stage: text(&of_version, "current_stage"),
                source: text(&of_version, "source"),
                storage: text(&of_version, "storage_location"),
                run: text(&of_version, "run_id"),
                tags: pairs(&folder.join("tags"))?,
            };
            if version.stage != "Deleted_Internal" {
                versions.insert(number, version);
            }
        }
    }
    let aliases = pairs(&folder.join("aliases"))?
        .into_iter()
        .filter_map(|(alias, number)| Some((alias, number.trim().parse().ok()?)))
        .collect();
    Ok(Model {
        name: text(&of_model, "name"),
        description: text(&of_model, "description"),
        created: integer(&of_model, "creation_timestamp"),
        tags: pairs(&folder.join("tags"))?,
        aliases,
        versions,
    })
}
