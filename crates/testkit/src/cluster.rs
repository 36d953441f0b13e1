//! One throwaway Postgres cluster for all tests of a process.
//!
//! A shell runs the server and waits on a pipe whose other end this process holds: however the
//! process ends, the pipe closes, and the shell stops the server and removes its files.

use std::{
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use herdbook_postgres::embedded::{Installation, Owner};

const SCRIPT: &str = r#"
"$1/initdb" -D "$2/data" -U herdbook -A trust -E UTF8 --lc-collate=C --lc-ctype="$3" -N --no-instructions >"$2/log" 2>&1 || exit 1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c full_page_writes=off \
    -c max_connections=400 -c shared_buffers=64MB -c jit=off -c autovacuum=off >>"$2/log" 2>&1 &
server=$!
read -r _
kill -QUIT $server
wait $server
rm -rf "$2"
"#;

pub(crate) struct Cluster {
    pub(crate) socket_dir: PathBuf,
    /// Its standard input is held open for as long as the process lives.
    _shell: Child,
}

/// The cluster of this process, started when first asked for.
pub(crate) fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

fn start() -> Cluster {
    let folder = tempfile::Builder::new()
        .prefix("herdbook-test-")
        .tempdir_in("/tmp");
    let folder = folder.expect("a folder for the test cluster").keep();
    let installation = Installation::find(None, &folder).expect("a PostgreSQL server");
    let owner = Owner::find().expect("an account for PostgreSQL");
    owner
        .make_folder(&folder)
        .expect("a folder of that account");
    let ctype = if cfg!(target_os = "macos") {
        "en_US.UTF-8"
    } else {
        "C.UTF-8"
    };
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", SCRIPT, "sh"])
        .arg(&installation.bin)
        .arg(&folder)
        .arg(ctype)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    shell.process_group(0);
    owner.apply(&mut shell);
    let shell = shell.spawn().expect("a shell");
    Cluster {
        socket_dir: folder,
        _shell: shell,
    }
}
