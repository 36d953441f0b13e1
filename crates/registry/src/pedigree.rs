//! What lineage is told of a version, through the outbox.

use chrono::{DateTime, SecondsFormat, Utc};
use herdbook_proto::lineage::v1::{EdgeType, NodeKey};
use herdbook_recorder::{News, key};
use serde_json::{Value, json};

use crate::{store::stages::Left, version::Version};

/// A new version and what it came from.
pub(crate) fn of_version(version: &Version) -> News {
    let target = version_key(version);
    let mut news = of_change(version);
    let metrics = version.metrics.iter().map(|(key, value)| {
        // JSON has no infinities and no NaN.
        let text = || Value::from(value.to_string());
        let number = serde_json::Number::from_f64(*value).map_or_else(text, Value::from);
        (key.clone(), number)
    });
    let snapshot = [
        ("files", json!(version.files).to_string()),
        ("params", json!(version.params).to_string()),
        ("metrics", Value::Object(metrics.collect()).to_string()),
        ("source", version.source.clone()),
    ];
    news.node(target.clone(), snapshot, version.revision);
    if version.run.is_some() {
        let run = key("run", &version.run_id(), "");
        news.edge(run, target.clone(), EdgeType::Generated, &version.source);
    }
    if !version.logged_model.is_empty() {
        let model = key("logged_model", &version.logged_model, "");
        news.edge(model, target.clone(), EdgeType::DerivedFrom, "registered");
    }
    let bases = version
        .based_on
        .iter()
        .filter_map(|base| base.rsplit_once('/'));
    for (model, number) in bases {
        let base = key("model_version", model, number);
        news.edge(base, target.clone(), EdgeType::DerivedFrom, "based-on");
    }
    news
}

/// A version whose own facts changed, its stage above all.
pub(crate) fn of_change(version: &Version) -> News {
    let facts = [
        ("model", version.model.clone()),
        ("version", version.number.to_string()),
        ("label", version.label.clone()),
        ("stage", version.stage.clone()),
        ("digest", version.digest.to_string()),
        ("run_id", version.run_id()),
        ("created_by", version.created_by.clone()),
    ];
    let mut news = News::default();
    news.node(version_key(version), facts, version.revision);
    news
}

/// A version that moved: it stood in the stage `from` since `since`, and stands in another now. Each stay in
/// a stage is a deployment; none is where a version stands before it was moved, in `first`.
pub(crate) fn of_move(
    moved: &Version,
    from: &str,
    since: DateTime<Utc>,
    first: &str,
    by: &str,
) -> News {
    let mut news = of_change(moved);
    let stays = [
        (
            from,
            since,
            vec![
                ("left_at", time(moved.stage_since)),
                ("left_by", by.to_owned()),
            ],
        ),
        (
            &*moved.stage,
            moved.stage_since,
            vec![("entered_by", by.to_owned())],
        ),
    ];
    for (stage, entered, facts) in stays {
        if stage == first {
            continue;
        }
        let stay = deployment_key(moved, stage, entered);
        let all = [
            ("model", moved.model.clone()),
            ("version", moved.number.to_string()),
            ("stage", stage.to_owned()),
            ("entered_at", time(entered)),
        ];
        news.node(stay.clone(), facts.into_iter().chain(all), moved.revision);
        news.edge(version_key(moved), stay, EdgeType::Used, stage);
    }
    news
}

/// A version that was deleted by `by`; `last` is where it stood, and `first` where versions begin.
pub(crate) fn of_deletion(
    model: &str,
    last: &Left,
    first: &str,
    by: &str,
    at: DateTime<Utc>,
    revision: i64,
) -> News {
    let mut news = News::default();
    let version = number_key(model, last.number);
    let gone = [
        ("stage", String::new()),
        ("deleted_at", time(at)),
        ("deleted_by", by.to_owned()),
    ];
    news.node(version, gone, revision);
    if last.stage != first {
        let stay = stay_key(model, last.number, &last.stage, last.stage_since);
        let left = [("left_at", time(at)), ("left_by", by.to_owned())];
        news.node(stay, left, revision);
    }
    news
}

/// A version whose model was called `former` until `at`: under that name it stands nowhere any more, and what
/// it is called now descends from it.
pub(crate) fn of_rename(
    version: &Version,
    former: &str,
    first: &str,
    by: &str,
    at: DateTime<Utc>,
    revision: i64,
) -> News {
    let mut news = of_version(version);
    let before = number_key(former, version.number);
    let gone = [
        ("stage", String::new()),
        ("renamed_to", version.model.clone()),
    ];
    news.node(before.clone(), gone, revision);
    let (now, renamed) = (version_key(version), EdgeType::DerivedFrom);
    news.edge(before, now.clone(), renamed, "renamed");
    let (stage, since) = (&*version.stage, version.stage_since);
    if stage != first {
        let stay = stay_key(former, version.number, stage, since);
        let left = [("left_at", time(at)), ("left_by", by.to_owned())];
        news.node(stay, left, revision);
        let stay = deployment_key(version, stage, since);
        let facts = [
            ("model", version.model.clone()),
            ("version", version.number.to_string()),
            ("stage", stage.to_owned()),
            ("entered_at", time(since)),
            ("entered_by", by.to_owned()),
        ];
        news.node(stay.clone(), facts, revision);
        news.edge(now, stay, EdgeType::Used, stage);
    }
    news
}

/// A stay is told apart by the version and when it entered: a stage may hold many, and one may come back.
fn deployment_key(version: &Version, stage: &str, entered: DateTime<Utc>) -> NodeKey {
    stay_key(&version.model, version.number, stage, entered)
}

fn stay_key(model: &str, number: i64, stage: &str, entered: DateTime<Utc>) -> NodeKey {
    let stay = format!("{number}/{}", time(entered));
    key("deployment", &format!("{model}@{stage}"), &stay)
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn version_key(version: &Version) -> NodeKey {
    number_key(&version.model, version.number)
}

fn number_key(model: &str, number: i64) -> NodeKey {
    key("model_version", model, &number.to_string())
}
