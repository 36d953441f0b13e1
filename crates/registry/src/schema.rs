//! What goes into a version and what comes out of it.

use std::collections::BTreeSet;

use herdbook_core::check_name;
use herdbook_proto::Violations;
use serde::{Deserialize, Serialize};

/// Inputs, or outputs.
const FIELDS: usize = 1_000;
/// Dimensions of a tensor.
const DIMENSIONS: usize = 32;

/// Inputs and outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schema {
    pub(crate) inputs: Vec<SchemaField>,
    pub(crate) outputs: Vec<SchemaField>,
}

/// A column or a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SchemaField {
    /// Empty for the only one.
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Sizes of the dimensions, -1 for any.
    pub(crate) shape: Vec<i64>,
    pub(crate) optional: bool,
}

impl Schema {
    /// Notes what is wrong with the schema that is the field `place`.
    pub(crate) fn check(&self, place: &str, violations: &mut Violations) {
        for (side, fields) in [("inputs", &self.inputs), ("outputs", &self.outputs)] {
            check_fields(&format!("{place}.{side}"), fields, violations);
        }
    }
}

fn check_fields(place: &str, fields: &[SchemaField], violations: &mut Violations) {
    if fields.len() > FIELDS {
        let what = format!("has {} entries; at most {FIELDS} are kept", fields.len());
        violations.add(place, what);
        return;
    }
    let mut seen = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        let place = format!("{place}[{index}]");
        if fields.len() > 1 || !field.name.is_empty() {
            violations.check(format!("{place}.name"), check_name(&field.name));
        }
        violations.check(format!("{place}.type"), check_name(&field.kind));
        if !seen.insert(&field.name) {
            violations.add(
                format!("{place}.name"),
                format!("{:?} stands twice", field.name),
            );
        }
        if field.shape.len() > DIMENSIONS {
            let what = format!("has {} dimensions; at most {DIMENSIONS}", field.shape.len());
            violations.add(format!("{place}.shape"), what);
        } else if field.shape.iter().any(|size| *size < -1) {
            violations.add(
                format!("{place}.shape"),
                "sizes are 0 or more, or -1 for any",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(names: &[&str], shape: &[i64]) -> String {
        let field = |name: &&str| SchemaField {
            name: (*name).to_owned(),
            kind: "float32".to_owned(),
            shape: shape.to_vec(),
            optional: false,
        };
        let schema = Schema {
            inputs: names.iter().map(field).collect(),
            outputs: Vec::new(),
        };
        let mut violations = Violations::default();
        schema.check("schema", &mut violations);
        let found = violations.finish().err();
        found.map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn fields_have_names_of_their_own_unless_there_is_but_one() {
        assert_eq!(wrong(&[""], &[-1, 224, 224]), "");
        assert_eq!(wrong(&["a", "b"], &[]), "");
        assert_eq!(
            wrong(&["a", "a"], &[]),
            "schema.inputs[1].name: \"a\" stands twice"
        );
        assert!(wrong(&["", "b"], &[]).starts_with("schema.inputs[0].name: must not be empty"));
        assert!(wrong(&["a"], &[-2]).starts_with("schema.inputs[0].shape"));
    }
}
