//! Which changes somebody wants to hear of.

use std::collections::BTreeMap;

use herdbook_core::{check_name, limits::TAG_VALUE_BYTES};
use herdbook_proto::{
    Violations, fields,
    registry::v1::{AuditAction, AuditRecord, EventSelector, Outcome},
};

/// Entries of a field.
const ENTRIES: usize = 100;

/// Each field narrows what is selected, unless it is empty.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    models: Vec<String>,
    stages: Vec<String>,
    tags: BTreeMap<String, String>,
    /// Numbers of [`AuditAction`].
    actions: Vec<i32>,
    /// Numbers of [`Outcome`].
    outcomes: Vec<i32>,
}

impl Selector {
    /// Reads the field `place` of a request.
    pub(crate) fn read(place: &str, given: EventSelector, violations: &mut Violations) -> Self {
        let count = |field: &str, count: usize, violations: &mut Violations| {
            if count > ENTRIES {
                let what = format!("has {count} entries; at most {ENTRIES} are allowed");
                violations.add(format!("{place}.{field}"), what);
            }
        };
        for (field, names) in [("models", &given.models), ("stages", &given.stages)] {
            count(field, names.len(), violations);
            for (index, name) in names.iter().enumerate() {
                violations.check(format!("{place}.{field}[{index}]"), check_name(name));
            }
        }
        count("tags", given.tags.len(), violations);
        let tags = format!("{place}.tags");
        let tags = fields::pairs(&tags, given.tags, TAG_VALUE_BYTES, violations);
        let mut known = |field: &str, numbers: &[i32], is_known: fn(i32) -> bool| {
            count(field, numbers.len(), violations);
            for (index, number) in numbers.iter().enumerate() {
                if *number == 0 || !is_known(*number) {
                    let what = format!("{number} is none of the contract's");
                    violations.add(format!("{place}.{field}[{index}]"), what);
                }
            }
        };
        known("actions", &given.actions, |number| {
            AuditAction::try_from(number).is_ok()
        });
        known("outcomes", &given.outcomes, |number| {
            Outcome::try_from(number).is_ok()
        });
        Self {
            models: given.models,
            stages: given.stages,
            tags,
            actions: given.actions,
            outcomes: given.outcomes,
        }
    }

    /// Narrowed to one model more, unless its name is empty.
    #[must_use]
    pub(crate) fn with_model(mut self, model: String) -> Self {
        if !model.is_empty() {
            self.models.push(model);
        }
        self
    }

    /// The models that are selected; all if empty.
    pub(crate) fn models(&self) -> &[String] {
        &self.models
    }

    /// Whether `record` is selected.
    pub(crate) fn selects(&self, record: &AuditRecord) -> bool {
        let among = |wanted: &[i32], number: i32| wanted.is_empty() || wanted.contains(&number);
        let decision = record.decision.as_ref();
        let stage = |stage: &String| {
            decision.is_some_and(|decision| {
                [&decision.from, &decision.to]
                    .iter()
                    .any(|end| end.eq_ignore_ascii_case(stage))
            })
        };
        let outcome = decision.map_or(0, |decision| decision.outcome);
        (self.models.is_empty() || self.models.contains(&record.model))
            && (self.stages.is_empty() || self.stages.iter().any(stage))
            && self
                .tags
                .iter()
                .all(|(key, value)| record.tags.get(key) == Some(value))
            && among(&self.actions, record.action)
            && among(&self.outcomes, outcome)
    }
}

#[cfg(test)]
mod tests {
    use herdbook_proto::registry::v1::Decision;

    use super::*;

    fn promotion() -> AuditRecord {
        let decision = Decision {
            from: "Staging".to_owned(),
            to: "Production".to_owned(),
            outcome: Outcome::Refused.into(),
            ..Default::default()
        };
        AuditRecord {
            action: AuditAction::Transition.into(),
            model: "fraud".to_owned(),
            decision: Some(decision),
            tags: [("team".to_owned(), "risk".to_owned())].into(),
            ..Default::default()
        }
    }

    fn selects(selector: EventSelector) -> bool {
        let mut violations = Violations::default();
        let selector = Selector::read("selector", selector, &mut violations);
        violations.finish().unwrap();
        selector.selects(&promotion())
    }

    #[test]
    fn each_field_narrows() {
        assert!(selects(EventSelector::default()));
        let fits = EventSelector {
            models: vec!["other".to_owned(), "fraud".to_owned()],
            stages: vec!["production".to_owned()],
            tags: [("team".to_owned(), "risk".to_owned())].into(),
            actions: vec![AuditAction::Transition.into()],
            outcomes: vec![Outcome::Refused.into()],
        };
        assert!(selects(fits.clone()));
        let narrower: [fn(&mut EventSelector); 5] = [
            |s| s.models = vec!["other".to_owned()],
            |s| s.stages = vec!["Archived".to_owned()],
            |s| s.tags.extend([("team".to_owned(), "ads".to_owned())]),
            |s| s.actions = vec![AuditAction::SetAlias.into()],
            |s| s.outcomes = vec![Outcome::Allowed.into()],
        ];
        for narrow in narrower {
            let mut selector = fits.clone();
            narrow(&mut selector);
            assert!(!selects(selector));
        }
    }

    #[test]
    fn what_the_contract_does_not_know_is_refused_with_its_place() {
        let given = EventSelector {
            actions: vec![1, 99],
            outcomes: vec![0],
            models: vec![String::new()],
            ..Default::default()
        };
        let mut violations = Violations::default();
        Selector::read("selector", given, &mut violations);
        let refused = violations.finish().unwrap_err();
        let places: Vec<_> = refused.violations().iter().map(|v| &*v.field).collect();
        assert_eq!(
            places,
            [
                "selector.models[0]",
                "selector.actions[1]",
                "selector.outcomes[0]"
            ]
        );
    }
}
