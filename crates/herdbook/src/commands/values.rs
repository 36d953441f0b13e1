//! `herdbook values`.

mod log;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use futures::{StreamExt as _, TryStreamExt as _};
use herdbook_proto::{
    common::v1::File,
    tracking::v1::{
        DownloadValueRequest, ListValueKeysRequest, ReadValuesRequest, ReadValuesResponse, Value,
        ValueSeries, download_value_response::Message as Download, value::Kind,
        value_service_client::ValueServiceClient,
    },
};

use super::artifacts::{Piece, receive};
use crate::{
    cli::ClientOptions,
    connection::{Connection, connect},
    exit::Failure,
    output,
};

/// Largest message that is taken: as large as the server sends.
const MESSAGE_BYTES: usize = 16 << 20;

type Client = ValueServiceClient<Connection>;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log values of a run: images, tables and what else files hold, or words.
    ///
    /// Example: herdbook values log 0198c0de… predictions/worst a.png b.png --step 3
    Log(log::Options),
    /// List the series of a run.
    ///
    /// Example: herdbook values list 0198c0de…
    List {
        /// The run.
        run: String,
    },
    /// Show the values of one step: histograms as bars, tables, texts.
    ///
    /// Example: herdbook values show 0198c0de… gradients/layer1 --step 3
    Show {
        /// The run.
        run: String,
        /// Key of the series.
        key: String,
        /// The step [default: the last].
        #[arg(long, allow_negative_numbers = true)]
        step: Option<i64>,
        /// Rows of a table.
        #[arg(long, default_value_t = 20)]
        rows: usize,
    },
    /// Download the bytes of a value.
    ///
    /// Example: herdbook values get 0198c0de… predictions/worst --step 3 --to worst.png
    Get {
        /// The run.
        run: String,
        /// Key of the series.
        key: String,
        /// The step [default: the last].
        #[arg(long, allow_negative_numbers = true)]
        step: Option<i64>,
        /// Which value of the step.
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// Where to put it [default: the last part of the key, here].
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let client = ValueServiceClient::new(connect(&options).await?);
    let mut client = client.max_decoding_message_size(MESSAGE_BYTES);
    match command {
        Command::Log(what) => {
            client.log_values(log::request(what)?).await?;
            Ok(())
        }
        Command::List { run } => {
            let request = ListValueKeysRequest {
                run_id: run,
                page_size: 1_000,
                ..Default::default()
            };
            let found = client.list_value_keys(request).await?.into_inner();
            let name = "herdbook.tracking.v1.ListValueKeysResponse";
            output::print(options.output, name, &found, |found| {
                let header = ["key", "type", "values", "first step", "last step"];
                output::table(&header, found.series.iter().map(row))
            })
        }
        Command::Show {
            run,
            key,
            step,
            rows,
        } => {
            let mut found = at_step(&mut client, &run, &key, step).await?;
            for value in &mut found.values {
                complete(&mut client, &run, value).await?;
            }
            let name = "herdbook.tracking.v1.ReadValuesResponse";
            output::print(options.output, name, &found, |found| {
                let shown = found.values.iter().map(|value| show::value(value, rows));
                shown.collect::<Vec<_>>().join("\n\n")
            })
        }
        Command::Get {
            run,
            key,
            step,
            index,
            to,
        } => {
            let step = match step {
                Some(step) => step,
                None => last_step(&mut client, &run, &key).await?,
            };
            let own_name = key.rsplit('/').next().unwrap_or(&key).to_owned();
            let to = to.unwrap_or_else(|| PathBuf::from(own_name));
            let request = DownloadValueRequest {
                run_id: run,
                key,
                step,
                index,
                ..Default::default()
            };
            let answers = client.download_value(request).await?.into_inner();
            let pieces = answers.map_ok(|answer| match answer.message {
                Some(Download::Value(value)) => Piece::File(file(value)),
                Some(Download::Chunk(chunk)) => Piece::Chunk(chunk.into()),
                None => Piece::Chunk(Vec::new()),
            });
            receive(pieces, &to).await
        }
    }
}

fn row(series: &ValueSeries) -> Vec<String> {
    vec![
        series.key.clone(),
        output::name(series.r#type().as_str_name(), "VALUE_TYPE_"),
        series.count.to_string(),
        series.first_step.to_string(),
        series.last_step.to_string(),
    ]
}

/// The values of a step, the last one if none is given.
async fn at_step(
    client: &mut Client,
    run: &str,
    key: &str,
    step: Option<i64>,
) -> Result<ReadValuesResponse, Failure> {
    let request = ReadValuesRequest {
        run_id: run.to_owned(),
        key: key.to_owned(),
        min_step: step,
        max_step: step,
        // The last of two is the last of all.
        max_steps: 2,
    };
    let answers = client.read_values(request).await?.into_inner();
    let answers: Vec<_> = answers.try_collect().await?;
    let values = answers.into_iter().flat_map(|answer| answer.values);
    let mut values: Vec<Value> = values.collect();
    let last = values.last().map(|value| value.step);
    values.retain(|value| Some(value.step) == last);
    Ok(ReadValuesResponse { values })
}

async fn last_step(client: &mut Client, run: &str, key: &str) -> Result<i64, Failure> {
    let found = at_step(client, run, key, None).await?;
    Ok(found
        .values
        .last()
        .map(|value| value.step)
        .unwrap_or_default())
}

/// Fetches the text or the rows of a value that are to be downloaded.
async fn complete(client: &mut Client, run: &str, value: &mut Value) -> Result<(), Failure> {
    let needed = match &value.kind {
        Some(Kind::Text(text)) => text.content.is_some(),
        Some(Kind::Table(table)) => table.content.is_some(),
        _ => false,
    };
    if !needed {
        return Ok(());
    }
    let request = DownloadValueRequest {
        run_id: run.to_owned(),
        key: value.key.clone(),
        step: value.step,
        index: value.index,
        ..Default::default()
    };
    let mut answers = client.download_value(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(answer) = answers.next().await {
        if let Some(Download::Chunk(chunk)) = answer?.message {
            bytes.extend_from_slice(&chunk);
        }
    }
    match &mut value.kind {
        Some(Kind::Text(text)) => text.text = String::from_utf8(bytes).map_err(Failure::failed)?,
        Some(Kind::Table(table)) => {
            table.rows = log::read_table(&bytes).map_err(Failure::failed)?.rows;
        }
        _ => {}
    }
    Ok(())
}

/// A value as a file: one that stands in its row has no digest.
fn file(value: Value) -> File {
    let content = match value.kind {
        Some(Kind::Text(text)) => text.content,
        Some(Kind::Image(image)) => image.content,
        Some(Kind::Audio(audio)) => audio.content,
        Some(Kind::Video(video)) => video.content,
        Some(Kind::Table(table)) => table.content,
        Some(Kind::Document(document)) => document.content,
        Some(Kind::Histogram(_)) | None => None,
    };
    let content = content.unwrap_or_default();
    File {
        path: value.key,
        size: content.size,
        digest: content.digest,
    }
}
