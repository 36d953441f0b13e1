//! `herdbook sync`.

use std::{io::Write as _, path::PathBuf, time::Duration};

use clap::Args;
use herdbook_client::{Client, Event, Options, default_spool};
use tonic::Status;

use crate::{cli::ClientOptions, connection::connect, exit::Failure};

/// Send what processes logged without a server, or left when they ended.
///
/// Example: herdbook sync --spool /scratch/spool
#[derive(Debug, Args)]
pub(crate) struct SyncOptions {
    /// The folder in which it waits [default: herdbook/spool in the user's data].
    #[arg(long, value_name = "DIR", env = "HERDBOOK_SPOOL")]
    spool: Option<PathBuf>,
    /// How long to go on while the server does not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u32,
}

pub(crate) async fn run(options: ClientOptions, command: SyncOptions) -> Result<(), Failure> {
    let nowhere = || Failure::usage("no home folder is known; name the folder with --spool");
    let folder = command.spool.or_else(default_spool).ok_or_else(nowhere)?;
    if !folder.is_dir() {
        writeln!(
            std::io::stdout(),
            "nothing waits: {} is not there",
            folder.display()
        )?;
        return Ok(());
    }
    // A server that is not there is told at once, and by name.
    drop(connect(&options).await?);
    let mut made = Options::new(&options.server)
        .spool(&folder)
        .on_event(|event| {
            if !matches!(event, Event::Left { .. } | Event::ActsLeft { .. }) {
                // Nothing is left to be told to somebody whose terminal is gone.
                let _ = writeln!(std::io::stderr(), "{event}");
            }
        });
    if let Some(token) = &options.token {
        made = made.token(token);
    }
    if let Some(workspace) = &options.workspace {
        made = made.workspace(workspace);
    }
    if let Some(file) = &options.ca_file {
        made = made.ca_file(file);
    }
    let client = Client::connect(made).map_err(Failure::failed)?;
    let closed = client.close(Duration::from_secs(command.wait.into()));
    let closed = closed.await.map_err(Failure::failed)?;
    writeln!(std::io::stdout(), "{} points sent", closed.committed)?;
    if closed.in_spool + closed.acts_left == 0 {
        return Ok(());
    }
    Err(Failure::from(Status::failed_precondition(format!(
        "{} points and {} calls still wait in {}; see above why",
        closed.in_spool,
        closed.acts_left,
        folder.display()
    ))))
}
