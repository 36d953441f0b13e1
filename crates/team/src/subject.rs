//! What people write about.

use herdbook_core::{RunId, check_name};
use herdbook_proto::{
    InvalidRequest, Violations,
    team::v1::{self as proto, SubjectKind},
};
use uuid::Uuid;

/// A thing that people write about, named as its own service names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Run(RunId),
    Experiment(i64),
    Model(String),
    Version { model: String, number: i64 },
    Report(Uuid),
}

impl Subject {
    /// Reads the subject of a request.
    pub(crate) fn read(
        subject: Option<proto::Subject>,
        violations: &mut Violations,
    ) -> Option<Self> {
        let subject = violations.require("subject", subject)?;
        let name = subject.name.as_str();
        let kind = subject.kind();
        let read = match kind {
            SubjectKind::Run => name.parse().ok().map(Self::Run),
            SubjectKind::Experiment => {
                let number = name.parse().ok().filter(|number| *number >= 0);
                number.map(Self::Experiment)
            }
            SubjectKind::Model => check_name(name).ok().map(|()| Self::Model(name.to_owned())),
            SubjectKind::Version => version(name),
            SubjectKind::Report => Uuid::try_parse(name).ok().map(Self::Report),
            SubjectKind::Unspecified => {
                violations.add("subject.kind", "must say what kind of thing it is");
                return None;
            }
        };
        if read.is_none() {
            let expected = match kind {
                SubjectKind::Run | SubjectKind::Report => "32 hexadecimal digits",
                SubjectKind::Experiment => "the number of an experiment",
                SubjectKind::Version => "model/number",
                _ => "a name",
            };
            violations.add("subject.name", format!("must be {expected}"));
        }
        read
    }

    /// Reads the subject of a request that has nothing else to be wrong.
    pub(crate) fn required(subject: Option<proto::Subject>) -> Result<Self, InvalidRequest> {
        let mut violations = Violations::default();
        let subject = Self::read(subject, &mut violations);
        violations.finish()?;
        subject.ok_or_else(Self::missing)
    }

    /// What is wrong with a request that has none.
    pub(crate) fn missing() -> InvalidRequest {
        InvalidRequest::field("subject", "is required")
    }

    fn kind(&self) -> SubjectKind {
        match self {
            Self::Run(_) => SubjectKind::Run,
            Self::Experiment(_) => SubjectKind::Experiment,
            Self::Model(_) => SubjectKind::Model,
            Self::Version { .. } => SubjectKind::Version,
            Self::Report(_) => SubjectKind::Report,
        }
    }

    /// The kind as a word, and the number by which the database knows it.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Run(_) => "run",
            Self::Experiment(_) => "experiment",
            Self::Model(_) => "model",
            Self::Version { .. } => "version",
            Self::Report(_) => "report",
        }
    }

    /// The number by which the database knows the kind.
    pub(crate) fn number(&self) -> i16 {
        // Five small numbers, so that it fits.
        i16::try_from(i32::from(self.kind())).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Run(id) => id.to_string(),
            Self::Experiment(number) => number.to_string(),
            Self::Model(name) => name.clone(),
            Self::Version { model, number } => format!("{model}/{number}"),
            Self::Report(id) => id.simple().to_string(),
        }
    }

    pub(crate) fn to_proto(&self) -> proto::Subject {
        proto::Subject {
            kind: self.kind().into(),
            name: self.name(),
        }
    }
}

fn version(name: &str) -> Option<Subject> {
    let (model, number) = name.rsplit_once('/')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    check_name(model).ok()?;
    Some(Subject::Version {
        model: model.to_owned(),
        number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: SubjectKind, name: &str) -> Result<String, String> {
        let mut violations = Violations::default();
        let subject = proto::Subject {
            kind: kind.into(),
            name: name.to_owned(),
        };
        let read = Subject::read(Some(subject), &mut violations);
        violations.finish().map_err(|error| error.to_string())?;
        Ok(read.unwrap().name())
    }

    #[test]
    fn a_subject_is_written_in_one_way() {
        let id = "0198C0DE-0000-7000-8000-000000000001";
        let plain = "0198c0de000070008000000000000001";
        assert_eq!(read(SubjectKind::Run, id).unwrap(), plain);
        assert_eq!(read(SubjectKind::Report, id).unwrap(), plain);
        assert_eq!(read(SubjectKind::Version, "a/07").unwrap(), "a/7");
        assert_eq!(read(SubjectKind::Experiment, "0").unwrap(), "0");
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_could() {
        for (kind, name, expected) in [
            (SubjectKind::Run, "x", "32 hexadecimal digits"),
            (SubjectKind::Version, "a", "model/number"),
            (SubjectKind::Version, "a/0", "model/number"),
            (SubjectKind::Experiment, "-1", "the number of an experiment"),
            (SubjectKind::Model, "", "a name"),
            (SubjectKind::Unspecified, "a", "what kind"),
        ] {
            assert!(read(kind, name).unwrap_err().contains(expected), "{name}");
        }
    }
}
