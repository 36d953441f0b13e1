//! The rules. Those of a purpose weigh 100 together, so that a weight is a share in percent.

use std::collections::BTreeSet;

use super::{
    Case,
    Purpose::{Audit, Reproduction},
    Rule,
};
use crate::{
    making::{Making, is_seed},
    node::{Node, NodeKey, kind},
    proof,
};

/// All rules, in the order in which they are told.
pub(super) static RULES: [Rule; 20] = [
    Rule {
        name: "data-known",
        purpose: Reproduction,
        weight: 15,
        asks: "the run that made it says which data it read",
        remedy: "log the run's dataset inputs",
        fails_at: |case| case.of_making(|making| !making.data.is_empty()),
    },
    Rule {
        name: "data-digests",
        purpose: Reproduction,
        weight: 15,
        asks: "each data set that the run read has a digest",
        remedy: "log inputs with the SHA-256 of their files, as sha256:…",
        fails_at: |case| case.of_data(has_digest),
    },
    Rule {
        name: "data-locations",
        purpose: Reproduction,
        weight: 10,
        asks: "each data set that the run read says where it lies",
        remedy: "log inputs with their uri",
        fails_at: |case| case.of_data(|node| has(node, "uri")),
    },
    Rule {
        name: "commit",
        purpose: Reproduction,
        weight: 15,
        asks: "the repository and the commit of the code are known",
        remedy: "create runs with source.repository and source.commit",
        fails_at: |case| case.of_making(has_commit),
    },
    Rule {
        name: "changes-kept",
        purpose: Reproduction,
        weight: 5,
        asks: "nothing was changed since the commit, or the digest of the changes is known",
        remedy: "commit before training, or send source.diff_digest and upload the changes as an artifact",
        fails_at: |case| case.of_making(keeps_changes),
    },
    Rule {
        name: "command",
        purpose: Reproduction,
        weight: 10,
        asks: "the command line, or the entry point, is known",
        remedy: "create runs with source.command",
        fails_at: |case| {
            case.of_making(|making| !making.command().is_empty() || has(making.run, "entry_point"))
        },
    },
    Rule {
        name: "packages",
        purpose: Reproduction,
        weight: 10,
        asks: "the installed packages are known, each with its version",
        remedy: "create runs with environment.requirements, as pip freeze prints them",
        fails_at: |case| case.of_making(is_locked),
    },
    Rule {
        name: "python",
        purpose: Reproduction,
        weight: 5,
        asks: "the version of Python is known",
        remedy: "create runs with environment.python_version",
        fails_at: |case| {
            case.of_making(|making| {
                making
                    .environment
                    .is_some_and(|node| has(node, "python_version"))
            })
        },
    },
    Rule {
        name: "params",
        purpose: Reproduction,
        weight: 5,
        asks: "the params of the run are known",
        remedy: "log the run's params",
        fails_at: |case| case.of_making(|making| !making.params().is_empty()),
    },
    Rule {
        name: "seed",
        purpose: Reproduction,
        weight: 5,
        asks: "a param says how random numbers were seeded",
        remedy: "log the seed as a param, such as seed or random_state",
        fails_at: |case| case.of_making(is_seeded),
    },
    Rule {
        name: "outputs",
        purpose: Reproduction,
        weight: 5,
        asks: "the digests of what came out are known",
        remedy: "upload what the run made as artifacts",
        fails_at: |case| case.of_making(|_| !case.outputs.is_empty()),
    },
    Rule {
        name: "nothing-unknown",
        purpose: Audit,
        weight: 30,
        asks: "everything it descends from says what it came from",
        remedy: "record what is missing: the node itself, the data of a run, the run of a version",
        fails_at: unknown,
    },
    Rule {
        name: "data-digests-everywhere",
        purpose: Audit,
        weight: 15,
        asks: "each data set in its descent has a digest",
        remedy: "record data sets with the SHA-256 of their content",
        fails_at: |case| case.of_kind(kind::DATASET, has_digest),
    },
    Rule {
        name: "data-origins",
        purpose: Audit,
        weight: 10,
        asks: "each data set came from another, or says where it lies",
        remedy: "record the uri of source data, or what data was derived from",
        fails_at: without_origin,
    },
    Rule {
        name: "code-committed",
        purpose: Audit,
        weight: 10,
        asks: "each run in its descent that names its code ran what was committed",
        remedy: "commit before training",
        fails_at: |case| case.of_kind(kind::RUN, |node| node.attribute("dirty") != Some("true")),
    },
    Rule {
        name: "code-known",
        purpose: Audit,
        weight: 10,
        asks: "the code of the run that made it is known",
        remedy: "create runs with source.repository and source.commit",
        fails_at: |case| case.of_making(has_commit),
    },
    Rule {
        name: "people",
        purpose: Audit,
        weight: 10,
        asks: "it is known who ran each run and who registered each version",
        remedy: "create runs with a user, or by a caller with a name",
        fails_at: |case| case.of_kinds(names_somebody),
    },
    Rule {
        name: "runs-finished",
        purpose: Audit,
        weight: 5,
        asks: "the run that made it came to its end",
        remedy: "end runs with a final status",
        fails_at: |case| case.of_making(|making| has(making.run, "ended_at")),
    },
    Rule {
        name: "results",
        purpose: Audit,
        weight: 5,
        asks: "the metrics it was registered with are known",
        remedy: "register it as a version of a run with metrics",
        fails_at: |case| case.of_subject(has_metrics),
    },
    Rule {
        name: "environment-known",
        purpose: Audit,
        weight: 5,
        asks: "what it was made in is known",
        remedy: "create runs with an environment",
        fails_at: |case| case.of_making(|making| making.environment.is_some()),
    },
];

/// Whatever does not say what it came from.
fn unknown(case: &Case<'_>) -> BTreeSet<NodeKey> {
    let pedigree = &case.descent.pedigree;
    let unknowns = proof::unknowns(&pedigree.nodes, &pedigree.edges).into_iter();
    unknowns.map(|(key, _)| key).collect()
}

/// Data that neither came from anything nor says where it lies.
fn without_origin(case: &Case<'_>) -> BTreeSet<NodeKey> {
    let edges = case.descent.pedigree.edges.iter();
    let derived: BTreeSet<&NodeKey> = edges.map(|edge| &edge.target).collect();
    case.of_kind(kind::DATASET, |node| {
        has(node, "uri") || derived.contains(&node.key)
    })
}

fn has(node: &Node, fact: &str) -> bool {
    node.attribute(fact).is_some()
}

fn has_digest(node: &Node) -> bool {
    !node.key.version.is_empty()
}

fn has_commit(making: &Making<'_>) -> bool {
    making
        .commit()
        .is_some_and(|(_, commit)| !commit.is_empty())
}

fn keeps_changes(making: &Making<'_>) -> bool {
    making.code.is_some() && (!making.is_dirty() || has(making.run, "diff_digest"))
}

/// Whether every package has one version.
fn is_locked(making: &Making<'_>) -> bool {
    let mut requirements = making.requirements().peekable();
    let locked = |line: &str| line.contains("==") || line.contains(" @ ");
    requirements.peek().is_some() && requirements.all(locked)
}

fn is_seeded(making: &Making<'_>) -> bool {
    let params = making.params();
    params.keys().any(|name| is_seed(name))
}

fn names_somebody(node: &Node) -> bool {
    match node.key.kind.as_str() {
        kind::RUN => has(node, "user"),
        kind::MODEL_VERSION => has(node, "created_by"),
        _ => true,
    }
}

fn has_metrics(node: &Node) -> bool {
    node.attribute("metrics")
        .is_some_and(|metrics| metrics != "{}")
}
