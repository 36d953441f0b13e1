//! `herdbook lineage duplicates`.

use herdbook_proto::lineage::v1::{Duplicates, FindDuplicatesRequest, FindDuplicatesResponse};

use super::client;
use crate::{cli::Output, connection::Connection, exit::Failure, output};

/// Groups that are asked for at a time.
const PAGE: u32 = 1_000;

pub(super) async fn run(connection: Connection, output: Output) -> Result<(), Failure> {
    let mut lineage = client(connection);
    let mut request = FindDuplicatesRequest {
        page_size: PAGE,
        ..Default::default()
    };
    let mut found = FindDuplicatesResponse::default();
    loop {
        let page = lineage.find_duplicates(request.clone()).await?.into_inner();
        found.duplicates.extend(page.duplicates);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let name = "herdbook.lineage.v1.FindDuplicatesResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &FindDuplicatesResponse) -> String {
    if found.duplicates.is_empty() {
        return "no data is recorded under two names".to_owned();
    }
    let row = |group: &Duplicates| {
        let digest = group.nodes.first().map(|key| key.version.clone());
        let names = group.nodes.iter().map(|key| key.name.as_str());
        vec![
            output::short(&digest.unwrap_or_default()),
            names.collect::<Vec<_>>().join(", "),
        ]
    };
    output::table(&["digest", "data sets"], found.duplicates.iter().map(row))
}
