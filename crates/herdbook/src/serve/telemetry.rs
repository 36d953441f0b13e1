//! Logs of a serving process.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use super::options::{Common, LogFormat};
use crate::exit::Failure;

/// Writes logs to standard error as the options say, panics among them.
pub(super) fn start(common: &Common) -> Result<(), Failure> {
    // Postgres's notices are of use to nobody, unless asked for.
    let filters = format!("sqlx::postgres::notice=warn,{}", common.log);
    let filter = EnvFilter::try_new(filters).map_err(|error| {
        Failure::usage(format!("--log {:?} cannot be read: {error}", common.log))
    })?;
    let colour = std::io::stderr().is_terminal();
    let logs = fmt()
        .with_env_filter(filter)
        .with_ansi(colour)
        .with_writer(std::io::stderr);
    let started = match common.log_format {
        LogFormat::Human => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    started.map_err(Failure::failed)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str().unwrap_or_default();
        tracing::error!(place, message, "a task panicked");
    }));
    Ok(())
}
