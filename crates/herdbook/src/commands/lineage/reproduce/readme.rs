//! What a person is told of it.

use herdbook_proto::lineage::v1::Reproduction;

/// Writes README.md.
pub(super) fn write(found: &Reproduction) -> String {
    let key = found.node.clone().unwrap_or_default();
    let code = found.code.clone().unwrap_or_default();
    let environment = found.environment.clone().unwrap_or_default();
    let mut lines = vec![
        format!("# Making {} again", span(&format!("{} {} {}", key.kind, key.name, key.version))),
        String::new(),
        "`./reproduce.sh` works in `work/` beside it: it checks out the code, installs the packages, fetches the \
         data and checks its digests, runs the command, and compares what comes out. Run again, it keeps the data \
         and the packages. It ends with 0 if every file that was recorded came out the same."
            .to_owned(),
        String::new(),
        "It runs code that somebody recorded: read it first, and run it where that code may run.".to_owned(),
        String::new(),
        "* `REPOSITORY=…` takes the code from another address.".to_owned(),
        "* `OUTPUTS=…` compares the files of another folder than the code's.".to_owned(),
        String::new(),
        format!("Run {}", span(&found.run_id)),
        String::new(),
        format!("Code {} at commit {}", span(&code.repository), span(&code.commit)),
        String::new(),
        format!("Command {}", span(&found.command.join(" "))),
        String::new(),
        format!(
            "Python {} on {}, {} packages",
            span(&environment.python_version),
            span(&environment.platform),
            environment.requirements.len()
        ),
    ];
    if !found.seeds.is_empty() {
        let seeds = found.seeds.iter().map(|name| {
            let value = found
                .params
                .get(name)
                .map(String::as_str)
                .unwrap_or_default();
            span(&format!("{name} = {value}"))
        });
        lines.extend([
            String::new(),
            format!("Seeds {}", seeds.collect::<Vec<_>>().join(", ")),
        ]);
    }
    section(
        &mut lines,
        "Data",
        found.data.iter().map(|data| {
            format!(
                "{} {} from {}",
                span(&data.name),
                span(&data.digest),
                span(&data.uri)
            )
        }),
    );
    section(
        &mut lines,
        "Based on",
        found.based_on.iter().map(|base| span(base)),
    );
    section(
        &mut lines,
        "What came out",
        found.outputs.iter().map(|output| {
            format!(
                "{} {}, {} bytes",
                span(&output.path),
                span(&output.digest),
                output.size
            )
        }),
    );
    section(
        &mut lines,
        "Missing",
        found
            .missing
            .iter()
            .map(|gap| format!("{}; {}", span(&gap.what), span(&gap.remedy))),
    );
    lines.join("\n") + "\n"
}

fn section(lines: &mut Vec<String>, heading: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<_> = entries.map(|entry| format!("* {entry}")).collect();
    if !entries.is_empty() {
        lines.extend([String::new(), format!("## {heading}"), String::new()]);
        lines.extend(entries);
    }
}

/// A code span, whatever the text; Markdown and HTML in it mean nothing there.
fn span(text: &str) -> String {
    let plain = |c: char| match c {
        '`' => '\'',
        c if c.is_control() => ' ',
        c => c,
    };
    match text.trim() {
        "" => "unknown".to_owned(),
        text => format!("`{}`", text.chars().map(plain).collect::<String>()),
    }
}
