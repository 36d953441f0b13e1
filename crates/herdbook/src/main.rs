//! Herdbook: experiment tracking, model registry and model lineage.
fn main() {}
