//! `herdbook models diff`.

use clap::Args;
use herdbook_proto::registry::v1::{
    CompareVersionsRequest, CompareVersionsResponse, Difference, Direction, FileDifference,
    LineageDifference, MetricDifference, Version, compare_service_client::CompareServiceClient,
};

use crate::{cli::Output, connection::Connection, exit::Failure, output};

const COMPARED: &str = "herdbook.registry.v1.CompareVersionsResponse";

/// Compare two versions: fields, metrics, params, files by digest, cards and descent.
///
/// Example: herdbook models diff fraud-detector@Production fraud-detector/4
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The version to compare with, such as model@Production.
    from: String,
    /// The version in question, such as model/4.
    to: String,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let Options { from, to } = options;
    let request = CompareVersionsRequest { from, to };
    let mut client = CompareServiceClient::new(connection);
    let found = client.compare_versions(request).await?.into_inner();
    output::print(output, COMPARED, &found, shown)
}

fn shown(found: &CompareVersionsResponse) -> String {
    let name = |version: Option<&Version>| {
        version.map_or_else(String::new, |version| {
            format!("{}/{}", version.model, version.number)
        })
    };
    let names = [name(found.from.as_ref()), name(found.to.as_ref())];
    let differ = [
        ("FIELD", &found.fields),
        ("TAG", &found.tags),
        ("PARAM", &found.params),
        ("SCHEMA", &found.schema),
    ];
    let differ = differ
        .into_iter()
        .map(|(what, differ)| table(what, &names, differ.iter().map(difference)));
    let mut parts: Vec<String> = differ.collect();
    let differ = found.metrics.iter();
    let differ = differ.filter(|metric| metric.difference != Some(0.0));
    let metrics = table("METRIC", &names, differ.map(metric));
    parts.insert(1, metrics);
    parts.push(files(found, &names));
    parts.push(found.text.trim_end().to_owned());
    parts.push(
        found
            .lineage
            .as_ref()
            .map(|found| lineage(found, &names))
            .unwrap_or_default(),
    );
    parts.retain(|part| !part.is_empty());
    match parts.is_empty() {
        true => "no difference".to_owned(),
        false => parts.join("\n\n"),
    }
}

/// A table headed by the names of the versions; nothing without rows.
fn table(what: &str, names: &[String; 2], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let [from, to] = names.clone();
    let mut header = vec![what.to_owned(), from, to];
    header.extend((header.len()..rows[0].len()).map(|_| "DIFFERENCE".to_owned()));
    output::columns(header, rows)
}

fn difference(found: &Difference) -> Vec<String> {
    let value = |value: &Option<String>| {
        let value = value.as_deref().unwrap_or("–");
        match found.name.as_str() {
            "digest" => output::short(value),
            _ => value.to_owned(),
        }
    };
    vec![found.name.clone(), value(&found.from), value(&found.to)]
}

fn metric(found: &MetricDifference) -> Vec<String> {
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), output::number);
    let difference = found.difference.map_or_else(String::new, |difference| {
        let sign = if difference > 0.0 { "+" } else { "" };
        let verdict = match (found.better(), difference > 0.0) {
            (Direction::Unspecified, _) => "",
            (Direction::Higher, true) | (Direction::Lower, false) => " better",
            (Direction::Higher, false) | (Direction::Lower, true) => " worse",
        };
        format!("{sign}{}{verdict}", output::number(difference))
    });
    vec![
        found.key.clone(),
        value(found.from),
        value(found.to),
        difference,
    ]
}

fn files(found: &CompareVersionsResponse, names: &[String; 2]) -> String {
    let Some(files) = &found.files else {
        return String::new();
    };
    let side = |digest: &str, size| match digest {
        "" => "–".to_owned(),
        digest => format!("{}  {}", output::short(digest), output::size(size)),
    };
    let row = |file: &FileDifference| {
        let FileDifference {
            path,
            from_digest,
            to_digest,
            from_size,
            to_size,
        } = file;
        vec![
            path.clone(),
            side(from_digest, *from_size),
            side(to_digest, *to_size),
        ]
    };
    let table = table("FILE", names, files.differ.iter().map(row));
    if table.is_empty() {
        return String::new();
    }
    let told = files.added + files.removed + files.changed;
    let rest = told - i64::try_from(files.differ.len()).unwrap_or(i64::MAX);
    let more = match rest {
        0 => String::new(),
        rest => format!(", {rest} more than are listed"),
    };
    format!(
        "{table}\n{} added, {} removed, {} changed, {} the same ({}){more}",
        files.added,
        files.removed,
        files.changed,
        files.same,
        output::size(files.same_bytes)
    )
}

fn lineage(found: &LineageDifference, [from, to]: &[String; 2]) -> String {
    let only = |name: &String, nodes: &[String]| {
        let nodes = nodes.iter().map(|node| format!("\n  {node}"));
        match nodes.len() {
            0 => String::new(),
            _ => format!("only {name} descends from{}\n", nodes.collect::<String>()),
        }
    };
    let mut text = only(from, &found.only_from) + &only(to, &found.only_to);
    if text.is_empty() && !found.incomplete {
        return text;
    }
    text.push_str(&format!("both descend from {} nodes", found.common));
    if found.truncated {
        text.push_str("; there are more than are told");
    }
    if found.incomplete {
        text.push_str("; lineage does not know one of the versions yet, ask again in a moment");
    }
    text
}
