//! What lineage is told of a run, through the outbox.

use herdbook_core::{LoggedModelId, RunId};
use herdbook_proto::lineage::v1::{EdgeType, NodeKey};
use herdbook_recorder::{News, key};
use serde_json::json;

use crate::{
    logged_model::LoggedModel,
    run::{Environment, Input, Run, Source},
    store::artifacts::Artifact,
};

/// Everything lineage is to know of `run`: itself, and what it came from.
pub(crate) fn of_run(run: &Run) -> News {
    let mut news = of_change(run);
    let used = |news: &mut News, source: NodeKey, label: &str| {
        news.edge(source, run_key(run.id), EdgeType::Used, label);
    };
    for input in &run.inputs {
        news.node(dataset_key(input), dataset_facts(input), 0);
        used(&mut news, dataset_key(input), &input.context);
        if let Some(artifact) = named_artifact(run.id, input) {
            used(&mut news, artifact, &input.context);
        }
    }
    if let Some(source) = source_of(run) {
        let code = tell_code(&mut news, source);
        used(&mut news, code, &source.entry_point);
    }
    if let Some(environment) = &run.environment {
        let environment_key = environment_key(environment);
        news.node(environment_key.clone(), environment_facts(environment), 0);
        used(&mut news, environment_key, "environment");
    }
    let bases = run.based_on.iter().filter_map(|base| base.rsplit_once('/'));
    for (model, number) in bases {
        used(&mut news, key("model_version", model, number), "based-on");
    }
    if let Some(parent) = run.parent {
        news.edge(run_key(parent), run_key(run.id), EdgeType::PartOf, "parent");
    }
    if let Some(fork) = run.forked_from {
        let origin = run_key(fork.run);
        news.edge(origin, run_key(run.id), EdgeType::DerivedFrom, "fork");
    }
    news
}

/// The run's own node alone, when nothing else of it changed.
pub(crate) fn of_change(run: &Run) -> News {
    let ended_at = run.ended_at.map(|time| time.to_rfc3339());
    let mut facts = vec![
        ("name", run.name.clone()),
        ("experiment", run.experiment.to_string()),
        ("user", run.user.clone()),
        ("status", run.status.name().to_owned()),
        ("started_at", run.started_at.to_rfc3339()),
        // Told where there is none too: a run may be taken up again.
        ("ended_at", ended_at.unwrap_or_default()),
        ("params", json!(run.params).to_string()),
    ];
    // How the code was run belongs to the run: others run the same commit in other ways.
    if let Some(source) = &run.source {
        facts.extend([
            ("entry_point", source.entry_point.clone()),
            ("command", json!(source.command).to_string()),
            ("branch", source.branch.clone()),
            ("dirty", source.dirty.to_string()),
            ("diff_digest", source.diff_digest.clone()),
        ]);
    }
    let mut news = News::default();
    news.node(run_key(run.id), facts, run.revision);
    news
}

/// A file that `run` left.
pub(crate) fn of_artifact(run: RunId, artifact: &Artifact) -> News {
    let key = artifact_key(run, &artifact.path, &artifact.blob.digest.to_string());
    let facts = [
        ("path", artifact.path.clone()),
        ("size", artifact.blob.size.to_string()),
    ];
    let mut news = News::default();
    news.node(key.clone(), facts, 0);
    news.edge(run_key(run), key, EdgeType::Generated, &artifact.path);
    news
}

/// A model that was made, and the run that made it.
pub(crate) fn of_logged_model(model: &LoggedModel) -> News {
    let facts = [
        ("name", model.name.clone()),
        ("type", model.kind.clone()),
        ("experiment", model.experiment.to_string()),
    ];
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let mut news = News::default();
    news.node(model_key(model.id), given, 1);
    if let Some(run) = model.source_run {
        let (run, made) = (run_key(run), model_key(model.id));
        news.edge(run, made, EdgeType::Generated, &model.name);
    }
    news
}

/// That a run made a model, or used it.
pub(crate) fn of_run_model(run: RunId, model: LoggedModelId, made: bool) -> News {
    let (run, model) = (run_key(run), model_key(model));
    let mut news = News::default();
    match made {
        true => news.edge(run, model, EdgeType::Generated, "logged model"),
        false => news.edge(model, run, EdgeType::Used, "logged model"),
    }
    news
}

/// An artifact belongs to the run that left it: two runs may leave the same bytes, and one may leave what
/// it read, which would be a cycle if the bytes alone were the thing.
fn artifact_key(run: RunId, path: &str, digest: &str) -> NodeKey {
    key("artifact", &format!("{run}/{path}"), digest)
}

/// The artifact of another run that an input names, as `runs:/<id>/<path>` with its digest.
fn named_artifact(reader: RunId, input: &Input) -> Option<NodeKey> {
    let (run, path) = input.uri.strip_prefix("runs:/")?.split_once('/')?;
    let run: RunId = run.parse().ok().filter(|run| *run != reader)?;
    let digest: herdbook_core::Digest = input.digest.parse().ok()?;
    Some(artifact_key(run, path, &digest.to_string()))
}

/// The code of a run, if it says of which repository.
fn source_of(run: &Run) -> Option<&Source> {
    let source = run.source.as_ref();
    source.filter(|source| !source.repository.is_empty())
}

/// Tells of the code, and of the commit that it has changes to; the key of what ran.
fn tell_code(news: &mut News, source: &Source) -> NodeKey {
    let commit = key("code", &source.repository, &source.commit);
    news.node(commit.clone(), [], 0);
    if !source.dirty {
        return commit;
    }
    let changed = key("code", &source.repository, &source.state());
    news.node(changed.clone(), [], 0);
    let label = "uncommitted changes";
    news.edge(commit, changed.clone(), EdgeType::DerivedFrom, label);
    changed
}

fn dataset_key(input: &Input) -> NodeKey {
    key("dataset", &input.name, &input.digest)
}

fn dataset_facts(input: &Input) -> impl Iterator<Item = (&'static str, String)> {
    let facts = [
        ("uri", &input.uri),
        ("source_type", &input.source_type),
        ("schema", &input.schema),
        ("profile", &input.profile),
    ];
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    given.map(|(name, value)| (name, value.clone()))
}

fn environment_key(environment: &Environment) -> NodeKey {
    let name = if environment.python_version.is_empty() {
        "platform"
    } else {
        "python"
    };
    key("environment", name, &environment.digest)
}

fn environment_facts(environment: &Environment) -> [(&'static str, String); 3] {
    [
        ("python_version", environment.python_version.clone()),
        ("platform", environment.platform.clone()),
        ("requirements", environment.requirements.join("\n")),
    ]
}

fn run_key(run: RunId) -> NodeKey {
    key("run", &run.to_string(), "")
}

fn model_key(model: LoggedModelId) -> NodeKey {
    key("logged_model", &model.to_string(), "")
}
