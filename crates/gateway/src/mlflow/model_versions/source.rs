//! Where a version comes from, as MLflow's clients say it, and where Herdbook finds its files.

use herdbook_proto::registry::v1::Version;

use super::{
    get_version,
    mlmodel::{self, Described},
    shown,
};
use crate::mlflow::{
    call::Call,
    error::{Answer, Error},
    registered_models::{get_model, is_prompt},
};

/// A source that was looked at.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// As the version keeps it.
    pub(super) source: String,
    /// Where its files are taken from, if not from there.
    pub(super) files_from: String,
    pub(super) run_id: String,
    pub(super) described: Described,
}

/// What of Herdbook a source names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// A run, and the path of its artifacts.
    Run(&'a str, &'a str),
    LoggedModel(&'a str),
    /// `name/3`, `name@alias` or `name/Production`.
    Version(&'a str),
    /// Some place else.
    Elsewhere,
}

/// What a source names.
pub(super) fn place(source: &str) -> Place<'_> {
    if let Some(rest) = source.strip_prefix("runs:/") {
        let rest = rest.trim_start_matches('/');
        let (run, path) = rest.split_once('/').unwrap_or((rest, ""));
        return Place::Run(run, path);
    }
    if let Some(rest) = source.strip_prefix("models:/") {
        let rest = rest.trim_start_matches('/');
        return match rest.starts_with("m-") && !rest.contains(['/', '@']) {
            true => Place::LoggedModel(rest),
            false => Place::Version(rest),
        };
    }
    let Some(rest) = source.strip_prefix("mlflow-artifacts:/") else {
        return Place::Elsewhere;
    };
    // A server may be named; it is taken for this one.
    let path = match rest.strip_prefix('/') {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    let parts: Vec<&str> = path.splitn(4, '/').collect();
    match parts.as_slice() {
        [_, "models", id, "artifacts"] => Place::LoggedModel(id),
        [_, run, "artifacts", path] if *run != "models" => Place::Run(run, path),
        [_, run, "artifacts"] if *run != "models" => Place::Run(run, ""),
        _ => Place::Elsewhere,
    }
}

/// Whether a source is a path of the machine at hand, which names nothing to others.
fn is_local(source: &str) -> bool {
    match source.split_once(':') {
        Some(("file", _)) => true,
        Some((scheme, _)) => scheme.len() < 2 || scheme.contains(['/', '\\']),
        None => true,
    }
}

/// Looks at the source of a new version. What names a run or a logged model must be the one that is given.
pub(super) async fn read(
    call: &Call,
    source: &str,
    run_id: Option<String>,
    model_id: Option<String>,
) -> Answer<Source> {
    let given = |id: &Option<String>| id.clone().unwrap_or_default();
    if is_local(source) {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. To use a local path as a model version source, the run_id \
             request parameter has to be specified and the local path has to be contained within the artifact \
             directory of the run specified by the run_id."
        )));
    }
    check_path(source)?;
    let place = place(source);
    if let Place::Version(reference) = place {
        return of_version(call, source, reference, run_id, model_id).await;
    }
    let (run_id, model_id) = (given(&run_id), given(&model_id));
    let wrong = |what: &str| {
        Error::invalid(format!(
            "Invalid model version source: '{source}'. The {what} request parameter must identify the resource that \
             contains the source."
        ))
    };
    let files_from = match place {
        Place::LoggedModel(id) if id != model_id => return Err(wrong("model_id")),
        Place::LoggedModel(id) => format!("models:/{id}"),
        _ if !model_id.is_empty() => format!("models:/{model_id}"),
        Place::Run(run, _) if run != run_id => return Err(wrong("run_id")),
        Place::Run(run, path) if !path.is_empty() => format!("runs:/{run}/{path}"),
        _ => String::new(),
    };
    let described = mlmodel::read(call, &files_from).await;
    Ok(Source {
        source: source.to_owned(),
        files_from: if files_from == source {
            String::new()
        } else {
            files_from
        },
        run_id,
        described,
    })
}

/// A version that is made of another: of its run and logged model.
async fn of_version(
    call: &Call,
    source: &str,
    reference: &str,
    run_id: Option<String>,
    model_id: Option<String>,
) -> Answer<Source> {
    let version = referred(call, reference).await?;
    if is_prompt(&get_model(call, &version.model).await?.tags) {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. Prompt versions cannot be used as model version sources."
        )));
    }
    let differs = |given: Option<String>, own: &str| given.is_some_and(|given| given != own);
    if differs(run_id, shown::run_id(&version)) || differs(model_id, &version.logged_model) {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. The run_id and model_id request parameters must match the \
             referenced model version."
        )));
    }
    Ok(Source {
        source: format!("models:/{}/{}", version.model, version.number),
        files_from: String::new(),
        run_id: shown::run_id(&version).to_owned(),
        described: Described {
            flavor: version.flavor,
            schema: version.schema,
        },
    })
}

/// The version of `name/3`, `name/Production`, `name/latest` or `name@alias`.
pub(super) async fn referred(call: &Call, reference: &str) -> Answer<Version> {
    let parts = reference
        .rsplit_once('@')
        .or_else(|| reference.rsplit_once('/'));
    let (name, version) = parts.ok_or_else(|| {
        Error::invalid(format!("Not a proper models:/ URI: models:/{reference}."))
    })?;
    if reference.contains('@') || version == "latest" {
        return super::resolve(call, name, version).await;
    }
    match version.parse::<i64>() {
        Ok(number) => get_version(call, name, number).await,
        Err(_) => newest_in(call, name, version).await,
    }
}

/// The newest version in a stage, whatever aliases are called like it.
async fn newest_in(call: &Call, name: &str, stage: &str) -> Answer<Version> {
    let mut stages = get_model(call, name).await?.stages.into_iter();
    let found = stages.find(|content| content.stage.eq_ignore_ascii_case(stage));
    let missing = || Error::not_found(format!("No version of {name} stands in {stage}"));
    found.and_then(|content| content.newest).ok_or_else(missing)
}

/// Refuses a path that leads out of where it begins.
fn check_path(source: &str) -> Answer<()> {
    let mut path = source.to_owned();
    loop {
        let decoded = percent_decoded(&path);
        if decoded == path {
            break;
        }
        path = decoded;
    }
    if path.split('/').any(|part| part == "..") || path.contains('\0') {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, \
             ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path \
             references present. Please provide an absolute path."
        )));
    }
    Ok(())
}

fn percent_decoded(text: &str) -> String {
    let query = format!("a={}", text.replace('&', "%26"));
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_names() {
        for (source, expected) in [
            ("runs:/abc/model/a", Place::Run("abc", "model/a")),
            ("models:/m-12", Place::LoggedModel("m-12")),
            ("models:/fraud/3", Place::Version("fraud/3")),
            ("models:/fraud@best", Place::Version("fraud@best")),
            (
                "mlflow-artifacts:/1/abc/artifacts/model/a",
                Place::Run("abc", "model/a"),
            ),
            (
                "mlflow-artifacts://host:5000/1/abc/artifacts/model",
                Place::Run("abc", "model"),
            ),
            (
                "mlflow-artifacts:/1/models/m-12/artifacts",
                Place::LoggedModel("m-12"),
            ),
            ("s3://bucket/model", Place::Elsewhere),
            ("mlflow-artifacts:/elsewhere", Place::Elsewhere),
        ] {
            assert_eq!(place(source), expected, "{source}");
        }
    }

    #[test]
    fn local_and_relative_sources_are_told_apart() {
        for local in ["/a/b", "a/b", "file:///a", "C:\\a", "./a:b"] {
            assert!(is_local(local), "{local}");
        }
        for remote in ["s3://a", "runs:/a/b", "https://a/b"] {
            assert!(!is_local(remote), "{remote}");
        }
        for bad in [
            "s3://a/../b",
            "s3://a/%2e%2e/b",
            "s3://a/%252e%252e/b",
            "s3://a/%00",
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
        assert!(check_path("s3://a/b..c?x=1&y=2").is_ok());
    }
}
