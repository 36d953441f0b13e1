//! Conditions on where the files of a run are: `mlflow-artifacts:/<experiment>/<run>/artifacts`. The address follows
//! from the run, and so a condition on it becomes one on the experiment and the run.

use super::clauses;
use crate::mlflow::error::{Answer, Error};

const BEFORE: &str = "mlflow-artifacts:/";
const BEHIND: &str = "/artifacts";
/// Characters of the id of a run.
const RUN_CHARS: usize = 32;

/// A condition that each run fulfils, for each has an id, and one that none does.
const ALWAYS: &str = "attributes.run_id IS NOT NULL";
const NEVER: &str = "attributes.run_id IS NULL";

/// Runs whose address is `value`.
pub(super) fn equal(value: &str) -> String {
    let path = value
        .strip_prefix(BEFORE)
        .and_then(|path| path.strip_suffix(BEHIND));
    let named = path.and_then(|path| {
        let (experiment, run) = path.split_once('/')?;
        Some((experiment.parse::<i64>().ok()?, run))
    });
    named.map_or_else(
        || NEVER.to_owned(),
        |(experiment, run)| {
            let run = clauses::text(run);
            format!("(attributes.experiment_id = {experiment} AND attributes.run_id = {run})")
        },
    )
}

/// Runs whose address is another one.
pub(super) fn unequal(value: &str) -> String {
    match equal(value) {
        never if never == NEVER => ALWAYS.to_owned(),
        equal => format!("NOT {equal}"),
    }
}

/// Runs whose address is like `pattern`, by `comparator`, which is LIKE or ILIKE: the ways in which the pattern can be
/// laid over the address, each a pattern of the experiment and one of the run.
pub(super) fn like(comparator: &str, pattern: &str) -> Answer<String> {
    let signs = signs(pattern, comparator == "ILIKE");
    let starts = behind(&signs, BEFORE.chars());
    let reversed: Vec<Sign> = signs.iter().rev().copied().collect();
    let ends = behind(&reversed, BEHIND.chars().rev());
    let mut ways = Vec::new();
    for &start in &starts {
        for end in ends.iter().map(|end| signs.len() - end) {
            let middle = signs.get(start..end).unwrap_or_default();
            for (at, sign) in middle.iter().enumerate() {
                let (experiment, run) = match sign {
                    Sign::Any => (&middle[..=at], &middle[at..]),
                    sign if sign.is('/') => (&middle[..at], &middle[at + 1..]),
                    Sign::One | Sign::Plain(_) => continue,
                };
                if let Some(way) = way(comparator, experiment, run)?
                    && !ways.contains(&way)
                {
                    ways.push(way);
                }
            }
        }
    }
    Ok(match ways.as_slice() {
        [] => NEVER.to_owned(),
        _ if ways.iter().any(|way| way == ALWAYS) => ALWAYS.to_owned(),
        ways => format!("({})", ways.join(" OR ")),
    })
}

/// A sign of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    /// `%`: any text.
    Any,
    /// `_`: any character.
    One,
    Plain(char),
}

impl Sign {
    /// Whether it may stand for this character.
    fn is(self, c: char) -> bool {
        match self {
            Self::Any | Self::One => true,
            Self::Plain(plain) => plain == c,
        }
    }
}

/// The signs of a pattern, in lower case, as addresses are, if the case does not count.
fn signs(pattern: &str, any_case: bool) -> Vec<Sign> {
    let mut chars = pattern.chars();
    let mut signs = Vec::new();
    while let Some(c) = chars.next() {
        signs.push(match c {
            '%' => Sign::Any,
            '_' => Sign::One,
            '\\' => Sign::Plain(chars.next().unwrap_or(c)),
            c if any_case => Sign::Plain(c.to_ascii_lowercase()),
            c => Sign::Plain(c),
        });
    }
    signs
}

/// How many signs of a pattern may be behind when `text` is. What begins within a `%` goes for what begins behind it too.
fn behind(signs: &[Sign], text: impl Iterator<Item = char>) -> Vec<usize> {
    // A `%` may stand for nothing.
    let skip = |mut at: Vec<usize>| {
        let mut next = 0;
        while let Some(&place) = at.get(next) {
            if signs.get(place) == Some(&Sign::Any) && !at.contains(&(place + 1)) {
                at.push(place + 1);
            }
            next += 1;
        }
        at
    };
    let mut places = text.fold(skip(vec![0]), |at, c| {
        let mut then = Vec::new();
        for place in at {
            let next = match signs.get(place) {
                Some(Sign::Any) => place,
                Some(sign) if sign.is(c) => place + 1,
                _ => continue,
            };
            if !then.contains(&next) {
                then.push(next);
            }
        }
        skip(then)
    });
    let within = places.clone();
    places.retain(|&place| {
        let before = place.checked_sub(1);
        before.is_none_or(|at| signs.get(at) != Some(&Sign::Any) || !within.contains(&at))
    });
    places
}

/// The condition that the experiment and the run are like these; `None` if none can be.
fn way(comparator: &str, experiment: &[Sign], run: &[Sign]) -> Answer<Option<String>> {
    let all = |signs: &[Sign]| !signs.is_empty() && signs.iter().all(|sign| *sign == Sign::Any);
    let fits = |signs: &[Sign], allowed: fn(char) -> bool| {
        let fits = |sign: &Sign| !matches!(sign, Sign::Plain(c) if !allowed(*c));
        !signs.is_empty() && signs.iter().all(fits)
    };
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let characters = run.iter().filter(|sign| **sign != Sign::Any).count();
    let long = match characters == run.len() {
        true => characters == RUN_CHARS,
        false => characters <= RUN_CHARS,
    };
    if !fits(experiment, |c| c.is_ascii_digit()) || !fits(run, hex) || !long {
        return Ok(None);
    }
    let mut conditions = Vec::new();
    if !all(experiment) {
        let digits = experiment.iter().map(|sign| match sign {
            Sign::Plain(c) => Some(*c),
            _ => None,
        });
        let digits: Option<String> = digits.collect();
        let digits = digits.ok_or_else(|| {
            Error::invalid(
                "artifact_uri is compared here with whole ids of experiments; search in those that you mean, and \
                 compare the run_id",
            )
        })?;
        match digits.parse::<i64>() {
            Ok(number) if number.to_string() == digits => {
                conditions.push(format!("attributes.experiment_id = {number}"));
            }
            _ => return Ok(None),
        }
    }
    if !all(run) {
        let run = run.iter().map(|sign| match sign {
            Sign::Any => '%',
            Sign::One => '_',
            Sign::Plain(c) => *c,
        });
        let run = clauses::text(&run.collect::<String>());
        conditions.push(format!("attributes.run_id {comparator} {run}"));
    }
    Ok(Some(match conditions.as_slice() {
        [] => ALWAYS.to_owned(),
        conditions => format!("({})", conditions.join(" AND ")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_the_address_is_one_of_the_run() {
        for (pattern, found) in [
            ("%artifacts", ALWAYS),
            ("mlflow%", ALWAYS),
            ("mlflow-artifacts:/%/%/artifacts", ALWAYS),
            ("%", ALWAYS),
            ("s3://%", NEVER),
            ("%artifacts/", NEVER),
            ("mlflow-artifacts:/7/artifacts", NEVER),
            ("%/7/%", "((attributes.experiment_id = 7))"),
            ("%ab12%", "((attributes.run_id LIKE '%ab12%'))"),
            (
                "mlflow-artifacts:/7/a_%/artifacts",
                "((attributes.experiment_id = 7 AND attributes.run_id LIKE 'a_%'))",
            ),
            ("%/ab/artifacts", NEVER),
            ("%/ab%/artifacts", "((attributes.run_id LIKE 'ab%'))"),
        ] {
            assert_eq!(like("LIKE", pattern).unwrap(), found, "{pattern}");
        }
        assert_eq!(like("ILIKE", "%ARTIFACTS").unwrap(), ALWAYS);
        assert_eq!(like("LIKE", "%ARTIFACTS").unwrap(), NEVER);
        // It may be a part of the experiment's number, too.
        assert!(like("LIKE", "%12%").is_err());
    }

    #[test]
    fn an_address_is_equal_to_that_of_its_run() {
        let uri = "mlflow-artifacts:/3/ab/artifacts";
        let found = "(attributes.experiment_id = 3 AND attributes.run_id = 'ab')";
        assert_eq!(equal(uri), found);
        assert_eq!(unequal(uri), format!("NOT {found}"));
        assert_eq!((equal("x"), unequal("x")), (NEVER.into(), ALWAYS.into()));
    }
}
