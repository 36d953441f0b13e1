//! Code that a run names.

use std::collections::BTreeMap;

use herdbook_proto::tracking::v1::Source;

/// Params that name a commit; the first that is there counts, after the tag.
const COMMIT_PARAMS: [&str; 2] = ["git_commit", "code_version"];
const COMMIT_TAG: &str = "mlflow.source.git.commit";
const BRANCH_TAG: &str = "mlflow.source.git.branch";
const REPOSITORY_TAG: &str = "mlflow.source.git.repoURL";
const DIRTY_TAG: &str = "mlflow.source.git.dirty";
const DIFF_TAG: &str = "mlflow.source.git.diff";
const ENTRY_POINT_TAG: &str = "mlflow.source.name";

/// The code, as far as it is told.
pub(super) fn read<'a>(
    param: impl Fn(&str) -> Option<&'a str>,
    tags: &BTreeMap<String, String>,
) -> Option<Source> {
    let tag = |name: &str| tags.get(name).cloned().unwrap_or_default();
    let named = COMMIT_PARAMS.iter().find_map(|name| param(name));
    let commit = match tags.get(COMMIT_TAG) {
        Some(commit) => commit.clone(),
        None => named.unwrap_or_default().to_owned(),
    };
    let source = Source {
        repository: tag(REPOSITORY_TAG),
        commit,
        branch: tag(BRANCH_TAG),
        dirty: tag(DIRTY_TAG).eq_ignore_ascii_case("true") || tags.contains_key(DIFF_TAG),
        entry_point: tag(ENTRY_POINT_TAG),
        ..Default::default()
    };
    (source != Source::default()).then_some(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_counts_before_what_people_say() {
        let tags: BTreeMap<String, String> = [
            (COMMIT_TAG.to_owned(), "abc".to_owned()),
            (ENTRY_POINT_TAG.to_owned(), "train.py".to_owned()),
        ]
        .into();
        let said = |name: &str| (name == "code_version").then_some("v1.2");
        let source = read(said, &tags).unwrap();
        assert_eq!(
            (source.commit.as_str(), source.entry_point.as_str()),
            ("abc", "train.py")
        );
        let source = read(said, &BTreeMap::new()).unwrap();
        assert_eq!(source.commit, "v1.2");
        assert_eq!(read(|_| None, &BTreeMap::new()), None);
    }
}
