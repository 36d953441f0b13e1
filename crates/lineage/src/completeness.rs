//! What is missing to reproduce a thing, and to account for it, by named rules.

use std::collections::BTreeSet;

use herdbook_core::Digest;

use crate::{
    making::{Descent, Making, is_seed},
    node::{Node, NodeKey, kind},
    proof,
};

/// What a rule is for; the numbers are those of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Purpose {
    Reproduction = 1,
    Audit = 2,
}

/// A rule.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    /// Those of a purpose are 100 together, so that a weight is a share in percent.
    pub(crate) weight: u32,
    pub(crate) asks: &'static str,
    pub(crate) remedy: &'static str,
    /// The nodes where it does not hold; none if it holds.
    fails_at: fn(&Case<'_>) -> BTreeSet<NodeKey>,
}

/// What came of a rule.
pub(crate) struct Finding {
    pub(crate) rule: &'static Rule,
    /// Where it does not hold; empty if it holds.
    pub(crate) missing_at: BTreeSet<NodeKey>,
}

/// What rules look at.
pub(crate) struct Case<'a> {
    descent: &'a Descent,
    making: Option<Making<'a>>,
    /// Files that the run left.
    outputs: &'a [Node],
}

const fn rule(
    purpose: Purpose,
    name: &'static str,
    weight: u32,
    asks: &'static str,
    remedy: &'static str,
    fails_at: fn(&Case<'_>) -> BTreeSet<NodeKey>,
) -> Rule {
    Rule {
        name,
        purpose,
        weight,
        asks,
        remedy,
        fails_at,
    }
}

/// All rules, the weightiest first.
#[rustfmt::skip]
pub(crate) static RULES: [Rule; 20] = {
    use Purpose::{Audit, Reproduction};
    [
        rule(Reproduction, "data-known", 15, "the run that made it says which data it read",
            "log the run's dataset inputs", |case| case.of_making(|making| !making.data.is_empty())),
        rule(Reproduction, "data-digests", 15, "each data set that the run read has a digest",
            "log inputs with the SHA-256 of their files, as sha256:…", |case| case.of_data(|node| !node.key.version.is_empty())),
        rule(Reproduction, "data-locations", 10, "each data set that the run read says where it lies",
            "log inputs with their uri", |case| case.of_data(|node| node.attribute("uri").is_some())),
        rule(Reproduction, "commit", 15, "the repository and the commit of the code are known",
            "create runs with source.repository and source.commit", |case| case.of_making(|making| making.commit().is_some_and(|(_, commit)| !commit.is_empty()))),
        rule(Reproduction, "changes-kept", 5, "nothing was changed since the commit, or the digest of the changes is known",
            "commit before training, or log the output of git diff as an artifact and its SHA-256 as source.diff_digest",
            |case| case.of_making(|making| making.code.is_some() && (!making.is_dirty() || making.run.attribute("diff_digest").is_some()))),
        rule(Reproduction, "command", 10, "the command line, or the entry point, is known",
            "create runs with source.command", |case| case.of_making(|making| !making.command().is_empty() || making.run.attribute("entry_point").is_some())),
        rule(Reproduction, "packages", 10, "the installed packages are known, each with its version",
            "create runs with environment.requirements, as pip freeze prints them", |case| case.of_making(is_locked)),
        rule(Reproduction, "python", 5, "the version of Python is known",
            "create runs with environment.python_version", |case| case.of_making(|making| making.environment.is_some_and(|node| node.attribute("python_version").is_some()))),
        rule(Reproduction, "params", 5, "the params of the run are known",
            "log the run's params", |case| case.of_making(|making| making.params().is_some())),
        rule(Reproduction, "seed", 5, "a param says how random numbers were seeded",
            "log the seed as a param, such as seed or random_state", |case| case.of_making(|making| making.params().is_some_and(|params| params.keys().any(|name| is_seed(name))))),
        rule(Reproduction, "outputs", 5, "the digests of what came out are known",
            "upload what the run made as artifacts", |case| case.of_making(|_| !case.outputs.is_empty())),
        rule(Audit, "nothing-unknown", 30, "everything it descends from says what it came from",
            "record what is missing: the node itself, the data of a run, the run of a version", |case| {
                let Descent { pedigree, .. } = case.descent;
                proof::unknowns(&pedigree.nodes, &pedigree.edges).into_iter().map(|(key, _)| key).collect()
            }),
        rule(Audit, "data-digests-everywhere", 15, "each data set in its descent has a digest",
            "record data sets with the SHA-256 of their content", |case| case.of_kind(kind::DATASET, |node| !node.key.version.is_empty())),
        rule(Audit, "data-origins", 10, "each data set came from another, or says where it lies",
            "record the uri of source data, or what data was derived from", |case| case.without_origin()),
        rule(Audit, "code-committed", 10, "each run in its descent that names its code ran what was committed",
            "commit before training", |case| case.of_kind(kind::RUN, |node| node.attribute("dirty") != Some("true"))),
        rule(Audit, "code-known", 10, "the code of the run that made it is known",
            "create runs with source.repository and source.commit", |case| case.of_making(|making| making.commit().is_some_and(|(_, commit)| !commit.is_empty()))),
        rule(Audit, "people", 10, "it is known who ran each run and who registered each version",
            "create runs with a user, or by a caller with a name", |case| case.of_kinds(|node| match node.key.kind.as_str() {
                kind::RUN => node.attribute("user").is_some(),
                kind::MODEL_VERSION => node.attribute("created_by").is_some(),
                _ => true,
            })),
        rule(Audit, "runs-finished", 5, "the run that made it came to its end",
            "end runs with a final status", |case| case.of_making(|making| making.run.attribute("ended_at").is_some())),
        rule(Audit, "results", 5, "the metrics it was registered with are known",
            "register it as a version of a run with metrics", |case| case.of_subject(|node| node.attribute("metrics").is_some_and(|metrics| metrics != "{}"))),
        rule(Audit, "environment-known", 5, "what it was made in is known",
            "create runs with an environment", |case| case.of_making(|making| making.environment.is_some())),
    ]
};

/// Applies every rule to `descent`, whose run left `outputs`.
pub(crate) fn check(descent: &Descent, outputs: &[Node]) -> Vec<Finding> {
    let case = Case {
        descent,
        making: descent.making(),
        outputs,
    };
    let find = |rule: &'static Rule| Finding {
        rule,
        missing_at: (rule.fails_at)(&case),
    };
    RULES.iter().map(find).collect()
}

/// Share of the weights of the rules for `purpose` that hold, in percent, rounded down.
pub(crate) fn score(findings: &[Finding], purpose: Purpose) -> u32 {
    let weights = |all: bool| -> u32 {
        let findings = findings.iter();
        let counted =
            findings.filter(|f| f.rule.purpose == purpose && (all || f.missing_at.is_empty()));
        counted.map(|finding| finding.rule.weight).sum()
    };
    100 * weights(false) / weights(true).max(1)
}

/// Whether every package has one version.
fn is_locked(making: &Making<'_>) -> bool {
    let mut requirements = making.requirements().peekable();
    let locked = |line: &str| line.contains("==") || line.contains(" @ ");
    requirements.peek().is_some() && requirements.all(locked)
}

impl Case<'_> {
    /// Fails at the run that made it, or at the thing itself where no such run is known.
    fn of_making(&self, holds: impl Fn(&Making<'_>) -> bool) -> BTreeSet<NodeKey> {
        match &self.making {
            Some(making) if holds(making) => BTreeSet::new(),
            Some(making) => [making.run.key.clone()].into(),
            None => [self.descent.subject.clone()].into(),
        }
    }

    /// Fails at the data that the run read; at the run if it read none.
    fn of_data(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        let data = self.making.iter().flat_map(|making| &making.data);
        let fails: BTreeSet<_> = data
            .filter(|(node, _)| !holds(node))
            .map(|(node, _)| node.key.clone())
            .collect();
        match fails.is_empty() {
            true => self.of_making(|making| !making.data.is_empty()),
            false => fails,
        }
    }

    fn of_kind(&self, kind: &str, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        self.of_kinds(|node| node.key.kind != kind || holds(node))
    }

    fn of_kinds(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        let nodes = self.descent.pedigree.nodes.values();
        let fails = nodes.filter(|node| !holds(node));
        fails.map(|node| node.key.clone()).collect()
    }

    fn of_subject(&self, holds: impl Fn(&Node) -> bool) -> BTreeSet<NodeKey> {
        self.of_kinds(|node| node.key != self.descent.subject || holds(node))
    }

    fn without_origin(&self) -> BTreeSet<NodeKey> {
        let edges = self.descent.pedigree.edges.iter();
        let derived: BTreeSet<&NodeKey> = edges.map(|edge| &edge.target).collect();
        self.of_kind(kind::DATASET, |node| {
            node.attribute("uri").is_some() || derived.contains(&node.key)
        })
    }
}

/// Whether a digest is that of the bytes of a file, so that anybody can check it.
pub(crate) fn is_checkable(digest: &str) -> bool {
    digest.starts_with("sha256:") && digest.parse::<Digest>().is_ok()
}

#[cfg(test)]
mod tests;
