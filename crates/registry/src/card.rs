//! Model cards: a model has one, and a version what is different of it.

use herdbook_core::check_text;
use herdbook_proto::Violations;
use serde::{Deserialize, Serialize};

/// What people have to know before they use a model. A field that is empty is not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Card {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) usage_notes: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) intended_use: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) limits: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) licence: String,
}

impl Card {
    /// The names of the fields, as the contract has them.
    pub(crate) const FIELDS: [&str; 4] = ["usage_notes", "intended_use", "limits", "licence"];

    /// The fields in the order of their names in [`Self::FIELDS`].
    pub(crate) fn fields(&self) -> [&String; 4] {
        [
            &self.usage_notes,
            &self.intended_use,
            &self.limits,
            &self.licence,
        ]
    }

    /// The same, to be changed.
    pub(crate) fn fields_mut(&mut self) -> [&mut String; 4] {
        [
            &mut self.usage_notes,
            &mut self.intended_use,
            &mut self.limits,
            &mut self.licence,
        ]
    }

    /// What the field of a name says; `None` if there is no such field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let named = Self::FIELDS.into_iter().zip(self.fields());
        let mut named = named.filter(|(known, _)| *known == name);
        named.next().map(|(_, text)| text.as_str())
    }

    /// The card of a version whose own is this, and whose model's is `base`.
    pub(crate) fn over(&self, base: &Self) -> Self {
        let mut whole = base.clone();
        let own = self.fields().into_iter();
        for (field, own) in whole.fields_mut().into_iter().zip(own) {
            if !own.is_empty() {
                field.clone_from(own);
            }
        }
        whole
    }

    /// Notes what is wrong with the card that is the field `place`.
    pub(crate) fn check(&self, place: &str, violations: &mut Violations) {
        for (name, text) in Self::FIELDS.into_iter().zip(self.fields()) {
            violations.check(format!("{place}.{name}"), check_text(text));
        }
        if !self.licence.is_empty() {
            violations.check(format!("{place}.licence"), check_licence(&self.licence));
        }
    }
}

/// A licence that is no SPDX expression.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an SPDX expression such as Apache-2.0 or MIT OR Apache-2.0, or LicenseRef-<name> for a licence of your \
     own; at character {position}: {reason}"
)]
pub(crate) struct InvalidLicence {
    /// Counted from 1.
    position: usize,
    reason: String,
}

/// Checks a licence: an SPDX expression (SPDX specification 2.3, annex D).
fn check_licence(licence: &str) -> Result<(), InvalidLicence> {
    match spdx::Expression::parse(licence) {
        Ok(_) => Ok(()),
        Err(error) => {
            let before = licence.get(..error.span.start).unwrap_or_default();
            Err(InvalidLicence {
                position: before.chars().count() + 1,
                reason: error.reason.to_string(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(usage_notes: &str, licence: &str) -> Card {
        Card {
            usage_notes: usage_notes.to_owned(),
            licence: licence.to_owned(),
            ..Card::default()
        }
    }

    #[test]
    fn what_a_version_says_takes_the_place_of_what_its_model_says() {
        let model = card("call predict", "MIT");
        assert_eq!(card("", "").over(&model), model);
        assert_eq!(
            card("", "Apache-2.0").over(&model),
            card("call predict", "Apache-2.0")
        );
        assert_eq!(model.field("licence"), Some("MIT"));
        assert_eq!(model.field("limits"), Some(""));
        assert_eq!(model.field("license"), None);
    }

    #[test]
    fn licences_are_spdx_expressions() {
        for licence in [
            "MIT",
            "MIT OR Apache-2.0",
            "LicenseRef-acme-internal",
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ] {
            assert_eq!(check_licence(licence), Ok(()), "{licence}");
        }
        let wrong = check_licence("MIT OR Apach-2.0").unwrap_err();
        assert_eq!(wrong.position, 8);
        assert!(check_licence("free for all").is_err());
    }
}
