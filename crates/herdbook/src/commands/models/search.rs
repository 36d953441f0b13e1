//! `herdbook models search`.

use clap::Args;
use herdbook_proto::registry::v1::{
    SearchVersionsRequest, SearchVersionsResponse, Version,
    version_service_client::VersionServiceClient,
};

use crate::{cli::Output, connection::Connection, exit::Failure, output};

const FOUND: &str = "herdbook.registry.v1.SearchVersionsResponse";

/// Find versions of all models.
///
/// Example: herdbook models search "metrics.accuracy > 0.9 and stage = 'Production'" --order-by
/// "metrics.accuracy desc" --columns metrics.accuracy,params.lr
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which versions, such as "owner = 'risk-ml' and licence = 'MIT'"; all, if none is given.
    #[arg(default_value = "")]
    filter: String,
    /// In which order; may be repeated. The newest first, if none is given.
    #[arg(long, value_name = "FIELD [asc|desc]")]
    order_by: Vec<String>,
    /// What to show of each, such as params.lr,metrics.loss,tags.team,licence.
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20)]
    limit: u32,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = SearchVersionsRequest {
        filter: options.filter,
        order_by: options.order_by,
        page_size: options.limit,
        ..Default::default()
    };
    let mut versions = VersionServiceClient::new(connection);
    let found = versions.search_versions(request).await?.into_inner();
    output::print(output, FOUND, &found, |found| {
        table(found, &options.columns)
    })
}

fn table(found: &SearchVersionsResponse, columns: &[String]) -> String {
    if found.versions.is_empty() {
        return "no versions".to_owned();
    }
    let row = |version: &Version| {
        let facts = [
            format!("{}/{}", version.model, version.number),
            version.label.clone(),
            version.stage.clone(),
            version.aliases.join(", "),
            output::ago(version.created_at.as_ref()),
        ];
        let values = columns.iter().map(|column| value(version, column));
        facts.into_iter().chain(values).collect()
    };
    let header = ["VERSION", "LABEL", "STAGE", "ALIASES", "CREATED"].map(str::to_owned);
    let header = header.into_iter().chain(columns.iter().cloned());
    let more = match found.next_page_token.is_empty() {
        true => "",
        false => "\n… there are more; raise --limit",
    };
    let rows = found.versions.iter().map(row);
    format!("{}{more}", output::columns(header, rows))
}

/// What a column such as `params.lr` holds.
fn value(version: &Version, column: &str) -> String {
    let (group, key) = column.split_once('.').unwrap_or(("attributes", column));
    let licence = || version.card.as_ref().map(|card| card.licence.clone());
    let found = match (group, key) {
        ("params", key) => version.params.get(key).cloned(),
        ("tags", key) => version.tags.get(key).cloned(),
        ("metrics", key) => version.metrics.get(key).copied().map(output::number),
        (_, "description") => Some(version.description.clone()),
        (_, "flavor") => Some(version.flavor.clone()),
        (_, "licence") => licence(),
        (_, "run_id") => Some(version.run_id.clone()),
        (_, "digest") => Some(output::short(&version.digest)),
        (_, "created_by") => Some(version.created_by.clone()),
        (_, "updated_at") => Some(output::time(version.updated_at.as_ref())),
        _ => None,
    };
    found.unwrap_or_default()
}
