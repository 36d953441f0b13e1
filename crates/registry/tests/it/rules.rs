//! Rules: what each finds, and what it says.

use herdbook_proto::{
    lineage::v1::TagNodeRequest,
    registry::v1::{
        CleanLineage, CreateVersionRequest, Direction, Expression, FreezeWindow, MinimumSoak,
        NoWorse, RequiredPrincipal, Stage, TransitionVersionRequest, rule::Rule as Asks,
    },
    tracking::v1::{Dataset, DatasetInput, DeleteRunRequest, LogBatchRequest},
};
use herdbook_testkit::{
    grpc::{fields, preconditions, reason},
    wait_until,
};
use tonic::{Code, Status};

use crate::cluster::{Cluster, MODEL, by};

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn cel(expression: &str) -> Asks {
    Asks::Cel(Expression {
        expression: expression.to_owned(),
        message: "do better".to_owned(),
    })
}

/// The only rule that does not hold: its kind, and what it says.
fn failed(refused: &Status) -> (String, String) {
    let rules = preconditions(refused);
    assert_eq!(rules.len(), 1, "{refused}");
    rules.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_metric_may_not_fall_behind_what_stands_in_the_stage() {
    let cluster = Cluster::start().await;
    let no_worse = Asks::NoWorse(NoWorse {
        metric: "acc".to_owned(),
        direction: Direction::Higher.into(),
        margin: 0.05,
    });
    cluster
        .ask("Production", vec![no_worse.clone()])
        .await
        .unwrap();
    let first = cluster.register(0.9).await;
    cluster.promote(first, "Production").await.unwrap();
    let worse = cluster.register(0.8).await;
    let refused = cluster.promote(worse, "Production").await.unwrap_err();
    let (kind, what) = failed(&refused);
    assert_eq!(kind, "NO_WORSE");
    assert!(
        what.contains("acc is 0.8") && what.contains("version 1 has 0.9"),
        "{what}"
    );
    let close = cluster.register(0.86).await;
    cluster.promote(close, "Production").await.unwrap();
    let nan = cluster.register(f64::NAN).await;
    cluster.promote(nan, "Production").await.unwrap_err();

    // Without a limit there would be no end of versions to compare with.
    let refused = cluster.ask("Staging", vec![no_worse]).await.unwrap_err();
    assert_eq!(fields(&refused), ["policy.moves[1].rules[0].no_worse"]);
}

#[tokio::test]
async fn the_source_run_may_be_gone() {
    let cluster = Cluster::start().await;
    let no_worse = Asks::NoWorse(NoWorse {
        metric: "acc".to_owned(),
        direction: Direction::Higher.into(),
        margin: 0.0,
    });
    cluster.ask("Production", vec![no_worse]).await.unwrap();
    let (first, second) = (cluster.register(0.9).await, cluster.register(0.95).await);
    cluster.promote(first, "Production").await.unwrap();
    let runs = async |number: i64| {
        let version = cluster.resolve(&format!("{MODEL}/{number}")).await.unwrap();
        let request = DeleteRunRequest {
            run_id: version.run_id,
        };
        cluster.runs().delete_run(request).await.unwrap();
    };
    // That of the version which stands there: compared as registered.
    runs(first).await;
    cluster.promote(second, "Production").await.unwrap();
}

#[tokio::test]
async fn only_some_may_move() {
    let cluster = Cluster::start().await;
    let names = vec!["bo".to_owned(), "cyd".to_owned()];
    let asks = Asks::RequiredPrincipal(RequiredPrincipal { names });
    cluster.ask("Production", vec![asks]).await.unwrap();
    let number = cluster.register(0.9).await;
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    let (kind, what) = failed(&refused);
    assert_eq!(kind, "REQUIRED_PRINCIPAL");
    assert!(
        what.contains("bo or cyd") && what.contains("ana asks"),
        "{what}"
    );
    let request = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version: number,
        to: "Production".to_owned(),
        ..Default::default()
    };
    let asked = by("cyd=contributor", request);
    cluster
        .transitions()
        .transition_version(asked)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_version_has_to_stand_where_it_is_for_some_time() {
    let cluster = Cluster::start().await;
    let soak = |duration| Asks::MinimumSoak(MinimumSoak { duration });
    cluster
        .ask("Production", vec![soak(seconds(3_600))])
        .await
        .unwrap();
    let number = cluster.register(0.9).await;
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    let (kind, what) = failed(&refused);
    assert_eq!(kind, "MINIMUM_SOAK");
    assert!(
        what.contains("1 h in None") && what.contains("ask again after"),
        "{what}"
    );
    // As if it had been registered an hour ago: the database's clock alone is asked.
    sqlx::query("UPDATE registry.versions SET stage_since = stage_since - interval '1 hour'")
        .execute(cluster.database.pool())
        .await
        .unwrap();
    cluster.promote(number, "Production").await.unwrap();
    let refused = cluster
        .ask("Production", vec![soak(None)])
        .await
        .unwrap_err();
    assert_eq!(
        fields(&refused),
        ["policy.moves[2].rules[0].minimum_soak.duration"]
    );
}

#[tokio::test]
async fn nothing_moves_while_a_window_is_open() {
    let cluster = Cluster::start().await;
    let window = |cron: &str, length, zone: &str| {
        Asks::FreezeWindow(FreezeWindow {
            cron: cron.to_owned(),
            duration: length,
            time_zone: zone.to_owned(),
        })
    };
    let always = window("* * * * *", seconds(120), "Europe/Berlin");
    cluster.ask("Production", vec![always]).await.unwrap();
    let number = cluster.register(0.9).await;
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    let (kind, what) = failed(&refused);
    assert_eq!(kind, "FREEZE_WINDOW");
    assert!(what.contains("ask again after"), "{what}");
    let wrong = window("0 0 30 2 *", seconds(1), "Berlin");
    let refused = cluster.ask("Production", vec![wrong]).await.unwrap_err();
    let place = "policy.moves[2].rules[0].freeze_window";
    assert_eq!(
        fields(&refused),
        ["duration", "cron", "time_zone"].map(|field| format!("{place}.{field}"))
    );
}

#[tokio::test]
async fn expressions_see_the_facts() {
    let cluster = Cluster::start().await;
    let better = "metrics.acc > 0.8 && target.versions.all(v, v.metrics.acc < metrics.acc)";
    cluster.ask("Production", vec![cel(better)]).await.unwrap();
    let (first, second) = (cluster.register(0.9).await, cluster.register(0.85).await);
    cluster.promote(first, "Production").await.unwrap();
    let refused = cluster.promote(second, "Production").await.unwrap_err();
    let (kind, what) = failed(&refused);
    assert_eq!(kind, "EXPRESSION");
    assert!(what.contains("it is false; do better"), "{what}");
    // A key that is missing is no promotion either.
    cluster
        .ask("Production", vec![cel("metrics.nope > 0.0")])
        .await
        .unwrap();
    let refused = cluster.promote(second, "Production").await.unwrap_err();
    assert!(failed(&refused).1.contains("nope"));
}

#[tokio::test]
async fn expressions_that_cannot_be_evaluated_are_refused_with_their_place() {
    let cluster = Cluster::start().await;
    let range = "[1,2,3,4,5,6,7,8,9]";
    let loops = |inner, name| format!("{range}.all({name}, {inner})");
    let bomb = "abcde".chars().fold("true".to_owned(), loops);
    for wrong in [
        "metrcis.acc > 1.0",
        "version.number",
        "version.number >",
        &bomb,
    ] {
        let refused = cluster
            .ask("Production", vec![cel(wrong)])
            .await
            .unwrap_err();
        assert_eq!(reason(&refused).0, Code::InvalidArgument);
        assert_eq!(
            fields(&refused),
            ["policy.moves[2].rules[0].cel.expression"]
        );
    }
}

#[tokio::test]
async fn a_stage_may_hold_some_and_one_may_keep_them_for_good() {
    let cluster = Cluster::start().await;
    let mut policy = cluster.policy().await;
    policy.stages[2] = Stage {
        name: "Production".to_owned(),
        holds: 2,
        displaced_to: "Archived".to_owned(),
        ..Default::default()
    };
    policy.stages[3].terminal = true;
    let kept = cluster.set_policy(policy.clone()).await.unwrap();
    assert_eq!(kept.stages, policy.stages);
    for expected in [vec![1], vec![1, 2], vec![2, 3]] {
        let number = cluster.register(0.9).await;
        cluster.promote(number, "Production").await.unwrap();
        assert_eq!(cluster.in_stage("Production").await, expected);
    }
    let refused = cluster.promote(1, "Staging").await.unwrap_err();
    assert!(failed(&refused).1.contains("no move leads out of Archived"));
    // More stand there than it is to hold.
    policy.stages[2].holds = 0;
    policy.stages[2].exclusive = true;
    let refused = cluster.set_policy(policy.clone()).await.unwrap_err();
    assert_eq!(reason(&refused).1, "STAGE_IN_USE");
    // Who makes way makes nobody else make way.
    policy.stages[1] = Stage {
        name: "Staging".to_owned(),
        holds: 2,
        displaced_to: "Production".to_owned(),
        ..Default::default()
    };
    policy.stages[2].displaced_to = "Staging".to_owned();
    let refused = cluster.set_policy(policy).await.unwrap_err();
    let places = [1, 2].map(|stage| format!("policy.stages[{stage}].displaced_to"));
    assert_eq!(fields(&refused), places);
}

#[tokio::test]
async fn a_version_may_descend_from_nothing_that_is_tagged_or_unknown() {
    let cluster = Cluster::start().await;
    let clean = |tags: &[&str]| {
        let without_tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Asks::CleanLineage(CleanLineage {
            without_tags,
            known_depth: 0,
        })
    };
    cluster
        .ask("Production", vec![clean(&["biased"])])
        .await
        .unwrap();
    let number = cluster.register(0.9).await;
    // Until the outbox has told lineage of it, and of the run that names no data.
    wait_until("lineage to know the run", async || {
        let refused = cluster.promote(number, "Production").await.unwrap_err();
        let (kind, what) = failed(&refused);
        assert_eq!(kind, "CLEAN_LINEAGE");
        what.contains("run:").then_some(())
    })
    .await;

    let version = cluster.resolve(&format!("{MODEL}/{number}")).await.unwrap();
    let dataset = Dataset {
        name: "cards".to_owned(),
        digest: "abc".to_owned(),
        ..Default::default()
    };
    let log = LogBatchRequest {
        run_id: version.run_id,
        inputs: vec![DatasetInput {
            dataset: Some(dataset),
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.runs().log_batch(log).await.unwrap();
    let dry = TransitionVersionRequest {
        model: MODEL.to_owned(),
        version: number,
        to: "Production".to_owned(),
        dry_run: true,
        ..Default::default()
    };
    wait_until("lineage to know the data", async || {
        let decision = cluster.transition(dry.clone()).await.unwrap();
        decision.verdicts[0].passed.then_some(())
    })
    .await;
    let tag = TagNodeRequest {
        node: "dataset:cards@abc".to_owned(),
        add: vec!["biased".to_owned()],
        ..Default::default()
    };
    cluster.lineage().tag_node(tag).await.unwrap();
    let refused = cluster.promote(number, "Production").await.unwrap_err();
    let what = failed(&refused).1;
    assert!(what.contains("dataset:cards@abc is tagged so"), "{what}");
    cluster
        .ask("Production", vec![clean(&["synthetic"])])
        .await
        .unwrap();
    cluster.promote(number, "Production").await.unwrap();
    let refused = cluster
        .ask("Production", vec![clean(&[])])
        .await
        .unwrap_err();
    let place = "policy.moves[2].rules[0].clean_lineage.without_tags";
    assert_eq!(fields(&refused), [place]);
}

#[tokio::test]
async fn what_is_unknown_counts_up_to_the_depth_that_is_asked_for() {
    let cluster = Cluster::start().await;
    // Of its run no data is recorded.
    let unknown = cluster.register(0.9).await;
    let run = cluster.create_run(0.9).await;
    let dataset = Dataset {
        name: "cards".to_owned(),
        digest: "abc".to_owned(),
        ..Default::default()
    };
    let log = LogBatchRequest {
        run_id: run.clone(),
        inputs: vec![DatasetInput {
            dataset: Some(dataset),
            ..Default::default()
        }],
        ..Default::default()
    };
    cluster.runs().log_batch(log).await.unwrap();
    let request = CreateVersionRequest {
        model: MODEL.to_owned(),
        source: format!("runs:/{run}/model"),
        based_on: vec![format!("{MODEL}/{unknown}")],
        ..Default::default()
    };
    let tuned = cluster.create_version(request).await.unwrap().number;
    let judged = async |known_depth| {
        let clean = Asks::CleanLineage(CleanLineage {
            without_tags: vec!["biased".to_owned()],
            known_depth,
        });
        cluster.ask("Production", vec![clean]).await.unwrap();
        let dry = TransitionVersionRequest {
            model: MODEL.to_owned(),
            version: tuned,
            to: "Production".to_owned(),
            dry_run: true,
            ..Default::default()
        };
        let decision = cluster.transition(dry).await.unwrap();
        decision.verdicts.into_iter().next().unwrap()
    };
    // Its own run is an edge away, that of the version it was tuned from is further.
    for far in [9, 0] {
        wait_until("lineage to know all of it", async || {
            let verdict = judged(far).await;
            let told = verdict.evidence.contains("run:") && !verdict.evidence.contains(&run);
            (told && !verdict.passed).then_some(())
        })
        .await;
    }
    let near = judged(1).await;
    assert!(near.passed, "{near:?}");
}
