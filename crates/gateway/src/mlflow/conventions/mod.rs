//! What params and tags of a run say about where it came from, by the names that people use for it: pure
//! functions, which every call goes through that logs params or tags.
//!
//! `docs/mlflow.md` lists the names. What is found is logged besides the params and tags, not in place of them.

mod data;
mod git;

use std::collections::BTreeMap;

use herdbook_core::RunId;
use herdbook_proto::{
    lineage::v1::{Edge, EdgeType, NodeKey},
    tracking::v1::{DatasetInput, Source},
};

/// The run that a run is part of.
const PARENT_TAG: &str = "mlflow.parentRunId";
const PARENT_PARAM: &str = "parent_run";
/// Who ran it.
pub(in crate::mlflow) const USER_TAG: &str = "mlflow.user";
const USER_PARAM: &str = "author";

/// What a run says of itself.
#[derive(Debug, Default, PartialEq)]
pub(in crate::mlflow) struct Origins {
    /// The data it read.
    pub(in crate::mlflow) inputs: Vec<DatasetInput>,
    /// Which of these data were made of which others, and how.
    pub(in crate::mlflow) derivations: Vec<Edge>,
    /// The code it ran, as far as it is told.
    pub(in crate::mlflow) source: Option<Source>,
    /// The run it is part of.
    pub(in crate::mlflow) parent_run_id: String,
    /// Registered versions it started from, as `model/number`.
    pub(in crate::mlflow) based_on: Vec<String>,
    /// Who ran it.
    pub(in crate::mlflow) user: String,
}

/// Reads params and tags that a run has, or is about to have.
pub(in crate::mlflow) fn read(
    params: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Origins {
    let param = |name: &str| {
        params
            .get(name)
            .or_else(|| tags.get(name))
            .map(String::as_str)
    };
    let (inputs, derivations) = data::read(param);
    let parent = tags.get(PARENT_TAG).map(String::as_str);
    let parent = parent.or_else(|| param(PARENT_PARAM)).unwrap_or_default();
    let user = tags.get(USER_TAG).map(String::as_str);
    let mut origins = Origins {
        inputs,
        derivations,
        source: git::read(param, tags),
        // Who is named as its author counts before whose machine it ran on.
        user: param(USER_PARAM).or(user).unwrap_or_default().to_owned(),
        ..Origins::default()
    };
    match (run(parent), version(parent)) {
        (Some(run), _) => origins.parent_run_id = run,
        (None, Some(version)) => origins.based_on.push(version),
        (None, None) => {}
    }
    origins
}

/// The id of a run, alone or as `runs:/<id>/…`.
fn run(text: &str) -> Option<String> {
    let text = text.strip_prefix("runs:/").unwrap_or(text);
    let id = text.split('/').next().unwrap_or_default();
    id.parse::<RunId>().ok().map(|run| run.to_string())
}

/// A registered version, as `model/3` or `models:/model/3`.
fn version(text: &str) -> Option<String> {
    let text = text.strip_prefix("models:/").unwrap_or(text);
    let (model, number) = text.rsplit_once('/')?;
    let fits = !model.is_empty() && !model.contains(['/', '@', ':']);
    let number: u32 = number.parse().ok()?;
    (fits && number > 0).then(|| format!("{model}/{number}"))
}

/// That the data set `target` was made of `source`.
fn derived(source: &str, target: &str, how: &str) -> Edge {
    let dataset = |name: &str| NodeKey {
        kind: "dataset".to_owned(),
        name: name.to_owned(),
        version: String::new(),
    };
    Edge {
        source: Some(dataset(source)),
        target: Some(dataset(target)),
        r#type: EdgeType::DerivedFrom.into(),
        label: how.to_owned(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    #[test]
    fn a_run_that_says_nothing_has_no_origins() {
        let origins = read(&pairs(&[("lr", "0.1")]), &pairs(&[("team", "risk")]));
        assert_eq!(origins, Origins::default());
    }

    #[test]
    fn parents_are_runs_or_versions() {
        let id = "01a20dcd6a0c708db87dc352c42b7e2d";
        for said in [id.to_owned(), format!("runs:/{id}/model")] {
            let origins = read(&pairs(&[("parent_run", &said)]), &BTreeMap::new());
            assert_eq!(origins.parent_run_id, id);
        }
        for said in ["fraud/3", "models:/fraud/3"] {
            let origins = read(&pairs(&[("parent_run", said)]), &BTreeMap::new());
            assert_eq!(
                (origins.based_on, origins.parent_run_id.as_str()),
                (vec!["fraud/3".to_owned()], "")
            );
        }
        let origins = read(&pairs(&[("parent_run", "yesterday's")]), &BTreeMap::new());
        assert_eq!(origins, Origins::default());
        let both = read(
            &pairs(&[("parent_run", "fraud/3")]),
            &pairs(&[("mlflow.parentRunId", id)]),
        );
        assert_eq!(both.parent_run_id, id);
    }

    #[test]
    fn the_author_counts_before_the_user_of_the_machine() {
        let tags = pairs(&[("mlflow.user", "root")]);
        assert_eq!(read(&BTreeMap::new(), &tags).user, "root");
        assert_eq!(read(&pairs(&[("author", "ana")]), &tags).user, "ana");
    }
}
