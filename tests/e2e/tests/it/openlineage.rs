//! OpenLineage's own client, as Airflow and dbt have it, against the real server.

mod clients {
    use herdbook_e2e::{Herdbook, folder, python, run};
    use herdbook_testkit::TestDatabase;

    #[tokio::test]
    async fn every_facet_comes_back_and_a_model_is_traced() {
        let folder = folder();
        let herdbook = Herdbook::up(folder.path()).await;
        let mut client = python();
        client
            .arg("python/openlineage_client.py")
            .args(["--lineage", &herdbook.address])
            .env("OPENLINEAGE_URL", format!("http://{}", herdbook.address));
        let story = run(&mut client).await;
        assert!(story.contains("40 facets came back"), "{story}");
    }

    /// A part that lineage is, or that calls it.
    async fn part(name: &str, database: &TestDatabase, blobs: &str, peers: &[&str]) -> Herdbook {
        let mut command = Herdbook::command(&["serve", name, "--listen", "127.0.0.1:0"]);
        command.args(["--database-url", database.url(), "--blobs", blobs]);
        Herdbook::start(command.args(peers)).await
    }

    #[tokio::test]
    async fn the_gateway_runs_by_itself_and_asks_for_tokens() {
        let database = TestDatabase::create().await;
        let folder = folder();
        let blobs = format!("file://{}", folder.path().display());
        let lineage = part("lineage", &database, &blobs, &[]).await;
        let peers = [
            "--lineage-url",
            &lineage.address,
            // Not called here, and so not there.
            "--tracking-url",
            &lineage.address,
            "--registry-url",
            &lineage.address,
            "--auth",
            "required",
        ];
        let gateway = part("gateway", &database, &blobs, &peers).await;
        let making = [
            "tokens",
            "create",
            "--bootstrap",
            "--database-url",
            database.url(),
        ];
        let made = run(&mut Herdbook::command(&making)).await;
        let token = made
            .split_whitespace()
            .find(|word| word.starts_with("hbk_"))
            .expect("a token");
        let url = format!("http://{}", gateway.address);
        let client = |key: &str| {
            let mut client = python();
            client
                .arg("python/openlineage_client.py")
                .args(["--lineage", &lineage.address])
                .env("OPENLINEAGE_URL", &url)
                .env("OPENLINEAGE_API_KEY", key);
            client
        };
        let refused = client("hbk_wrong").output().await.unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("401"));
        run(&mut client(token)).await;
    }
}
