//! Data that a run names.

use herdbook_proto::{
    lineage::v1::Edge,
    tracking::v1::{Dataset, DatasetInput},
};

use super::derived;

/// Names of params, and what the data was for. Of the first the second was made, by `preprocessing`.
const SOURCE: (&str, &str) = ("source_data", "source");
const TRAINING: (&str, &str) = ("training_data", "training");
const PREPROCESSING: &str = "preprocessing";

/// The data sets that are named, and which were made of which.
pub(super) fn read<'a>(param: impl Fn(&str) -> Option<&'a str>) -> (Vec<DatasetInput>, Vec<Edge>) {
    let named = |(name, context): (&str, &str)| {
        let text = param(name).unwrap_or_default();
        let each = each(text).into_iter();
        each.filter_map(|text| dataset(&text))
            .map(|dataset| DatasetInput {
                dataset: Some(dataset),
                context: context.to_owned(),
                ..Default::default()
            })
            .collect::<Vec<_>>()
    };
    let (sources, training) = (named(SOURCE), named(TRAINING));
    let how = param(PREPROCESSING).unwrap_or("preprocessing");
    let name = |input: &DatasetInput| {
        let dataset = input.dataset.as_ref();
        dataset
            .map(|dataset| dataset.name.clone())
            .unwrap_or_default()
    };
    let pairs = training.iter().flat_map(|made| {
        let of = sources.iter().map(&name);
        of.map(|of| (of, name(made))).collect::<Vec<_>>()
    });
    let derivations = pairs
        .filter(|(of, made)| of != made)
        .map(|(of, made)| derived(&of, &made, how))
        .collect();
    // Where the data that was trained on is named, what that was made of was not read by the run itself.
    let read = match training.is_empty() {
        true => sources,
        false => training,
    };
    (read, derivations)
}

/// One name, or those of a list of JSON.
fn each(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()])
}

/// A data set: a name or an address, with its digest or version behind an `@`, if it has one there.
fn dataset(text: &str) -> Option<Dataset> {
    let text = text.trim();
    let (name, digest) = match text.rsplit_once('@') {
        // Not the user in an address.
        Some((name, digest)) if !name.is_empty() && !digest.contains('/') => (name, digest),
        _ => (text, ""),
    };
    if name.is_empty() || name.chars().any(char::is_control) {
        return None;
    }
    let scheme = name.split_once("://").map(|(scheme, _)| scheme);
    Some(Dataset {
        name: name.to_owned(),
        digest: digest.to_owned(),
        uri: scheme.map(|_| name.to_owned()).unwrap_or_default(),
        source_type: scheme.unwrap_or_default().to_owned(),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(params: &[(&str, &'static str)]) -> (Vec<DatasetInput>, Vec<Edge>) {
        read(|name| {
            let mut all = params.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        })
    }

    fn names(inputs: &[DatasetInput]) -> Vec<(String, String)> {
        let name = |input: &DatasetInput| {
            (
                input.dataset.as_ref().unwrap().name.clone(),
                input.context.clone(),
            )
        };
        inputs.iter().map(name).collect()
    }

    #[test]
    fn training_data_is_read_and_descends_from_its_sources() {
        let (inputs, derivations) = read_all(&[
            ("source_data", r#"["s3://lake/raw", "clicks"]"#),
            ("training_data", "clean_v2"),
            ("preprocessing", "standardise"),
        ]);
        assert_eq!(names(&inputs), [("clean_v2".into(), "training".into())]);
        let ends: Vec<_> = derivations
            .iter()
            .map(|edge| {
                (
                    edge.source.as_ref().unwrap().name.as_str(),
                    edge.target.as_ref().unwrap().name.as_str(),
                    edge.label.as_str(),
                )
            })
            .collect();
        assert_eq!(
            ends,
            [
                ("s3://lake/raw", "clean_v2", "standardise"),
                ("clicks", "clean_v2", "standardise")
            ]
        );
    }

    #[test]
    fn sources_alone_are_read_by_the_run() {
        let (inputs, derivations) = read_all(&[("source_data", "raw.csv@sha256:ab")]);
        assert_eq!(names(&inputs), [("raw.csv".into(), "source".into())]);
        assert_eq!(inputs[0].dataset.as_ref().unwrap().digest, "sha256:ab");
        assert!(derivations.is_empty());
    }

    #[test]
    fn addresses_are_kept_whole() {
        let found = dataset("postgres://ana@host/table").unwrap();
        assert_eq!(found.name, "postgres://ana@host/table");
        assert_eq!(
            (found.source_type.as_str(), found.digest.as_str()),
            ("postgres", "")
        );
        assert_eq!(dataset("s3://b/k@v3").unwrap().digest, "v3");
        assert_eq!(dataset("  "), None);
    }
}
