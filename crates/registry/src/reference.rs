//! References to versions: `name/3`, `name@Production`, `name@champion`, `name@v1.2.0`, `name@latest`,
//! each with or without `model://` before it.

/// A reference, read but not yet resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) model: String,
    pub(crate) version: Pointer,
}

/// Which version of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pointer {
    Number(i64),
    Latest,
    /// A stage, an alias or a label, in this order.
    Named(String),
}

/// A text that is no reference.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a reference to a version; write name/3, name@Production, name@an-alias, name@v1.2.0 or \
     name@latest"
)]
pub(crate) struct InvalidReference(String);

impl Reference {
    /// Reads `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = || InvalidReference(text.chars().take(200).collect());
        let rest = text.strip_prefix("model://").unwrap_or(text);
        if let Some((model, name)) = rest.rsplit_once('@') {
            let version = match name {
                "" => return Err(invalid()),
                "latest" => Pointer::Latest,
                name => Pointer::Named(name.to_owned()),
            };
            return check_model(model)
                .then(|| Self {
                    model: model.to_owned(),
                    version,
                })
                .ok_or_else(invalid);
        }
        let (model, number) = rest.rsplit_once('/').ok_or_else(invalid)?;
        let number = number
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .ok_or_else(invalid)?;
        let version = Pointer::Number(number);
        check_model(model)
            .then(|| Self {
                model: model.to_owned(),
                version,
            })
            .ok_or_else(invalid)
    }
}

fn check_model(name: &str) -> bool {
    !name.is_empty() && !name.contains(RESERVED)
}

/// Characters that separate the parts of references, and that names therefore lack.
pub(crate) const RESERVED: [char; 3] = ['/', '@', ':'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let read = |text: &str| Reference::parse(text).unwrap();
        let of = |version| Reference {
            model: "fraud-detector".to_owned(),
            version,
        };
        assert_eq!(read("fraud-detector/3"), of(Pointer::Number(3)));
        assert_eq!(read("model://fraud-detector/3"), of(Pointer::Number(3)));
        assert_eq!(read("fraud-detector@latest"), of(Pointer::Latest));
        assert_eq!(
            read("fraud-detector@Production"),
            of(Pointer::Named("Production".to_owned()))
        );
        assert_eq!(
            read("fraud-detector@v1.2.0"),
            of(Pointer::Named("v1.2.0".to_owned()))
        );
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "fraud-detector",
            "a/0",
            "a/-1",
            "a/x",
            "@x",
            "a@",
            "/3",
            "a/b@c",
            "a:b/1",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
