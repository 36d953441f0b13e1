//! Files through the proxy: whole or not at all, by safe addresses.

use http::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Door, PROXY, answer};

async fn text(door: &Door, address: &str) -> String {
    let request = door.request(Method::GET, &format!("{PROXY}/{address}"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{address}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn what_is_put_is_listed_read_and_deleted() {
    let door = Door::start().await;
    let run = door.run().await;
    let root = format!("0/{run}/artifacts");
    let (_, none) = door.get(&format!("{PROXY}?path={root}")).await;
    assert_eq!(none, json!({}));
    for (path, content) in [
        ("docs/notes.txt", "hello"),
        ("docs/%C3%BC%20b.txt", "umlaut"),
        ("docs/deep/a.json", "{}"),
        ("empty", ""),
    ] {
        let address = format!("{root}/{path}");
        let status = door.put(&address, content.as_bytes()).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(text(&door, &address).await, content);
    }
    let put = door.request(Method::PUT, &format!("{PROXY}/{root}/docs/notes.txt"));
    let put = put.body("hello").send().await.unwrap();
    assert!(!put.headers().contains_key("content-type"));
    assert_eq!(put.text().await.unwrap(), "");
    let (_, listed) = door.get(&format!("{PROXY}?path={root}/docs")).await;
    let files = json!({"files": [
        {"path": "deep", "is_dir": true},
        {"path": "notes.txt", "is_dir": false, "file_size": 5},
        {"path": "ü b.txt", "is_dir": false, "file_size": 6},
    ]});
    assert_eq!(listed, files);
    let list = format!("/ajax-api/2.0/mlflow/artifacts/list?run_id={run}&path=docs");
    let (_, listed) = door.get(&list).await;
    assert_eq!(listed["root_uri"], format!("mlflow-artifacts:/{root}"));
    assert_eq!(listed["files"][1]["path"], "docs/notes.txt");
    let delete = door.request(Method::DELETE, &format!("{PROXY}/{root}/docs"));
    assert_eq!(answer(delete).await, (200, json!({})));
    let (_, listed) = door.get(&format!("{PROXY}?path={root}")).await;
    let files = json!({"files": [{"path": "empty", "is_dir": false, "file_size": 0}]});
    assert_eq!(listed, files);
    let (status, error) = door.get(&format!("{PROXY}/{root}/docs/notes.txt")).await;
    assert_eq!(status, 404);
    assert_eq!(error["error_code"], "RESOURCE_DOES_NOT_EXIST");
}

#[tokio::test]
async fn paths_upwards_are_refused_before_anything_is_looked_up() {
    let door = Door::start().await;
    let run = door.run().await;
    for path in [
        format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path=../path"),
        format!("/get-artifact?run_id={run}&path=../path"),
        "/model-versions/get-artifact?name=model&version=1&path=../path".to_owned(),
    ] {
        let refused = json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"});
        assert_eq!(door.get(&path).await, (400, refused), "{path}");
    }
}

#[tokio::test]
async fn a_file_is_an_attachment_and_given_in_parts() {
    let door = Door::start().await;
    let run = door.run().await;
    let address = format!("0/{run}/artifacts/page.html");
    door.put(&address, b"0123456789").await;
    let get = |range: &str| {
        let request = door.request(Method::GET, &format!("{PROXY}/{address}"));
        match range {
            "" => request,
            range => request.header("range", range),
        }
    };
    let whole = get("").send().await.unwrap();
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename=page.html"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-length"), "10");
    for (range, status, content, shown) in [
        ("bytes=0-0", 206, "0", "bytes 0-0/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=7-99", 206, "789", "bytes 7-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
        ("bytes=-99", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, "", "bytes */10"),
        ("bytes=11-12", 416, "", "bytes */10"),
    ] {
        let part = get(range).send().await.unwrap();
        assert_eq!(part.status(), status, "{range}");
        assert_eq!(part.headers()["content-range"], shown, "{range}");
        assert_eq!(part.text().await.unwrap(), content, "{range}");
    }
    let several = get("bytes=0-1,3-4").send().await.unwrap();
    assert_eq!(several.status(), 200);
}

#[tokio::test]
async fn addresses_that_lead_elsewhere_are_refused_and_strangers_are_not_kept() {
    let door = Door::start().await;
    let run = door.run().await;
    for hostile in [
        "%2e%2e%2fetc",
        "a%2f..%2f..%2fb",
        "%252e%252e%252fx",
        "a%5cb",
        "a%23b",
    ] {
        let address = format!("0/{run}/artifacts/{hostile}");
        assert_eq!(door.put(&address, b"x").await, 400, "{hostile}");
        let (status, error) = door.get(&format!("{PROXY}/{address}")).await;
        assert_eq!((status, &error["message"]), (400, &json!("Invalid path")));
        let (status, _) = door.get(&format!("{PROXY}?path={address}")).await;
        assert_eq!(status, 400, "{hostile}");
    }
    // Its body was not read, so that nothing can follow it.
    let hostile = format!("{PROXY}/0/{run}/artifacts/%2e%2e%2fetc");
    let refused = door.request(Method::PUT, &hostile).body("x");
    assert_eq!(
        refused.send().await.unwrap().headers()["connection"],
        "close"
    );
    let traces = "0/traces/tr-1/artifacts/traces.json";
    assert_eq!(door.put(traces, b"{}").await, 501);
    let (_, none) = door.get(&format!("{PROXY}?path=0/traces")).await;
    assert_eq!(none, json!({}));
    let stranger = format!("0/{}/artifacts/a", "0".repeat(32));
    assert_eq!(door.put(&stranger, b"x").await, 404);
    let (status, none) = door.get(&format!("{PROXY}?path={stranger}")).await;
    assert_eq!((status, none), (200, json!({})));
}

/// Sends an upload as it stands on the wire; one that is `cut` short goes away then.
async fn upload(door: &Door, address: &str, length: &str, body: &[u8], cut: bool) {
    let host = door.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!("PUT {PROXY}/{address} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let length = format!("{length}\r\n\r\n");
    stream.write_all(length.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    if cut {
        stream.shutdown().await.unwrap();
    }
    // Until the server has done with it.
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let door = Door::start().await;
    let run = door.run().await;
    let address = format!("0/{run}/artifacts/a");
    let (known, chunked) = ("content-length: 100", "transfer-encoding: chunked");
    upload(&door, &address, known, b"only this", true).await;
    let chunk = b"9\r\nonly this\r\n";
    upload(&door, &address, chunked, chunk, true).await;
    let large = [b"1000000\r\n".as_slice(), &vec![b'x'; 1 << 24], b"\r\n"].concat();
    upload(&door, &address, chunked, &large, true).await;
    let (_, none) = door.get(&format!("{PROXY}?path=0/{run}/artifacts")).await;
    assert_eq!(none, json!({}));
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM blobs.blobs")
        .fetch_one(door.database.pool())
        .await
        .unwrap();
    assert_eq!(kept, 0);
    // Whole, the same is kept.
    let whole = [chunk.as_slice(), b"0\r\n\r\n"].concat();
    upload(&door, &address, chunked, &whole, false).await;
    assert_eq!(text(&door, &address).await, "only this");
}

#[tokio::test]
async fn uploads_at_the_same_time_are_all_kept() {
    let door = Door::start().await;
    let run = door.run().await;
    let puts = (0..32_u8).map(|number| {
        let (door, run) = (&door, &run);
        async move {
            let content = vec![number % 8; 300_000];
            let address = format!("0/{run}/artifacts/f{number:02}");
            door.put(&address, &content).await
        }
    });
    let statuses = futures::future::join_all(puts).await;
    assert_eq!(statuses, vec![200; 32]);
    let (_, listed) = door.get(&format!("{PROXY}?path=0/{run}/artifacts")).await;
    assert_eq!(listed["files"].as_array().unwrap().len(), 32);
}

#[tokio::test]
async fn pages_put_and_get_by_the_run() {
    let door = Door::start().await;
    let run = door.run().await;
    let base = "/ajax-api/2.0/mlflow";
    let put = |query: &str, size: usize| {
        let request = door.request(Method::POST, &format!("{base}/upload-artifact?{query}"));
        answer(request.body(vec![b'x'; size]))
    };
    let query = format!("run_uuid={run}&path=a/b.txt");
    assert_eq!(put(&query, 3).await, (200, json!({})));
    let get = door.request(
        Method::GET,
        &format!("/get-artifact?run_uuid={run}&path=a/b.txt"),
    );
    assert_eq!(get.send().await.unwrap().text().await.unwrap(), "xxx");
    for (query, size, what) in [
        (
            &*query,
            (10 << 20) + 1,
            "Artifact size is too large. Max size is 10MB.",
        ),
        (&*query, 0, "Request must specify data."),
        ("path=a", 3, "Request must specify run_uuid."),
        (&*format!("run_uuid={run}"), 3, "Request must specify path."),
        (&*format!("run_uuid={run}&path=../a"), 3, "Invalid path"),
    ] {
        let (status, error) = put(query, size).await;
        assert_eq!((status, &error["message"]), (400, &json!(what)));
    }
}

#[tokio::test]
async fn urls_are_refused_in_the_words_that_clients_go_by() {
    let door = Door::start().await;
    let run = door.run().await;
    let address = format!("0/{run}/artifacts/a");
    door.put(&address, b"x").await;
    let base = "/api/2.0/mlflow-artifacts";
    let (status, error) = door.get(&format!("{base}/presigned/{address}")).await;
    assert_eq!(
        (status, &error["error_code"]),
        (501, &json!("NOT_IMPLEMENTED"))
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Multipart download is not supported"));
}

/// An endpoint of uploads in parts, called with a body.
async fn parted(door: &Door, what: &str, folder: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/2.0/mlflow-artifacts/mpu/{what}/{folder}");
    let request = door.request(Method::POST, &path);
    let request = request.header("content-type", "application/json");
    let request = request.header("x-mlflow-workspace", "default");
    answer(request.body(body.to_string())).await
}

#[tokio::test]
async fn parts_go_to_the_addresses_that_are_told_and_are_seen_together() {
    let door = Door::start().await;
    let run = door.run().await;
    let folder = format!("0/{run}/artifacts/model");
    let file = json!({"path": "/home/ana/weights.bin", "num_parts": 2});
    let (status, created) = parted(&door, "create", &folder, file).await;
    assert_eq!(status, 200, "{created}");
    let mut parts = Vec::new();
    for (credential, content) in created["credentials"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["he", "llo"])
    {
        let url = credential["url"].as_str().unwrap();
        assert!(url.starts_with(&format!("{}/api/", door.address)), "{url}");
        let sent = credential["headers"].as_object().unwrap();
        assert_eq!(sent["x-mlflow-workspace"], "default");
        let put = door.http.put(url).body(content).send().await.unwrap();
        assert_eq!(put.status(), 200);
        let etag = put.headers()["etag"].to_str().unwrap();
        parts.push(json!({"part_number": credential["part_number"], "etag": etag, "url": url}));
    }
    let listing = format!("{PROXY}?path=0/{run}/artifacts");
    assert_eq!(door.get(&listing).await.1, json!({}));
    let body = |parts: &[Value]| json!({"path": "weights.bin", "upload_id": created["upload_id"], "parts": parts});
    let (status, refused) = parted(&door, "complete", &folder, body(&parts[1..])).await;
    assert_eq!(
        (status, &refused["error_code"]),
        (400, &json!("INVALID_PARAMETER_VALUE"))
    );
    assert_eq!(door.get(&listing).await.1, json!({}));
    // It may come twice.
    for _ in 0..2 {
        assert_eq!(
            parted(&door, "complete", &folder, body(&parts)).await,
            (200, json!({}))
        );
    }
    assert_eq!(text(&door, &format!("{folder}/weights.bin")).await, "hello");
}

#[tokio::test]
async fn parts_of_an_aborted_upload_are_freed() {
    let door = Door::start().await;
    let run = door.run().await;
    let folder = format!("0/{run}/artifacts");
    let (_, created) = parted(&door, "create", &folder, json!({"path": "C:\\data\\a.bin"})).await;
    let credentials = created["credentials"].as_array().unwrap();
    assert_eq!(credentials.len(), 1);
    let url = credentials[0]["url"].as_str().unwrap();
    let put = async || door.http.put(url).body("x").send().await.unwrap().status();
    assert_eq!(put().await, 200);
    let abort = json!({"path": "a.bin", "upload_id": created["upload_id"]});
    for _ in 0..2 {
        assert_eq!(
            parted(&door, "abort", &folder, abort.clone()).await,
            (200, json!({}))
        );
    }
    assert_eq!(put().await, 404);
    let held: i64 = sqlx::query_scalar("SELECT sum(reference_count)::bigint FROM blobs.blobs")
        .fetch_one(door.database.pool())
        .await
        .unwrap();
    assert_eq!(held, 0);
}

#[tokio::test]
async fn uploads_in_parts_are_refused_where_files_are() {
    let door = Door::start().await;
    let run = door.run().await;
    let folder = format!("0/{run}/artifacts");
    for (folder, body, status) in [
        (&*folder, json!({}), 400),
        (&*folder, json!({"path": "a/"}), 400),
        (&*folder, json!({"path": "a", "num_parts": 0}), 400),
        (&*folder, json!({"path": "a", "num_parts": 10_001}), 400),
        (&*folder, json!({"path": ".."}), 400),
        ("0/traces/tr-1", json!({"path": "a"}), 501),
        (
            &*format!("0/{}/artifacts", "0".repeat(32)),
            json!({"path": "a"}),
            404,
        ),
    ] {
        let (refused, error) = parted(&door, "create", folder, body.clone()).await;
        assert_eq!(refused, status, "{folder} {body} {error}");
    }
}

#[tokio::test]
async fn addresses_of_parts_are_those_by_which_a_proxy_is_reached() {
    let door = Door::start().await;
    let run = door.run().await;
    let path = format!("/api/2.0/mlflow-artifacts/mpu/create/0/{run}/artifacts");
    let request = door.request(Method::POST, &path);
    let request = request.header("content-type", "application/json");
    let request = request
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "ml.example.com, inner")
        .header("x-forwarded-prefix", "/mlflow/");
    let (_, created) = answer(request.body(r#"{"path": "a"}"#)).await;
    let url = created["credentials"][0]["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://ml.example.com/mlflow/api/2.0/mlflow-artifacts/mpu/parts/"),
        "{url}"
    );
}
