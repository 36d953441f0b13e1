//! `herdbook policies`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use herdbook_proto::registry::v1::{
    ApplySharedPolicyRequest, DeleteSharedPolicyRequest, GetSharedPolicyRequest,
    ListSharedPoliciesRequest, ListSharedPolicyRevisionsRequest, Policy, SharedPolicy,
    UseSharedPolicyRequest, policy_service_client::PolicyServiceClient,
};
use similar::TextDiff;

use super::models;
use crate::{
    cli::{ClientOptions, Output},
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const POLICY: &str = "herdbook.registry.v1.Policy";
const SHARED: &str = "herdbook.registry.v1.SharedPolicy";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List policies and how many models use each.
    ///
    /// Example: herdbook policies list
    List,
    /// Show a policy: its stages, moves and rules.
    ///
    /// Example: herdbook policies show production --revision 3
    Show {
        /// The policy.
        name: String,
        /// One of its revisions; the present one, if none is given.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        revision: i64,
    },
    /// Make a policy what a file says, for all models that use it, and print what changes.
    ///
    /// Example: herdbook policies apply -f production.yaml --dry-run
    Apply {
        /// A file as `export` prints it.
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Only check it and print what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Print a policy as YAML, for `apply`; with `--output json` as JSON.
    ///
    /// Example: herdbook policies export production > production.yaml
    Export {
        /// The policy.
        name: String,
        /// One of its revisions; the present one, if none is given.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        revision: i64,
    },
    /// List who saved which revision of a policy, newest first.
    ///
    /// Example: herdbook policies history production
    History {
        /// The policy.
        name: String,
    },
    /// Delete a policy that no model uses; decisions can still name its revisions.
    ///
    /// Example: herdbook policies delete trial
    Delete {
        /// The policy.
        name: String,
    },
    /// Make a model use a policy.
    ///
    /// Example: herdbook policies use production fraud-detector
    Use {
        /// The policy.
        name: String,
        /// The model.
        model: String,
    },
}

pub(crate) async fn run(client: ClientOptions, command: Command) -> Result<(), Failure> {
    let output = client.output;
    let mut policies = PolicyServiceClient::new(connect(&client).await?);
    match command {
        Command::List => {
            let request = ListSharedPoliciesRequest {
                page_size: 1_000,
                ..Default::default()
            };
            let found = policies.list_shared_policies(request).await?.into_inner();
            let name = "herdbook.registry.v1.ListSharedPoliciesResponse";
            output::print(output, name, &found, |found| list(&found.policies))
        }
        Command::Show { name, revision } => {
            let shared = get(&mut policies, name, revision).await?;
            output::print(output, SHARED, &shared, show)
        }
        Command::Apply { file, dry_run } => apply(&mut policies, output, &file, dry_run).await,
        Command::Export { name, revision } => {
            let shared = get(&mut policies, name, revision).await?;
            let text = exported(&shared)?;
            output::print(output, SHARED, &shared, |_| text)
        }
        Command::History { name } => {
            let request = ListSharedPolicyRevisionsRequest {
                name,
                page_size: 100,
                ..Default::default()
            };
            let found = policies.list_shared_policy_revisions(request).await?;
            let name = "herdbook.registry.v1.ListSharedPolicyRevisionsResponse";
            output::print(output, name, &found.into_inner(), |found| {
                history(&found.revisions)
            })
        }
        Command::Delete { name } => {
            let request = DeleteSharedPolicyRequest { name: name.clone() };
            let deleted = policies.delete_shared_policy(request).await?.into_inner();
            let message = "herdbook.registry.v1.DeleteSharedPolicyResponse";
            output::print(output, message, &deleted, |_| format!("{name} is deleted"))
        }
        Command::Use { name, model } => {
            let request = UseSharedPolicyRequest {
                model,
                policy: name,
            };
            let answer = policies.use_shared_policy(request).await?.into_inner();
            let policy = answer.policy.unwrap_or_default();
            output::print(output, POLICY, &policy, models::policy)
        }
    }
}

async fn get(
    policies: &mut PolicyServiceClient<Connection>,
    name: String,
    revision: i64,
) -> Result<SharedPolicy, Failure> {
    let request = GetSharedPolicyRequest { name, revision };
    let answer = policies.get_shared_policy(request).await?.into_inner();
    Ok(answer.policy.unwrap_or_default())
}

async fn apply(
    policies: &mut PolicyServiceClient<Connection>,
    output: Output,
    file: &Path,
    dry_run: bool,
) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    let given: SharedPolicy = output::read_yaml(SHARED, &text)?;
    let request = ApplySharedPolicyRequest {
        name: given.name,
        policy: given.policy,
        dry_run,
    };
    let applied = policies.apply_shared_policy(request).await?.into_inner();
    let now = applied.policy.clone().unwrap_or_default();
    let before = match applied.before.clone() {
        Some(policy) => exported(&SharedPolicy {
            policy: Some(policy),
            ..now.clone()
        })?,
        None => String::new(),
    };
    let after = exported(&now)?;
    let name = "herdbook.registry.v1.ApplySharedPolicyResponse";
    output::print(output, name, &applied, |applied| {
        let SharedPolicy { name, models, .. } = &now;
        let revision = now.policy.as_ref().map_or(0, |policy| policy.revision);
        match (applied.changed, dry_run) {
            (false, _) => format!("{name} is the same already, at revision {revision}"),
            (true, dry) => {
                let verb = if dry { "would be" } else { "is" };
                let diff = TextDiff::from_lines(&before, &after);
                let diff = diff.unified_diff().header("before", "after").to_string();
                format!("{diff}{name} {verb} at revision {revision}, used by {models} models")
            }
        }
    })
}

/// A policy as a file for `apply`: without what is not its to say.
fn exported(shared: &SharedPolicy) -> Result<String, Failure> {
    let policy = shared.policy.clone().map(|policy| Policy {
        revision: 0,
        ..policy
    });
    let shared = SharedPolicy {
        name: shared.name.clone(),
        policy,
        ..Default::default()
    };
    output::yaml(SHARED, &shared)
}

fn list(policies: &[SharedPolicy]) -> String {
    let row = |shared: &SharedPolicy| {
        vec![
            shared.name.clone(),
            revision(shared),
            shared.models.to_string(),
            shared.saved_by.clone(),
            output::ago(shared.saved_at.as_ref()),
        ]
    };
    let header = ["policy", "revision", "models", "saved by", "saved"];
    output::table(&header, policies.iter().map(row))
}

fn history(revisions: &[SharedPolicy]) -> String {
    let row = |shared: &SharedPolicy| {
        vec![
            revision(shared),
            shared.saved_by.clone(),
            output::time(shared.saved_at.as_ref()),
        ]
    };
    output::table(
        &["revision", "saved by", "saved"],
        revisions.iter().map(row),
    )
}

fn revision(shared: &SharedPolicy) -> String {
    let policy = shared.policy.as_ref();
    policy.map_or(0, |policy| policy.revision).to_string()
}

fn show(shared: &SharedPolicy) -> String {
    let policy = shared.policy.as_ref().map(models::policy);
    format!(
        "Policy {}, used by {} models\n{}",
        shared.name,
        shared.models,
        policy.unwrap_or_default()
    )
}
