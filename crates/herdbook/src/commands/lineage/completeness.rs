//! `herdbook lineage completeness`.

use clap::{Args, ValueEnum};
use herdbook_proto::lineage::v1::{
    CheckCompletenessRequest, CheckCompletenessResponse, CompletenessFinding, CompletenessPurpose,
};

use super::{client, moment::Moment, resolve};
use crate::{cli::Output, connection::Connection, exit::Failure, output, tree::describe};

/// Show what is missing to make a version again, and to account for it.
///
/// Each rule has a weight; the score is the share of those that hold, in percent. Ends with 4 if a score is
/// below --min-score.
///
/// Example: herdbook lineage completeness fraud-detector@Production --min-score 80
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A version such as model@Production or model/3, or a node such as run:<id>.
    node: String,
    /// The lowest score that will do.
    #[arg(long, default_value_t = 0, value_name = "PERCENT")]
    min_score: u32,
    /// What for; both, if not given.
    #[arg(long = "for", value_enum, value_name = "PURPOSE")]
    purpose: Option<Purpose>,
    #[command(flatten)]
    moment: Moment,
}

/// What rules are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// To make it again.
    Reproduction,
    /// To account for it.
    Audit,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Reproduction => "reproduction",
            Self::Audit => "audit",
        }
    }

    fn score(self, found: &CheckCompletenessResponse) -> u32 {
        match self {
            Self::Reproduction => found.reproduction_score,
            Self::Audit => found.audit_score,
        }
    }

    fn is_of(self, finding: &CompletenessFinding) -> bool {
        finding.purpose()
            == match self {
                Self::Reproduction => CompletenessPurpose::Reproduction,
                Self::Audit => CompletenessPurpose::Audit,
            }
    }
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    let node = resolve(&connection, options.node).await?;
    let found = client(connection)
        .check_completeness(CheckCompletenessRequest {
            node,
            known_at: options.moment.known_at(),
            held_at: options.moment.held_at(),
        })
        .await?
        .into_inner();
    let purposes = match options.purpose {
        Some(purpose) => vec![purpose],
        None => vec![Purpose::Reproduction, Purpose::Audit],
    };
    let name = "herdbook.lineage.v1.CheckCompletenessResponse";
    output::print(output, name, &found, |found| shown(found, &purposes))?;
    let low = purposes
        .iter()
        .find(|purpose| purpose.score(&found) < options.min_score);
    match low {
        None => Ok(()),
        Some(purpose) => Err(Failure::refused(format!(
            "the score for {} is {}, below {}",
            purpose.name(),
            purpose.score(&found),
            options.min_score
        ))),
    }
}

fn shown(found: &CheckCompletenessResponse, purposes: &[Purpose]) -> String {
    let mut lines = vec![found.node.as_ref().map(describe).unwrap_or_default()];
    for purpose in purposes {
        let score = purpose.score(found);
        lines.push(format!("\nfor {}: {score} %", purpose.name()));
        let findings = found.findings.iter();
        lines.extend(findings.filter(|finding| purpose.is_of(finding)).map(told));
    }
    lines.join("\n")
}

fn told(finding: &CompletenessFinding) -> String {
    let CompletenessFinding {
        rule, weight, asks, ..
    } = finding;
    let mark = if finding.passed { "✓" } else { "✗" };
    let mut lines = vec![format!("  {mark} {weight:>2}  {rule}: {asks}")];
    lines.extend(finding.missing_at.iter().map(|key| {
        let state = output::short(&key.version);
        format!("          not of {} {} {state}", key.kind, key.name)
            .trim_end()
            .to_owned()
    }));
    if !finding.remedy.is_empty() {
        lines.push(format!("          -> {}", finding.remedy));
    }
    lines.join("\n")
}
