//! What pco, by which points are compressed, does by itself on one core.

use std::time::Instant;

use pco::{
    ChunkConfig,
    standalone::{simple_compress, simple_decompress},
};

use crate::{median, streams::noisy_float32};

const VALUES: u64 = 1_000_000;
const ROUNDS: usize = 11;

/// Values a second in, and out again.
pub(crate) fn rates() -> (f64, f64) {
    let values: Vec<f64> = (0..VALUES).map(noisy_float32).collect();
    let (mut into, mut out) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let bytes = simple_compress(&values, &ChunkConfig::default()).unwrap();
        into.push(VALUES as f64 / start.elapsed().as_secs_f64());
        let start = Instant::now();
        let again: Vec<f64> = simple_decompress(&bytes).unwrap();
        out.push(VALUES as f64 / start.elapsed().as_secs_f64());
        assert_eq!(again, values);
    }
    (median(into), median(out))
}
