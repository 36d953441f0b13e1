//! Where the files of a version come from.

use herdbook_core::RunId;

use crate::reference::Reference;

/// A place whose files Herdbook holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source<'a> {
    /// `runs:/<run id>/<path>`: a file or a folder of a run's artifacts.
    Run { run: RunId, path: &'a str },
    /// `models:/m-<id>`: all files of a logged model.
    LoggedModel(&'a str),
    /// `models:/<model>/<number>` or `models:/<model>@<name>`: those of another version.
    Version(Reference),
}

impl<'a> Source<'a> {
    /// Reads `text`; `None` if it is none of these.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("runs:/") {
            let (run, path) = rest.split_once('/')?;
            let path = path.trim_end_matches('/');
            let run = run.parse().ok().filter(|_| !path.is_empty())?;
            return Some(Self::Run { run, path });
        }
        let rest = text.strip_prefix("models:/")?;
        match rest.starts_with("m-") && !rest.contains(['/', '@']) {
            true => Some(Self::LoggedModel(rest)),
            false => Reference::parse(rest).ok().map(Self::Version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_nothing_else() {
        let id = "01a20dcd6a0c708db87dc352c42b7e2d";
        let run = id.parse().unwrap();
        let path = "a/model";
        let text = format!("runs:/{id}/a/model/");
        assert_eq!(Source::read(&text), Some(Source::Run { run, path }));
        assert_eq!(
            Source::read("models:/m-12"),
            Some(Source::LoggedModel("m-12"))
        );
        for reference in ["fraud/3", "fraud@Production", "m-12/1"] {
            let expected = Reference::parse(reference).unwrap();
            let text = format!("models:/{reference}");
            assert_eq!(Source::read(&text), Some(Source::Version(expected)));
        }
        for other in [
            "",
            "s3://bucket/model",
            "runs:/run_id/model",
            &format!("runs:/{id}"),
            &format!("runs:/{id}/"),
            "models:/fraud",
            "model://fraud/1",
        ] {
            assert_eq!(Source::read(other), None, "{other}");
        }
    }
}
