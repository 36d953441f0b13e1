//! Events as Airflow, Spark and dbt send them, of one night of a shop.

use crate::cluster::Cluster;

const NIGHT: [(&str, &str); 3] = [
    ("Airflow", include_str!("recorded/airflow.ndjson")),
    ("Spark", include_str!("recorded/spark.ndjson")),
    ("dbt", include_str!("recorded/dbt.ndjson")),
];

#[tokio::test]
async fn a_night_of_airflow_spark_and_dbt_is_one_pedigree() {
    let cluster = Cluster::start().await;
    for (producer, events) in NIGHT {
        for line in events.lines() {
            let answer = cluster
                .send(cluster.post("/api/v1/lineage").body(line))
                .await;
            assert_eq!(answer.status, 201, "{producer}: {line}\n{}", answer.body);
        }
    }
    let features = "dataset:postgres://warehouse:5432/shop.marts.customer_features";
    let ancestry = cluster.ancestry(features).await.join("\n");
    for source in [
        "dataset:s3://shop-landing/orders/2026-03-01 USED",
        "dataset:postgres://warehouse:5432/shop.staging.orders USED",
        "code:https://github.com/example/shop-dbt@9c1e USED",
        "environment:spark@4.1.0 USED",
        "PART_OF",
    ] {
        assert!(
            ancestry.contains(source),
            "{source} is missing in\n{ancestry}"
        );
    }
    let columns = herdbook_proto::lineage::v1::GetColumnLineageRequest {
        node: features.to_owned(),
        field: "spend".to_owned(),
        ..Default::default()
    };
    let found = cluster
        .client()
        .get_column_lineage(columns)
        .await
        .unwrap()
        .into_inner();
    let raw = found.columns.iter().any(|found| {
        let column = found.column.as_ref().unwrap();
        column.field == "amount"
            && column
                .node
                .as_ref()
                .unwrap()
                .name
                .starts_with("s3://shop-landing")
    });
    assert!(raw, "{:#?}", found.columns);
}
