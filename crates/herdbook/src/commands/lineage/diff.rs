//! `herdbook lineage diff`.

use std::collections::BTreeMap;

use clap::Args;
use herdbook_proto::lineage::v1::{
    ComparePedigreesRequest, ComparePedigreesResponse, FactChange, Node, PedigreeAspect,
    PedigreeChange,
};

use super::{client, moment::Moment, resolve};
use crate::{
    cli::Output,
    connection::Connection,
    exit::Failure,
    output,
    tree::{commit, describe},
};

/// Compare what two versions came from: data, code, params, packages, runs, models, tags.
///
/// Example: herdbook lineage diff fraud-detector/2 fraud-detector/3
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The version or node to compare with.
    from: String,
    /// The version or node in question.
    to: String,
    #[command(flatten)]
    moment: Moment,
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let request = ComparePedigreesRequest {
        from: resolve(&connection, options.from).await?,
        to: resolve(&connection, options.to).await?,
        known_at: options.moment.known_at(),
        held_at: options.moment.held_at(),
    };
    let found = client(connection)
        .compare_pedigrees(request)
        .await?
        .into_inner();
    let name = "herdbook.lineage.v1.ComparePedigreesResponse";
    output::print(output, name, &found, shown)
}

fn shown(found: &ComparePedigreesResponse) -> String {
    let name = |node: &Option<Node>| node.as_ref().map(describe).unwrap_or_default();
    let mut lines = vec![format!("{}  ->  {}", name(&found.from), name(&found.to))];
    let mut sections: BTreeMap<PedigreeAspect, Vec<&PedigreeChange>> = BTreeMap::new();
    for change in &found.changes {
        sections.entry(change.aspect()).or_default().push(change);
    }
    for (aspect, changes) in sections {
        lines.push(heading(aspect).to_owned());
        lines.extend(changes.into_iter().map(change));
    }
    let same = [
        (found.same_data, "data sets"),
        (found.same_params, "params"),
        (found.same_packages, "packages"),
    ];
    let same = same.into_iter().filter(|(count, _)| *count > 0);
    let same: Vec<_> = same
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match (found.changes.is_empty(), same.is_empty()) {
        (true, _) => lines.push("no difference".to_owned()),
        (false, false) => lines.push(format!("the same: {}", same.join(", "))),
        (false, true) => {}
    }
    lines.join("\n")
}

fn heading(aspect: PedigreeAspect) -> &'static str {
    match aspect {
        PedigreeAspect::Data => "Data",
        PedigreeAspect::Code => "Code",
        PedigreeAspect::Param => "Params",
        PedigreeAspect::Environment => "Environment",
        PedigreeAspect::Package => "Packages",
        PedigreeAspect::Run => "Run",
        PedigreeAspect::Model => "Models",
        PedigreeAspect::Tag => "Tags",
        PedigreeAspect::Unspecified => "Other",
    }
}

fn change(change: &PedigreeChange) -> String {
    let state = |state: &str| match change.aspect() {
        // A command may be long, and is told whole.
        PedigreeAspect::Run | PedigreeAspect::Tag | PedigreeAspect::Param => state.to_owned(),
        PedigreeAspect::Code => commit(state),
        _ => output::short(state),
    };
    let told = told(
        &change.name,
        change.from.as_deref(),
        change.to.as_deref(),
        state,
    );
    let facts = change.facts.iter().map(fact);
    std::iter::once(told)
        .chain(facts)
        .collect::<Vec<_>>()
        .join("\n")
}

fn fact(fact: &FactChange) -> String {
    let (from, to) = (fact.from.as_deref(), fact.to.as_deref());
    let cut = |text: &str| match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    format!("    {}", told(&fact.name, from, to, cut))
}

/// A line with `+`, `-` or `~`, as diffs mark what came, went and changed.
fn told(
    name: &str,
    from: Option<&str>,
    to: Option<&str>,
    state: impl Fn(&str) -> String,
) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("  ~ {name}  {} -> {}", state(from), state(to)),
        (Some(from), None) => format!("  - {name}  {}", state(from)),
        (None, to) => format!("  + {name}  {}", state(to.unwrap_or_default())),
    }
    .trim_end()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stand_under_what_they_are_about() {
        let change = |aspect: PedigreeAspect, name: &str, from: Option<&str>, to: Option<&str>| {
            PedigreeChange {
                aspect: aspect.into(),
                name: name.to_owned(),
                from: from.map(str::to_owned),
                to: to.map(str::to_owned),
                facts: Vec::new(),
            }
        };
        let mut data = change(PedigreeAspect::Data, "loans", Some("1"), Some("2"));
        data.facts = vec![FactChange {
            name: "rows".to_owned(),
            from: Some("100".to_owned()),
            to: Some("120".to_owned()),
        }];
        let found = ComparePedigreesResponse {
            changes: vec![
                data,
                change(PedigreeAspect::Package, "numpy", None, Some("2.1.0")),
                change(PedigreeAspect::Package, "scipy", Some("1.0"), None),
            ],
            same_params: 3,
            ..Default::default()
        };
        let expected = "Data
  ~ loans  1 -> 2
      ~ rows  100 -> 120
Packages
  + numpy  2.1.0
  - scipy  1.0
the same: 3 params";
        assert_eq!(shown(&found).split_once('\n').unwrap().1, expected);
    }
}
