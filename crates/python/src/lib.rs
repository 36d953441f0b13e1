//! The extension module `herdbook._internal`: the Rust client as Python sees it. What people use of it is in
//! `python/herdbook/`; nothing here is an API of its own.

mod calls;
mod client;
mod errors;
mod message;
mod method;
mod pending;
mod row;
mod run;
mod stream;

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

/// Counts the forks between this process and the one that loaded the module.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Which process this is: what was made in another one has no threads here.
fn process() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

#[pymodule]
mod _internal {
    use std::sync::atomic::Ordering;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        client::Client, message::Message, pending::Pending, run::RunBase, stream::MessageStream,
    };

    /// Tells that this process is the child of a fork.
    #[pyfunction]
    fn forked() {
        crate::FORKS.fetch_add(1, Ordering::Relaxed);
    }

    /// The folder in which a user's spools are by default, if the system knows one.
    #[pyfunction]
    fn default_spool() -> Option<std::path::PathBuf> {
        herdbook_client::default_spool()
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
