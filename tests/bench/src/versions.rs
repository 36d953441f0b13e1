//! Search over many versions, which are made in the database itself.

use std::time::Instant;

use herdbook_proto::registry::v1::{
    CreateModelRequest, Model, SearchVersionsRequest, UpdateModelRequest,
    model_service_client::ModelServiceClient, version_service_client::VersionServiceClient,
};
use prost_types::FieldMask;
use sqlx::{Connection as _, PgConnection};
use tonic::transport::Channel;

use crate::{median, report::Figure};

/// How often each question is asked.
const ROUNDS: usize = 21;

/// A thousand versions of each of some models that are like the first, with 20 params and 20 metrics.
const VERSIONS: &str = "
    WITH made AS (
        INSERT INTO registry.models (workspace_id, name, description, tags, policy, created_by, changed_by,
            latest_version, revision)
        SELECT workspace_id, 'model-' || n, '', '{}', policy, 'bench', 'bench', 1000, revision
        FROM registry.models, generate_series(1, $1) AS n WHERE name = 'like-this'
        RETURNING model_key, revision)
    INSERT INTO registry.versions (model_key, number, label, stage, description, tags, source, run_id, based_on,
        files, digest, params, metric_keys, metric_values, created_by, revision, counted)
    SELECT model_key, n, 'v1.0.' || n, CASE n WHEN 1000 THEN 'Production' ELSE 'None' END,
        'trained on week ' || n % 52, jsonb_build_object('team', 'team ' || n % 50), '', gen_random_uuid(), '{}',
        '[]', sha256(n::text::bytea),
        (SELECT jsonb_object_agg('p' || p, CASE WHEN p < 15 THEN (random() * 9)::int::text
                ELSE (random() + n * 0)::text END) FROM generate_series(2, 20) AS p)
            || jsonb_build_object('lr', ('{0.1,0.01,0.001,0.0001}'::text[])[1 + n % 4]),
        ARRAY['acc'] || ARRAY(SELECT 'm' || m FROM generate_series(2, 20) AS m),
        ARRAY(SELECT random() + n * 0 FROM generate_series(1, 20)), 'bench', revision, true
    FROM made, generate_series(1, 1000) AS n";

/// The first question after a start, and the median of many answers to each of some.
pub(crate) async fn measure(channel: Channel, database_url: &str, thousands: i64) -> Vec<Figure> {
    let mut database = PgConnection::connect(database_url).await.unwrap();
    let mut models = ModelServiceClient::new(channel.clone());
    let mut versions =
        VersionServiceClient::new(channel).max_decoding_message_size(64 * 1024 * 1024);
    let first = CreateModelRequest {
        name: "like-this".to_owned(),
        ..Default::default()
    };
    models.create_model(first).await.unwrap();
    sqlx::query(VERSIONS)
        .bind(thousands)
        .execute(&mut database)
        .await
        .unwrap();
    sqlx::raw_sql("ANALYZE")
        .execute(&mut database)
        .await
        .unwrap();
    let written = format!("of {thousands},000 versions");
    let start = Instant::now();
    versions
        .search_versions(SearchVersionsRequest::default())
        .await
        .unwrap();
    let loaded = start.elapsed().as_secs_f64() * 1e3;
    let name = format!("first search {written} since the start");
    let mut figures = vec![Figure::new(name, loaded, "ms")];
    for (name, request) in questions() {
        let mut times = Vec::new();
        for round in 0..ROUNDS {
            // A change between the questions, which the answer has to know of.
            let model = Model {
                name: "like-this".to_owned(),
                description: round.to_string(),
                ..Default::default()
            };
            let update_mask = Some(FieldMask {
                paths: vec!["description".to_owned()],
            });
            let change = UpdateModelRequest {
                model: Some(model),
                update_mask,
            };
            models.update_model(change).await.unwrap();
            let start = Instant::now();
            versions.search_versions(request.clone()).await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let figure = Figure::new(format!("{name} {written}"), median(times), "ms");
        figures.push(figure.at_least(20.0));
    }
    figures
}

fn questions() -> [(&'static str, SearchVersionsRequest); 7] {
    let search = |filter: &str, order: &str, page_size| SearchVersionsRequest {
        filter: filter.to_owned(),
        order_by: (!order.is_empty())
            .then(|| order.to_owned())
            .into_iter()
            .collect(),
        page_size,
        ..Default::default()
    };
    let loose = "metrics.m2 > 0.2 and metrics.m3 < 0.8 and params.p2 != '3'";
    [
        ("newest 100", search("", "", 100)),
        (
            "acc > 0.9 and lr = '0.01' by acc, 100",
            search(
                "metrics.acc > 0.9 and params.lr = '0.01'",
                "metrics.acc desc",
                100,
            ),
        ),
        (
            "three loose conditions by a fourth metric, 100",
            search(loose, "metrics.m4", 100),
        ),
        (
            "what stands in Production, by name, 100",
            search("stage = 'Production'", "name", 100),
        ),
        (
            "description LIKE and a tag, by time, 100",
            search(
                "description LIKE '%week 1%' and tags.team = 'team 7'",
                "created_at desc",
                100,
            ),
        ),
        (
            "a param of many values, by another, 100",
            search("params.p20 > 0.5", "params.p19 desc", 100),
        ),
        (
            "owner and licence, which most lack, 100",
            search("owner = 'bench' and licence IS NULL", "label", 100),
        ),
    ]
}
