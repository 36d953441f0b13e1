//! Rules written in the Common Expression Language (cel.dev).
//!
//! What an expression costs is counted from its tree and the size of the facts, not timed: a verdict
//! must not depend on how busy the machine is, and a thread that is at it cannot be stopped. So what it
//! counts bounds all that evaluating takes: how often loops turn, what joining copies, and what comparing
//! looks at, in whatever a loop was handed by another. Regular expressions are left out, since one of a few
//! bytes can cost more than all the rest.

mod tree;

use std::collections::{BTreeMap, HashMap};

use cel::{Context, ExecutionError, IdedExpr, Value, parser::PrattParser};

use self::tree::{Scale, brackets, levels, undeclared_name};
use super::{Case, Finding};
use crate::card::Card;

/// Bytes of an expression.
const BYTES: usize = 2_048;
/// Levels of nesting: parsing and evaluating go down the stack.
const DEPTH: u16 = 32;
/// Levels of the tree that is made of it: a chain of operators is a level each. A level takes up to 30 KiB of a
/// thread's 2 MiB where nothing is optimised.
const LEVELS: usize = 50;
/// Steps that an evaluation may take; some ten milliseconds.
const COST: u64 = 100_000;
/// Characters of a text in the facts.
const TEXT: usize = 1_024;

/// What an expression may refer to.
const VARIABLES: [&str; 7] = [
    "version",
    "metrics",
    "checks",
    "approvals",
    "target",
    "mover",
    "now",
];
/// Functions besides the operators.
const FUNCTIONS: [&str; 20] = [
    "contains",
    "double",
    "duration",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "int",
    "max",
    "min",
    "size",
    "startsWith",
    "string",
    "timestamp",
];

/// An expression that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    /// Too long.
    #[error("has {0} bytes; at most {BYTES} are allowed")]
    Long(usize),
    /// Nested too deep.
    #[error("is nested too deep; brackets go at most {DEPTH} deep, chains of operators {LEVELS}")]
    Deep,
    /// Not CEL.
    #[error("cannot be read: {0}")]
    Syntax(String),
    /// An unknown name.
    #[error("undeclared reference to {name:?}; there are {known}")]
    Undeclared {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// Types that do not go together.
    #[error("cannot be evaluated: {0}")]
    Type(String),
    /// Not a condition.
    #[error("must come out true or false, not {0}")]
    NotBool(String),
    /// Loops over loops.
    #[error(
        "costs {0} steps, and at most {COST} are allowed; nest fewer loops, or join fewer texts"
    )]
    Costly(u64),
}

/// Checks an expression before it is saved: its names, its cost, and its types as far as an evaluation
/// over made-up facts shows them.
pub(crate) fn check(text: &str) -> Result<(), Unusable> {
    let expression = parse(text)?;
    if let Some(name) = undeclared_name(&expression, &mut VARIABLES.to_vec()) {
        return Err(undeclared(name, &VARIABLES));
    }
    let references = expression.references();
    let mut functions = references.functions().into_iter();
    let operator = |name: &str| !name.starts_with(|c: char| c.is_ascii_alphabetic());
    if let Some(name) = functions.find(|name| !operator(name) && !FUNCTIONS.contains(name)) {
        return Err(undeclared(name, &FUNCTIONS));
    }
    let facts = sample();
    match evaluate(&expression, &facts) {
        // The made-up facts lack what only real ones have.
        Err(Failed::Evaluation(
            ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_),
        ))
        | Ok(Value::Bool(_)) => Ok(()),
        Ok(other) => Err(Unusable::NotBool(other.type_of().to_string())),
        Err(Failed::Costly(steps)) => Err(Unusable::Costly(steps)),
        Err(Failed::Evaluation(error)) => Err(Unusable::Type(error.to_string())),
    }
}

fn undeclared(name: &str, known: &[&str]) -> Unusable {
    Unusable::Undeclared {
        name: name.to_owned(),
        known: known.join(", "),
    }
}

fn parse(text: &str) -> Result<IdedExpr, Unusable> {
    if text.len() > BYTES {
        return Err(Unusable::Long(text.len()));
    }
    // The parser does not count round brackets.
    if brackets(text) > usize::from(DEPTH) {
        return Err(Unusable::Deep);
    }
    let expression = PrattParser::new()
        .max_recursion_depth(DEPTH)
        .error_reporting_limit(1)
        .parse(text)
        .map_err(|errors| {
            let first = errors.errors.into_iter().next();
            Unusable::Syntax(first.map(|error| error.msg).unwrap_or_default())
        })?;
    if levels(&expression) > LEVELS {
        return Err(Unusable::Deep);
    }
    Ok(expression)
}

/// Judges a move to the stage `to`.
pub(super) fn judge(case: &Case, to: &str, text: &str, message: &str) -> Finding {
    let outcome = match parse(text) {
        Ok(expression) => evaluate(&expression, &facts(case, to)),
        Err(error) => {
            return finding(text, message, false, error.to_string());
        }
    };
    let (passed, evidence) = match outcome {
        Ok(Value::Bool(true)) => (true, "it is true".to_owned()),
        Ok(Value::Bool(false)) => (false, "it is false".to_owned()),
        Ok(other) => (
            false,
            Unusable::NotBool(other.type_of().to_string()).to_string(),
        ),
        Err(Failed::Costly(steps)) => (false, Unusable::Costly(steps).to_string()),
        Err(Failed::Evaluation(error)) => {
            let what: String = error.to_string().chars().take(200).collect();
            (false, format!("it cannot be evaluated: {what}"))
        }
    };
    finding(text, message, passed, evidence)
}

fn finding(text: &str, message: &str, passed: bool, evidence: String) -> Finding {
    Finding {
        passed,
        requirement: text.to_owned(),
        evidence,
        remedy: message.to_owned(),
    }
}

enum Failed {
    Costly(u64),
    Evaluation(ExecutionError),
}

/// The variables of an expression.
struct Variables {
    values: [(&'static str, Value); VARIABLES.len()],
    /// Entries of the largest list or map among them.
    widest: usize,
}

fn evaluate(expression: &IdedExpr, variables: &Variables) -> Result<Value, Failed> {
    let steps = Scale::new(variables.widest).weigh(expression).steps;
    if steps > COST {
        return Err(Failed::Costly(steps));
    }
    let mut context = Context::default();
    for (name, value) in &variables.values {
        context.add_variable_from_value(*name, value.clone());
    }
    Value::resolve(expression, &context).map_err(Failed::Evaluation)
}

/// The facts as an expression sees them.
fn facts(case: &Case, to: &str) -> Variables {
    let version = &case.version;
    let metrics = |metrics: Option<&crate::facts::Metrics>| {
        let entries = metrics.into_iter().flatten();
        let entries = entries.map(|(key, value)| (key.clone(), Value::from(*value)));
        Value::from(entries.collect::<HashMap<_, _>>())
    };
    let occupants = case.standing.occupants.iter().map(|other| {
        let known = case.facts.run(other.run).unwrap_or(&other.metrics);
        map([
            ("number", other.number.into()),
            ("metrics", metrics(Some(known))),
        ])
    });
    let run = case.facts.run(version.run);
    let sizes = [
        version.tags.len(),
        version.params.len(),
        version.owners.len(),
        run.map_or(0, BTreeMap::len),
        case.standing.occupants.len(),
        case.standing.checks.len(),
        case.approvals().len(),
    ];
    let of_others = case
        .standing
        .occupants
        .iter()
        .map(|other| case.facts.run(other.run).unwrap_or(&other.metrics).len());
    let widest = sizes.into_iter().chain(of_others).max().unwrap_or(0);
    let owners = version.owners.iter().map(|owner| text(owner));
    let card = Card::FIELDS.into_iter().zip(version.card.fields());
    let card: HashMap<String, Value> = card
        .map(|(name, said)| (name.to_owned(), text(said)))
        .collect();
    let about = map([
        ("number", version.number.into()),
        ("label", text(&version.label)),
        ("stage", text(&version.stage)),
        ("description", text(&version.description)),
        ("created_by", text(&version.created_by)),
        ("source", text(&version.source)),
        ("digest", text(&version.digest.to_string())),
        ("flavor", text(&version.flavor)),
        ("owners", owners.collect::<Vec<_>>().into()),
        ("card", card.into()),
        ("tags", texts(&version.tags)),
        ("params", texts(&version.params)),
    ]);
    let checks = case.standing.checks.iter().map(|(name, check)| {
        let about = map([
            ("passed", check.passed.into()),
            ("details", text(&check.details)),
            ("url", text(&check.url)),
            ("reported_by", text(&check.reported_by)),
        ]);
        (name.clone(), about)
    });
    let approvals = case.approvals().iter().map(|approval| text(&approval.name));
    let target = map([
        ("stage", text(to)),
        ("versions", occupants.collect::<Vec<_>>().into()),
    ]);
    let mover = map([
        ("name", text(&case.mover.name)),
        ("role", text(&case.mover.role.to_string())),
    ]);
    Variables {
        values: [
            ("version", about),
            ("metrics", metrics(run)),
            ("checks", checks.collect::<HashMap<_, _>>().into()),
            ("approvals", approvals.collect::<Vec<_>>().into()),
            ("target", target),
            ("mover", mover),
            ("now", Value::Timestamp(case.standing.now.fixed_offset())),
        ],
        widest,
    }
}

/// Facts of no version, of the same types.
fn sample() -> Variables {
    let numbers = || Value::from(HashMap::from([("metric".to_owned(), Value::from(0.5))]));
    let words = || Value::from(HashMap::from([("key".to_owned(), text("value"))]));
    let about = map([
        ("number", 1_i64.into()),
        ("label", text("v1.0.0")),
        ("stage", text("None")),
        ("description", text("described")),
        ("created_by", text("somebody")),
        ("source", text("runs:/0/model")),
        ("digest", text("sha256:0")),
        ("flavor", text("sklearn")),
        ("owners", vec![text("somebody")].into()),
        ("card", map(Card::FIELDS.map(|name| (name, text("MIT"))))),
        ("tags", words()),
        ("params", words()),
    ]);
    let other = map([("number", 1_i64.into()), ("metrics", numbers())]);
    let target = map([
        ("stage", text("Production")),
        ("versions", vec![other].into()),
    ]);
    let mover = map([("name", text("somebody")), ("role", text("admin"))]);
    let check = map([
        ("passed", true.into()),
        ("details", text("p99 38 ms")),
        ("url", text("https://example.com")),
        ("reported_by", text("ci")),
    ]);
    let now = chrono::DateTime::<chrono::Utc>::UNIX_EPOCH.fixed_offset();
    Variables {
        values: [
            ("version", about),
            ("metrics", numbers()),
            (
                "checks",
                HashMap::from([("check".to_owned(), check)]).into(),
            ),
            ("approvals", vec![text("somebody")].into()),
            ("target", target),
            ("mover", mover),
            ("now", Value::Timestamp(now)),
        ],
        widest: 1,
    }
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    HashMap::from(entries).into()
}

fn texts(pairs: &crate::version::Pairs) -> Value {
    let entries = pairs.iter().map(|(key, value)| (key.clone(), text(value)));
    entries.collect::<HashMap<_, _>>().into()
}

fn text(text: &str) -> Value {
    text.chars().take(TEXT).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let refused = check(text).err();
        refused.map_or_else(|| format!("{text} was taken"), |error| error.to_string())
    }

    #[test]
    fn conditions_over_the_facts_are_taken() {
        for text in [
            "metrics.acc > 0.9",
            r#"version.card.licence == "MIT" && version.owners.exists(o, o == mover.name)"#,
            r#""acc" in metrics && metrics["acc"] >= 0.9"#,
            r#"version.tags.team == "risk" || version.label.startsWith("v2")"#,
            "target.versions.all(v, v.number < version.number)",
            "metrics.all(key, metrics[key] >= 0.0)",
            "now.getHours() < 16",
            r#"now > timestamp("2026-01-01T00:00:00Z") + duration("1h")"#,
            "has(version.tags.team)",
            r#"mover.role == "admin""#,
        ] {
            assert!(check(text).is_ok(), "{}", refused(text));
        }
    }

    #[test]
    fn what_looks_at_many_facts_in_each_turn_costs_too_much() {
        let numbers = (0..1_000).map(|n| (format!("m{n}"), Value::from(f64::from(n))));
        let mut facts = sample();
        facts.widest = 1_000;
        facts.values[1].1 = Value::from(numbers.collect::<HashMap<_, _>>());
        let evaluated = |text: &str| evaluate(&parse(text).ok().unwrap(), &facts);
        for text in [
            "metrics.all(key, metrics[key] >= 0.0)",
            "metrics == metrics",
            r#""m1" in metrics && metrics.exists(key, key == "m9" && metrics[key] == 9.0)"#,
        ] {
            assert!(matches!(evaluated(text), Ok(Value::Bool(true))), "{text}");
        }
        for text in [
            "metrics.all(key, metrics == metrics)",
            "metrics.all(a, metrics.all(b, true))",
        ] {
            assert!(matches!(evaluated(text), Err(Failed::Costly(_))), "{text}");
        }
    }

    #[test]
    fn what_can_never_be_evaluated_is_refused_when_saved() {
        assert!(refused("metrcis.acc > 0.9").contains("undeclared reference to \"metrcis\""));
        assert!(refused("version.label.matches('a')").contains("\"matches\""));
        assert!(refused("version.number").contains("true or false"));
        assert!(refused("version.number > 'a'").contains("cannot be evaluated"));
        assert!(refused("version.number >").contains("cannot be read"));
    }

    #[test]
    fn bombs_are_refused() {
        let long = format!("1 < {}", "1 + ".repeat(1_000) + "1");
        assert!(refused(&long).contains("bytes"));
        for (open, close) in [("[", "]"), ("size(", ")"), ("{1: ", "}")] {
            let deep = refused(&format!("{}true{}", open.repeat(250), close.repeat(250)));
            let found = deep.contains("cannot be read") || deep.contains("too deep");
            assert!(found, "{deep}");
        }
        // Whether these are taken or not, they must not go deeper than the stack.
        for (open, close) in [("!", "true"), ("-", "1 < 1"), ("true ? false : ", "true")] {
            let _ = check(&format!("{}{close}", open.repeat(125)));
        }
        let round = format!("{}true{}", "(".repeat(1_000), ")".repeat(1_000));
        assert!(refused(&round).contains("too deep"));
        let fields = format!("version{}", ".a".repeat(1_000));
        assert!(refused(&fields).contains("too deep"));
        let _ = check(&format!("{}true", "true && ".repeat(250)));
        let _ = check(&format!("1{} > 0", " - 1".repeat(500)));
        for chain in [" - 1", " + 1", " + version.number"] {
            let longest = format!("1{} < 100", chain.repeat(LEVELS - 4));
            assert!(check(&longest).is_ok(), "{}", refused(&longest));
        }
        let range = "[1,2,3,4,5,6,7,8,9]";
        let loops = "abcde".chars().fold("true".to_owned(), |inner, name| {
            format!("{range}.all({name}, {inner})")
        });
        assert!(refused(&loops).contains("steps"));
        let joined = "version.source + ".repeat(40) + "''";
        assert!(refused(&format!("size({range}.map(x, {joined})) > 0")).contains("steps"));
        // Each loop is handed what the one before it has grown: 15,625 texts, or turns of the last.
        let grown = |element: &str, join: &str| {
            (0..6).fold(format!("[{element}]"), |range, _| {
                format!("[{range}.map(x, {join})[0]]")
            })
        };
        let texts = grown("version.source", "x + x + x + x + x");
        assert!(refused(&format!("size({texts}[0]) > 0")).contains("steps"));
        let lists = grown("[1, 2]", "x + x + x + x + x");
        assert!(refused(&format!("{lists}[0].all(x, x > 0)")).contains("steps"));
    }
}
