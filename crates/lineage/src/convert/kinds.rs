//! Kinds, for the contract.

use std::collections::{BTreeMap, BTreeSet};

use herdbook_core::{check_key, check_text};
use herdbook_proto::{InvalidRequest, Violations, lineage::v1 as proto};

use super::EDGE_TYPES;
use crate::{
    edge::EdgeType,
    kinds::{AttributeType, Kind, Sort, is_built_in},
    node::check_kind,
};

/// Attributes that a kind may ask for.
const ATTRIBUTES: usize = 64;

/// Reads a kind that is to be defined.
pub(crate) fn kind(kind: Option<proto::Kind>) -> Result<Kind, InvalidRequest> {
    let mut violations = Violations::default();
    let kind = violations.require("kind", kind).unwrap_or_default();
    violations.check("kind.name", check_kind(&kind.name));
    if is_built_in(&kind.name) {
        violations.add(
            "kind.name",
            format!("{} is built in; take another name", kind.name),
        );
    }
    violations.check("kind.description", check_text(&kind.description));
    let sort = Sort::from_number(kind.sort);
    if sort.is_none() {
        violations.add(
            "kind.sort",
            "must be one of KIND_SORT_ENTITY, _ACTIVITY and _AGENT, or left out",
        );
    }
    if kind.attributes.len() > ATTRIBUTES {
        violations.add("kind.attributes", format!("may be at most {ATTRIBUTES}"));
    }
    let mut attributes = BTreeMap::new();
    for (index, attribute) in kind.attributes.into_iter().enumerate() {
        let field = format!("kind.attributes[{index}]");
        violations.check(format!("{field}.name"), check_key(&attribute.name));
        match AttributeType::from_number(attribute.r#type) {
            Some(required) => {
                attributes.insert(attribute.name, required);
            }
            None => violations.add(
                format!("{field}.type"),
                "must be one of ATTRIBUTE_TYPE_TEXT, _NUMBER, _TIMESTAMP, _URI and _DIGEST",
            ),
        }
    }
    let edges_in = types("kind.edges_in", &kind.edges_in, &mut violations);
    let edges_out = types("kind.edges_out", &kind.edges_out, &mut violations);
    violations.finish()?;
    Ok(Kind {
        name: kind.name,
        description: kind.description,
        sort: sort.unwrap_or(Sort::Told),
        attributes,
        edges_in,
        edges_out,
    })
}

fn types(field: &str, numbers: &[i32], violations: &mut Violations) -> BTreeSet<EdgeType> {
    let read = |number: &i32| {
        let edge_type = EdgeType::from_number(*number);
        if edge_type.is_none() {
            violations.add(field, EDGE_TYPES);
        }
        edge_type
    };
    numbers.iter().filter_map(read).collect()
}

pub(crate) fn to_kind(kind: Kind) -> proto::Kind {
    let numbers = |types: BTreeSet<EdgeType>| {
        let numbers = types
            .into_iter()
            .map(|edge_type| i32::from(edge_type.number()));
        numbers.collect()
    };
    let attribute = |(name, required): (String, AttributeType)| proto::RequiredAttribute {
        name,
        r#type: required as i32,
    };
    proto::Kind {
        built_in: is_built_in(&kind.name),
        name: kind.name,
        description: kind.description,
        sort: kind.sort as i32,
        attributes: kind.attributes.into_iter().map(attribute).collect(),
        edges_in: numbers(kind.edges_in),
        edges_out: numbers(kind.edges_out),
    }
}
