//! Cards and schemas between the contract and the domain.

use herdbook_proto::registry::v1 as proto;

use crate::{
    card::Card,
    schema::{Schema, SchemaField},
};

impl From<proto::ModelCard> for Card {
    fn from(card: proto::ModelCard) -> Self {
        Self {
            usage_notes: card.usage_notes,
            intended_use: card.intended_use,
            limits: card.limits,
            licence: card.licence.trim().to_owned(),
        }
    }
}

impl From<Card> for proto::ModelCard {
    fn from(card: Card) -> Self {
        Self {
            usage_notes: card.usage_notes,
            intended_use: card.intended_use,
            limits: card.limits,
            licence: card.licence,
        }
    }
}

impl From<proto::Schema> for Schema {
    fn from(schema: proto::Schema) -> Self {
        let read = |fields: Vec<proto::SchemaField>| {
            let fields = fields.into_iter().map(|field| SchemaField {
                name: field.name,
                kind: field.r#type,
                shape: field.shape,
                optional: field.optional,
            });
            fields.collect()
        };
        Self {
            inputs: read(schema.inputs),
            outputs: read(schema.outputs),
        }
    }
}

impl From<Schema> for proto::Schema {
    fn from(schema: Schema) -> Self {
        let write = |fields: Vec<SchemaField>| {
            let fields = fields.into_iter().map(|field| proto::SchemaField {
                name: field.name,
                r#type: field.kind,
                shape: field.shape,
                optional: field.optional,
            });
            fields.collect()
        };
        Self {
            inputs: write(schema.inputs),
            outputs: write(schema.outputs),
        }
    }
}
