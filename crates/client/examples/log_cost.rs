//! What a call of `log` costs a training loop: a million rows while the server is away, then the
//! slowest of them, for one metric and for ten.
//!
//! `cargo run --release -p herdbook-client --example log_cost`

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use herdbook_client::{Client, ClientError, Options};

const ROWS: i64 = 1_000_000;

fn main() -> Result<(), ClientError> {
    // Nobody answers there; what does not fit is dropped, which costs less than what does.
    let options = Options::new("http://127.0.0.1:1").memory(1 << 30);
    let client = Client::connect(options.patience(Duration::ZERO))?;
    for metrics in [1, 10] {
        let run = client.run(&format!("{metrics:032x}"))?;
        let keys: Vec<String> = (0..metrics)
            .map(|number| format!("metric-{number}"))
            .collect();
        let row: Vec<(&str, f64)> = keys.iter().map(|key| (key.as_str(), 0.5)).collect();
        let mut times = Vec::new();
        for step in 0..ROWS {
            let start = Instant::now();
            run.log(step, &row)?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let mean = times.iter().sum::<Duration>() / u32::try_from(ROWS).unwrap_or(u32::MAX);
        let at = |share: usize| times.get(times.len() * share / 10_000).copied();
        // Standard output may be gone.
        let _ = writeln!(
            std::io::stdout(),
            "{metrics} metrics a call: mean {mean:?}, median {:?}, 99.99 % {:?}, dropped {}",
            at(5_000).unwrap_or_default(),
            at(9_999).unwrap_or_default(),
            client.dropped()
        );
    }
    Ok(())
}
