//! Statements of which parts may be left out.

/// The statement `text` with those of its parts that are `wanted`. A part stands between the lines `-- {name` and
/// `-- }`; parts do not nest.
pub(super) fn with_parts(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut inside = true;
    for line in text.lines() {
        if let Some(part) = line.strip_prefix("-- {") {
            inside = wanted(part);
        } else if line == "-- }" {
            inside = true;
        } else if inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_there_where_they_are_wanted() {
        let text = "SELECT a\n-- {more\n, b\n-- }\n-- {other\n, c\n-- }\nFROM t\n";
        assert_eq!(with_parts(text, |_| false), "SELECT a\nFROM t\n");
        assert_eq!(
            with_parts(text, |part| part == "other"),
            "SELECT a\n, c\nFROM t\n"
        );
        assert_eq!(with_parts(text, |_| true), "SELECT a\n, b\n, c\nFROM t\n");
    }
}
