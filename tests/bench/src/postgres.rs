//! What the same Postgres does at best, by its own pgbench.

use std::{fs, io::Write as _, path::PathBuf, process::Command};

/// Rows of `bytes` a second that come to disk from `clients`, so many `rows` a transaction, measured for some
/// `seconds`; nothing where there is no pgbench.
pub(crate) fn commits(
    url: &str,
    clients: u32,
    bytes: usize,
    rows: u32,
    seconds: u32,
) -> Option<f64> {
    let program = program()?;
    let sql = |text: &str| {
        let done = Command::new(program.with_file_name("psql"))
            .args([url, "-qc", text])
            .status();
        done.is_ok_and(|status| status.success())
    };
    if !sql(
        // Uncompressed: bytes that are all alike would come to nothing.
        "SET client_min_messages = error; DROP TABLE IF EXISTS bench_floor; \
        CREATE TABLE bench_floor (n bigint, data bytea); \
        ALTER TABLE bench_floor ALTER COLUMN data SET STORAGE EXTERNAL",
    ) {
        return None;
    }
    let mut script = std::env::temp_dir();
    script.push(format!("herdbook-bench-{}.sql", std::process::id()));
    let mut file = fs::File::create(&script).ok()?;
    writeln!(
        file,
        "INSERT INTO bench_floor \
        SELECT n, decode(repeat('5f', {bytes}), 'hex') FROM generate_series(1, {rows}) AS n;"
    )
    .ok()?;
    let (clients, seconds) = (clients.to_string(), seconds.to_string());
    let output = Command::new(&program)
        .args([
            "-n", "-M", "prepared", "-T", &seconds, "-c", &clients, "-j", "2", "-f",
        ])
        .arg(&script)
        .arg(url)
        .output()
        .ok()?;
    sql("DROP TABLE bench_floor");
    fs::remove_file(&script).ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = "))?;
    let transactions: f64 = rate.split_whitespace().next()?.parse().ok()?;
    Some(transactions * f64::from(rows))
}

/// pgbench, on the path or where Debian keeps it.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|version| Some(version.ok()?.path().join("bin")));
    debian
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("pgbench"))
        .find(|program| program.exists())
}
