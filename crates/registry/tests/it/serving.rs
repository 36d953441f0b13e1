//! References are resolved from memory, and what was acknowledged is in every later answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use herdbook_proto::registry::v1::{
    AuditAction, CreateModelRequest, Outcome, PresignVersionFilesRequest, ResolveVersionRequest,
    ResolveVersionResponse, SetAliasRequest, TransitionVersionRequest,
    model_service_client::ModelServiceClient, serving_service_client::ServingServiceClient,
    transition_service_client::TransitionServiceClient,
};
use herdbook_testkit::{
    grpc::{elsewhere, fields, reason},
    wait_until,
};
use tonic::{Code, Status, transport::Channel};

use crate::cluster::{Cluster, MODEL};

const WRITERS: i64 = 4;
const READERS: i64 = 4;
const CHANGES: usize = 25;

async fn resolve(channel: &Channel, reference: &str) -> Result<ResolveVersionResponse, Status> {
    let request = ResolveVersionRequest {
        reference: reference.to_owned(),
    };
    let mut client = ServingServiceClient::new(channel.clone());
    Ok(client.resolve_version(request).await?.into_inner())
}

/// Points `name` at `version`; at which revision, or at one after it.
async fn point(channel: &Channel, name: &str, version: i64) -> Result<i64, Status> {
    let model = MODEL.to_owned();
    if name == "champion" {
        let request = SetAliasRequest {
            model,
            alias: name.to_owned(),
            version,
        };
        let set = ModelServiceClient::new(channel.clone())
            .set_alias(request)
            .await?;
        return Ok(set.into_inner().model.unwrap().revision);
    }
    let request = TransitionVersionRequest {
        model,
        version,
        to: name.to_owned(),
        ..Default::default()
    };
    let mut transitions = TransitionServiceClient::new(channel.clone());
    let decision = transitions
        .transition_version(request)
        .await?
        .into_inner()
        .decision;
    Ok(decision.unwrap().revision)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_anywhere_is_in_every_later_answer() {
    let cluster = Cluster::start().await;
    let (replica, _stop) = cluster.replica().await;
    let channels = [cluster.channel.clone(), replica];
    for _ in 0..WRITERS * 2 {
        cluster.register(0.9).await;
    }
    for (channel, name) in channels.iter().zip(["Production", "champion"]) {
        point(channel, name, 1).await.unwrap();
    }
    let acknowledged = Arc::new(AtomicI64::new(0));
    let writing = Arc::new(AtomicUsize::new(usize::try_from(WRITERS).unwrap()));
    let writers = (0..WRITERS).map(|writer| {
        let (channels, acknowledged) = (channels.clone(), acknowledged.clone());
        let writing = writing.clone();
        tokio::spawn(async move {
            for change in 0..CHANGES {
                let name = ["Production", "champion"][change % 2];
                let version = 1 + writer + WRITERS * i64::from(change % 4 > 1);
                let channel = &channels[(change / 2 + usize::try_from(writer).unwrap()) % 2];
                // Another was faster, or it stands there already.
                let Ok(revision) = point(channel, name, version).await else {
                    continue;
                };
                acknowledged.fetch_max(revision, Ordering::SeqCst);
            }
            writing.fetch_sub(1, Ordering::SeqCst);
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers = (0..READERS).map(|reader| {
        let (channels, acknowledged) = (channels.clone(), acknowledged.clone());
        let writing = writing.clone();
        tokio::spawn(async move {
            let mut answers = Vec::new();
            let mut read = usize::try_from(reader).unwrap();
            while writing.load(Ordering::SeqCst) > 0 {
                read += 1;
                let name = ["Production", "champion"][read % 2];
                let revision = acknowledged.load(Ordering::SeqCst);
                let reference = format!("{MODEL}@{name}");
                let answer = resolve(&channels[read / 2 % 2], &reference).await.unwrap();
                assert!(answer.revision >= revision, "{name} at {}", answer.revision);
                answers.push((name, answer.revision, answer.version));
            }
            answers
        })
    });
    let readers: Vec<_> = readers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut answers = Vec::new();
    for reader in readers {
        answers.extend(reader.await.unwrap());
    }
    // And each is what stood at its revision, according to the log.
    let log = cluster.audit().await;
    let mut stood: BTreeMap<_, BTreeMap<i64, i64>> = BTreeMap::new();
    for record in log {
        let moved = record.decision.as_ref();
        let moved = moved.is_some_and(|decision| decision.outcome() == Outcome::Allowed);
        let name = match record.action() {
            AuditAction::SetAlias => "champion",
            AuditAction::Transition if moved => "Production",
            _ => continue,
        };
        stood
            .entry(name)
            .or_default()
            .insert(record.revision, record.version);
    }
    assert!(answers.len() > CHANGES, "{} answers", answers.len());
    for (name, revision, version) in answers {
        let then = stood[name].range(..=revision).next_back();
        assert_eq!(
            then.map(|(_, version)| *version),
            Some(version),
            "{name} at {revision}"
        );
    }
}

/// Changes what Postgres has of the version behind the log's back.
async fn relabel(cluster: &Cluster, label: &'static str) {
    sqlx::query("UPDATE registry.versions SET label = $1")
        .bind(label)
        .execute(cluster.database.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn it_is_read_again_when_the_log_names_the_model_and_only_then() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let latest = format!("{MODEL}@latest");
    let label = async || resolve(&cluster.channel, &latest).await.unwrap().label;
    relabel(&cluster, "v1.0.0").await;
    assert_eq!(label().await, "v1.0.0");
    relabel(&cluster, "v2.0.0").await;
    assert_eq!(label().await, "v1.0.0");
    let another = CreateModelRequest {
        name: "another".to_owned(),
        ..Default::default()
    };
    cluster.models().create_model(another).await.unwrap();
    assert_eq!(label().await, "v1.0.0");
    cluster.describe("changed").await;
    assert_eq!(label().await, "v2.0.0");
}

#[tokio::test]
async fn a_reference_gives_all_that_a_server_of_models_needs() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    cluster.promote(1, "Production").await.unwrap();
    let version = cluster.resolve(&format!("{MODEL}/1")).await.unwrap();
    for name in ["/1", "@1", "@latest", "@production"] {
        let found = resolve(&cluster.channel, &format!("model://{MODEL}{name}"))
            .await
            .unwrap();
        let expected = ResolveVersionResponse {
            model: MODEL.to_owned(),
            version: 1,
            label: String::new(),
            stage: "Production".to_owned(),
            digest: version.digest.clone(),
            files: version.files.clone(),
            revision: cluster.model().await.revision,
        };
        assert_eq!(found, expected, "{name}");
    }
    let refused = resolve(&cluster.channel, &format!("{MODEL}@2"))
        .await
        .unwrap_err();
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "VERSION_NOT_FOUND".into())
    );
    let refused = resolve(&cluster.channel, "other@latest").await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "MODEL_NOT_FOUND".into()));
}

#[tokio::test]
async fn an_alias_that_is_written_exactly_is_found_before_a_stage_in_another_case() {
    let cluster = Cluster::start().await;
    for _ in 0..2 {
        cluster.register(0.9).await;
    }
    cluster.promote(1, "Production").await.unwrap();
    let set = async |alias: &str| {
        let request = SetAliasRequest {
            model: MODEL.to_owned(),
            alias: alias.to_owned(),
            version: 2,
        };
        cluster.models().set_alias(request).await
    };
    let number = async |name: &str| {
        let reference = format!("{MODEL}@{name}");
        let found = resolve(&cluster.channel, &reference).await.unwrap();
        // What is read from Postgres and what is kept are one.
        let version = cluster.resolve(&reference).await.unwrap();
        assert_eq!(found.version, version.number, "{name}");
        found.version
    };
    assert_eq!(number("production").await, 1);
    for alias in ["production", "ünï"] {
        set(alias).await.unwrap();
        assert_eq!(number(alias).await, 2, "{alias}");
    }
    assert_eq!(number("Production").await, 1);
    assert_eq!(number("PRODUCTION").await, 1);
    for alias in ["Production", "latest", "LATEST", "12", "", "a b", "a.b"] {
        let refused = set(alias).await.unwrap_err();
        assert_eq!(fields(&refused), ["alias"], "{alias}");
    }
    let refused = set("Production").await.unwrap_err();
    let told = format!("{refused:?}");
    assert!(told.contains("in lower case"), "{told}");
    assert_eq!(fields(&set(&"a".repeat(256)).await.unwrap_err()), ["alias"]);
    set(&"ü".repeat(255)).await.unwrap();
}

#[tokio::test]
async fn a_reference_to_another_workspace_than_the_calls_is_refused() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let reference = |workspace| ResolveVersionRequest {
        reference: format!("model://{workspace}/{MODEL}@latest"),
    };
    let mut serving = cluster.serving();
    let refused = serving.resolve_version(reference(2)).await.unwrap_err();
    assert_eq!(fields(&refused), ["reference"]);
    let refused = serving
        .resolve_version(elsewhere(reference(1)))
        .await
        .unwrap_err();
    assert_eq!(fields(&refused), ["reference"]);
    let refused = serving
        .resolve_version(elsewhere(reference(2)))
        .await
        .unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "MODEL_NOT_FOUND".into()));
}

#[tokio::test]
async fn urls_are_for_buckets_and_for_seven_days_at_most() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let request = |seconds, paths: Vec<String>| PresignVersionFilesRequest {
        reference: format!("{MODEL}/1"),
        paths,
        expires_in: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    let mut serving = cluster.serving();
    for seconds in [0, -1, 7 * 24 * 3600 + 1] {
        let answer = serving
            .presign_version_files(request(seconds, vec![]))
            .await;
        assert_eq!(fields(&answer.unwrap_err()), ["expires_in"], "{seconds}");
    }
    let many = request(1, vec!["weights.bin".to_owned(); 1_001]);
    let refused = serving.presign_version_files(many).await.unwrap_err();
    assert_eq!(fields(&refused), ["paths"]);
    let other = request(1, vec!["other".to_owned()]);
    let refused = serving.presign_version_files(other).await.unwrap_err();
    assert_eq!(reason(&refused), (Code::NotFound, "FILE_NOT_FOUND".into()));
    let answer = serving
        .presign_version_files(request(7 * 24 * 3600, vec![]))
        .await;
    let expected = (Code::FailedPrecondition, "NOT_PRESIGNED".into());
    assert_eq!(reason(&answer.unwrap_err()), expected);
}

#[tokio::test]
async fn who_goes_away_while_others_wait_for_his_question_is_replaced() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let mut blocked = herdbook_postgres::begin(cluster.database.pool())
        .await
        .unwrap();
    sqlx::raw_sql("LOCK TABLE registry.workspaces")
        .execute(&mut *blocked)
        .await
        .unwrap();
    let call = || {
        let channel = cluster.channel.clone();
        tokio::spawn(async move { resolve(&channel, &format!("{MODEL}@latest")).await })
    };
    let asked = async |count: i64| {
        wait_until("a question waits for the lock", async || {
            let waiting: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_locks WHERE NOT granted \
                 AND relation = 'registry.workspaces'::regclass",
            )
            .fetch_one(cluster.database.pool())
            .await
            .unwrap();
            (waiting >= count).then_some(())
        })
        .await;
    };
    let first = call();
    asked(1).await;
    let (second, last) = (call(), call());
    // What it asked of Postgres waits on, beside what is asked next.
    first.abort();
    asked(2).await;
    second.abort();
    blocked.rollback().await.unwrap();
    assert_eq!(last.await.unwrap().unwrap().version, 1);
}

/// From now on questions about revisions wait, after they have seen what is committed, for as long as
/// somebody holds the advisory lock 7.
const HOLD: &str = "ALTER TABLE registry.workspaces RENAME TO all_workspaces; \
    CREATE VIEW registry.workspaces AS SELECT * FROM registry.all_workspaces \
    WHERE pg_advisory_xact_lock_shared(7)::text IS NOT NULL;";
/// A change of the version, with its record.
const CHANGE: &str = "UPDATE registry.versions SET label = 'v2.0.0'; \
    UPDATE registry.all_workspaces SET revision = revision + 1; \
    INSERT INTO registry.audit SELECT workspace_id, revision, 'fraud-detector', '', sha256('') \
    FROM registry.all_workspaces;";

#[tokio::test]
async fn who_comes_while_a_question_is_under_way_is_not_answered_by_it() {
    let cluster = Cluster::start().await;
    cluster.register(0.9).await;
    let pool = cluster.database.pool();
    let latest = format!("{MODEL}@latest");
    resolve(&cluster.channel, &latest).await.unwrap();
    sqlx::raw_sql(HOLD).execute(pool).await.unwrap();
    let mut held = herdbook_postgres::begin(pool).await.unwrap();
    sqlx::raw_sql("SELECT pg_advisory_xact_lock(7)")
        .execute(&mut *held)
        .await
        .unwrap();
    let call = || {
        let (channel, latest) = (cluster.channel.clone(), latest.clone());
        tokio::spawn(async move { resolve(&channel, &latest).await.unwrap().label })
    };
    let early = call();
    wait_until("a question is under way", async || {
        let waiting: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)",
        )
        .fetch_one(pool)
        .await
        .unwrap();
        waiting.then_some(())
    })
    .await;
    sqlx::raw_sql(CHANGE).execute(pool).await.unwrap();
    let late: Vec<_> = (0..8).map(|_| call()).collect();
    // By the answer to what was asked after them, they have come.
    cluster.model().await;
    held.rollback().await.unwrap();
    early.await.unwrap();
    for caller in late {
        assert_eq!(caller.await.unwrap(), "v2.0.0");
    }
}
