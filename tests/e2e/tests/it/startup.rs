//! Starting and stopping, on good days and bad.

use std::{fs, process::Output};

use herdbook_e2e::{Herdbook, folder};
use tokio::net::TcpListener;

/// Runs a command that must fail; its code and what it said.
async fn refused(arguments: &[&str]) -> (i32, String) {
    let Output { status, stderr, .. } = Herdbook::command(arguments).output().await.unwrap();
    (
        status.code().expect("it ends by itself"),
        String::from_utf8(stderr).unwrap(),
    )
}

#[tokio::test]
async fn the_ready_file_comes_and_goes_with_the_server() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let ready: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(herdbook.ready_file()).unwrap()).unwrap();
    assert_eq!(ready["address"], herdbook.address);
    assert!(
        ready["pid"].is_u64()
            && ready["database"]
                .as_str()
                .unwrap()
                .starts_with("postgres://")
    );
    let file = herdbook.ready_file().to_owned();
    assert!(herdbook.stop().await.success());
    assert!(!file.exists());
    assert!(
        !folder.path().join("postgres/postmaster.pid").exists(),
        "postgres stopped with it"
    );
}

#[tokio::test]
async fn a_second_herdbook_on_the_same_data_is_refused() {
    let folder = folder();
    let _first = Herdbook::up(folder.path()).await;
    let data_dir = folder.path().to_str().unwrap();
    let (code, said) = refused(&["up", "--listen", "127.0.0.1:0", "--data-dir", data_dir]).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("another Herdbook (process ") && said.contains("--data-dir"),
        "{said}"
    );
}

#[tokio::test]
async fn a_taken_port_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder();
    let data_dir = folder.path().to_str().unwrap();
    let (code, said) = refused(&["up", "--listen", &address, "--data-dir", data_dir]).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("is taken") && said.contains("--listen"),
        "{said}"
    );
}

#[tokio::test]
async fn an_address_open_to_others_needs_tokens_or_a_word() {
    let folder = folder();
    let data_dir = folder.path().to_str().unwrap();
    let (code, said) = refused(&["up", "--listen", "0.0.0.0:0", "--data-dir", data_dir]).await;
    assert_eq!(code, 2);
    assert!(
        said.contains("--auth required") && said.contains("--insecure"),
        "{said}"
    );
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_told_with_what_to_do() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let data_dir = file.join("data");
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        data_dir.to_str().unwrap(),
    ];
    let (code, said) = refused(&arguments).await;
    assert_eq!(code, 1);
    assert!(
        said.contains("cannot be used") && said.contains("--data-dir"),
        "{said}"
    );
}

#[tokio::test]
async fn commands_end_with_codes_that_scripts_can_tell_apart() {
    let folder = folder();
    let herdbook = Herdbook::up(folder.path()).await;
    let server = format!("http://{}", herdbook.address);
    let code = async |words: &[&str]| {
        let all: Vec<_> = words.iter().copied().chain(["--server", &server]).collect();
        Herdbook::command(&all)
            .output()
            .await
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code(&["experiments", "list"]).await, Some(0));
    assert_eq!(
        code(&["runs", "list", "--filter", "metrics.a >"]).await,
        Some(1)
    );
    assert_eq!(code(&["runs", "nonsense"]).await, Some(2));
    assert_eq!(code(&["runs", "show", "nope"]).await, Some(3));
    assert_eq!(code(&["experiments", "delete", "0"]).await, Some(4));
    let (unreachable, _) = refused(&["runs", "list", "--server", "http://127.0.0.1:1"]).await;
    assert_eq!(unreachable, 6);
}

#[tokio::test]
async fn with_tokens_required_the_first_one_comes_from_the_database() {
    let folder = folder();
    let data_dir = folder.path().to_str().unwrap();
    let arguments = [
        "up",
        "--listen",
        "127.0.0.1:0",
        "--auth",
        "required",
        "--data-dir",
        data_dir,
    ];
    let herdbook = Herdbook::start(&mut Herdbook::command(&arguments)).await;
    let server = format!("http://{}", herdbook.address);
    let (code, said) = refused(&["runs", "list", "--server", &server]).await;
    assert_eq!(code, 5);
    assert!(said.contains("no token was sent"), "{said}");

    let ready: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(herdbook.ready_file()).unwrap()).unwrap();
    let database = ready["database"].as_str().unwrap();
    let create = [
        "tokens",
        "create",
        "--bootstrap",
        "--database-url",
        database,
    ];
    let secret = herdbook_e2e::run(&mut Herdbook::command(&create)).await;
    let whoami = [
        "workspaces",
        "whoami",
        "--server",
        &server,
        "--token",
        secret.trim(),
    ];
    let caller = herdbook_e2e::run(&mut Herdbook::command(&whoami)).await;
    assert_eq!(caller.trim(), "admin, admin in default");
}
