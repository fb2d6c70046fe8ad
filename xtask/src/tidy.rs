//! `cargo xtask tidy`: rules that no compiler checks. Each is a function from text to findings, with
//! a sample that fails in its tests.
mod api;
mod files;
mod layers;
mod ordering;
mod primitive;
pub(crate) mod source;

use crate::arguments::Arguments;
use crate::report::{Report, Tally};
use crate::workspace::Workspace;
use source::Source;
use std::process::ExitCode;

/// Files with more lines are named in the report.
const LONG: usize = 400;

/// Runs the command.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, String> {
    Arguments::parse(arguments, &[], &[], workspace)?;
    let mut report = Report::default();
    report.step("tidy", |tally| check(workspace, tally));
    Ok(report.finish())
}

/// Checks all rules; each is one case.
pub(crate) fn check(workspace: &Workspace, tally: &mut Tally<'_>) {
    let mut sources = Vec::new();
    for package in &workspace.packages {
        // The programs of examples/ stand beside its manifest.
        let is_examples = package.root == workspace.root.join("examples");
        let folders = if is_examples {
            &[""][..]
        } else {
            &["src", "tests", "benches"]
        };
        for folder in folders {
            for path in package.rust_files(folder) {
                match Source::read(&path, &workspace.root, package) {
                    Ok(source) => sources.push(source),
                    Err(error) => tally.fail(format!("{}: {error}", path.display())),
                }
            }
        }
    }
    let each = |rule: fn(&Source) -> Vec<String>| sources.iter().flat_map(rule).collect();
    let rules: [(&str, Vec<String>); 12] = [
        ("every file begins with what it is for", each(files::header)),
        ("nothing unfinished", each(files::unfinished)),
        (
            "crates have their files and settings",
            files::crates(workspace),
        ),
        ("README lists the crates", files::readme(workspace)),
        ("examples are declared", files::examples(workspace)),
        ("nothing else stands at the root", files::root(workspace)),
        ("arrows between crates point down", layers::check(workspace)),
        ("primitive.rs is the only door", each(primitive::door)),
        (
            "copies of primitives are equal",
            primitive::copies(&sources),
        ),
        ("every atomic operation is argued", each(ordering::argued)),
        ("no two arguments are the same", each(ordering::repeated)),
        ("no outside types in public", each(api::outside_types)),
    ];
    for (name, findings) in rules {
        if findings.is_empty() {
            tally.pass(1);
            tally.say(format!("ok: {name}"));
        } else {
            tally.fail(format!("tidy: {name}\n    {}", findings.join("\n    ")));
        }
    }
    longest(&sources, tally);
}

/// A report, not a rule: where a seam may be overdue.
fn longest(sources: &[Source], tally: &Tally<'_>) {
    let mut long: Vec<_> = sources
        .iter()
        .filter(|source| !source.product.is_empty())
        .map(|source| (source.text.lines().count(), &source.name))
        .filter(|(lines, _)| *lines > LONG)
        .collect();
    long.sort_by(|a, b| b.cmp(a));
    tally.say(format!(
        "{} files without tests have more than {LONG} lines",
        long.len()
    ));
    for (lines, name) in long.iter().take(8) {
        tally.say(format!("  {lines:>5} {name}"));
    }
}
