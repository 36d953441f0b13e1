//! `herdbook lineage facets`.

use std::io::Write as _;

use clap::Args;
use herdbook_proto::lineage::v1::{Facet, GetFacetsRequest, GetFacetsResponse};

use super::{Client, resolve};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

/// Bytes of a message that has a large document.
const MESSAGE_BYTES: usize = 16 << 20;

/// Show the documents that producers attached to a node, such as the facets of OpenLineage.
///
/// Example: herdbook lineage facets dataset:s3://lake/orders --name schema
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The node.
    node: String,
    /// Only facets of this name.
    #[arg(long, default_value = "")]
    name: String,
    /// Only what this run told.
    #[arg(long, default_value = "", value_name = "ID")]
    run: String,
    /// What every run told, instead of the newest alone.
    #[arg(long)]
    history: bool,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = GetFacetsRequest {
        node: resolve(&connection, options.node).await?,
        name: options.name,
        run: options.run,
        history: options.history,
    };
    let mut client = Client::new(connection).max_decoding_message_size(MESSAGE_BYTES);
    let mut facets = client.get_facets(request).await?.into_inner();
    let name = "herdbook.lineage.v1.GetFacetsResponse";
    let mut any = false;
    while let Some(found) = facets.message().await? {
        any = true;
        output::print(output, name, &found, shown)?;
    }
    if !any && output == Output::Table {
        writeln!(std::io::stdout(), "nothing is attached to it")?;
    }
    Ok(())
}

fn shown(found: &GetFacetsResponse) -> String {
    let facet = found.facet.clone().unwrap_or_default();
    let Facet {
        name,
        scope,
        run,
        document,
        ..
    } = facet;
    let words = [
        name,
        scope,
        match run.as_str() {
            "" => String::new(),
            run => format!("told by run {run}"),
        },
    ];
    let title: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("{}\n    {document}", title.join("  "))
}
