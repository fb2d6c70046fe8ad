//! What must stand where: headers, files of a crate, the README's table, examples, the root.
use super::source::Source;
use crate::workspace::{Package, Workspace};
use std::collections::BTreeSet;
use std::path::Path;

/// What may stand at the root; dot-files and the target folder may, too.
const ROOT: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "crates",
    "examples",
    "xtask",
];

/// Words of unfinished work.
const UNFINISHED: [&str; 6] = [
    "TODO",
    "FIXME",
    "todo!",
    "unimplemented!",
    "dbg!",
    "#[ignore",
];

/// A file begins with `//!`, so that a reader knows what it is before its first line of code.
pub(super) fn header(source: &Source) -> Vec<String> {
    let first = source
        .text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!"));
    match first {
        Some(line) if line.starts_with("//!") && line.len() > "//! ".len() => Vec::new(),
        _ => vec![format!("{}: no `//!` header", source.name)],
    }
}

/// Work that is handed in is finished.
pub(super) fn unfinished(source: &Source) -> Vec<String> {
    if source.package == "xtask" {
        // The rule names what it looks for.
        return Vec::new();
    }
    source
        .text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let word = UNFINISHED.iter().find(|word| line.contains(**word))?;
            Some(format!("{}:{}: `{word}`", source.name, index + 1))
        })
        .collect()
}

/// Each crate has its documents, the lints, no bench harness on the library, no examples folder; and
/// cargo builds all of them by default but the comparison and the fuzz targets.
pub(super) fn crates(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for package in workspace.crates() {
        let read = |file: &str| std::fs::read_to_string(package.root.join(file)).ok();
        findings.extend(documents(
            package,
            package.root.join("examples").exists(),
            read,
        ));
    }
    for package in &workspace.packages {
        findings.extend(membership(package));
    }
    findings
}

fn documents(
    package: &Package,
    has_examples: bool,
    read: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let name = &package.name;
    let mut findings = Vec::new();
    if has_examples {
        findings.push(format!(
            "{name}: its examples belong into examples/ at the root"
        ));
    }
    for file in ["README.md", "CHANGELOG.md"] {
        if read(file).is_none_or(|text| text.trim().is_empty()) {
            findings.push(format!("{name}: no {file}"));
        }
    }
    let manifest = read("Cargo.toml").unwrap_or_default();
    for (line, why) in [
        ("[lints]\nworkspace = true", "the lints of the workspace"),
        (
            "[lib]\nbench = false",
            "`bench = false`, so that criterion's flags reach only criterion",
        ),
    ] {
        if !manifest.contains(line) {
            findings.push(format!("{name}: its manifest lacks {why}"));
        }
    }
    let lib = read("src/lib.rs").unwrap_or_default();
    if !lib.contains("include_str!(\"../README.md\")") {
        findings.push(format!("{name}: its README is not compiled"));
    }
    findings
}

fn membership(package: &Package) -> Vec<String> {
    let expected = !["hyperia-bench", "hyperia-fuzz"].contains(&package.name.as_str());
    if package.is_default == expected {
        return Vec::new();
    }
    let should = if expected { "should" } else { "should not" };
    vec![format!(
        "{}: {should} be one of the default-members",
        package.name
    )]
}

/// The table of the root README has one line per crate.
pub(super) fn readme(workspace: &Workspace) -> Vec<String> {
    let text = std::fs::read_to_string(workspace.root.join("README.md")).unwrap_or_default();
    let names: BTreeSet<_> = workspace
        .crates()
        .map(|package| package.name.as_str())
        .collect();
    table(&text, &names)
}

fn table(text: &str, names: &BTreeSet<&str>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut listed = BTreeSet::new();
    for cell in text
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.split('|').next())
    {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let Some(name) = cell
            .split(|c| !is_name(c))
            .find(|word| word.starts_with("hyperia-"))
        else {
            continue;
        };
        if !listed.insert(name) {
            findings.push(format!("README.md: {name} is listed twice"));
        }
        if !names.contains(name) {
            findings.push(format!("README.md: {name} is listed and does not exist"));
        }
    }
    let missing = names.iter().filter(|name| !listed.contains(**name));
    findings.extend(missing.map(|name| format!("README.md: no line in the table for {name}")));
    findings
}

/// One `[[example]]` for each file of examples/, and for each folder with a `main.rs`.
pub(super) fn examples(workspace: &Workspace) -> Vec<String> {
    let folder = workspace.root.join("examples");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let files: BTreeSet<_> = entries
        .map(|entry| entry.path())
        .filter_map(|path| match path.join("main.rs") {
            main if main.is_file() => Some(main),
            _ => path
                .extension()
                .is_some_and(|extension| extension == "rs")
                .then_some(path),
        })
        .filter(|path| !path.ends_with("lib.rs"))
        .collect();
    let declared: BTreeSet<_> = workspace
        .packages
        .iter()
        .filter(|package| package.root == folder)
        .flat_map(|package| &package.targets)
        .filter(|(kind, _, _)| kind == "example")
        .map(|(_, _, path)| path.clone())
        .collect();
    declared_each(&files, &declared)
}

fn declared_each(
    files: &BTreeSet<impl AsRef<Path> + Ord>,
    declared: &BTreeSet<impl AsRef<Path> + Ord>,
) -> Vec<String> {
    let declared: BTreeSet<_> = declared.iter().map(AsRef::as_ref).collect();
    files
        .iter()
        .map(AsRef::as_ref)
        .filter(|file| !declared.contains(file))
        .map(|file| {
            format!(
                "{}: no [[example]] for it in examples/Cargo.toml",
                file.display()
            )
        })
        .collect()
}

/// Nothing but what the design lists stands at the root.
pub(super) fn root(workspace: &Workspace) -> Vec<String> {
    let entries = std::fs::read_dir(&workspace.root)
        .into_iter()
        .flatten()
        .flatten();
    let names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    strangers(&names)
}

fn strangers(names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| {
            !ROOT.contains(&name.as_str()) && !name.starts_with('.') && *name != "target"
        })
        .map(|name| format!("{name}: does not belong to the root"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, is_default: bool) -> Package {
        Package {
            name: name.into(),
            root: format!("/w/crates/{name}").into(),
            features: Vec::new(),
            targets: Vec::new(),
            has_loom: false,
            is_published: true,
            is_default,
        }
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(header(&Source::sample("use a::b;\n//! late\n")).len(), 1);
        assert_eq!(header(&Source::sample("//!\nfn f() {}\n")).len(), 1);
        assert!(header(&Source::sample("#![no_std]\n//! What it is.\n")).is_empty());
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(
            unfinished(&Source::sample("// TODO later\nfn f() { todo!() }\n")).len(),
            2
        );
        assert!(unfinished(&Source::sample("// done\n")).is_empty());
    }

    #[test]
    fn a_crate_without_its_documents_and_settings_is_found() {
        assert_eq!(documents(&package("x", true), true, |_| None).len(), 6);
        let complete = |file: &str| {
            Some(match file {
                "Cargo.toml" => "[lib]\nbench = false\n\n[lints]\nworkspace = true\n".to_owned(),
                _ => "#[doc = include_str!(\"../README.md\")]".to_owned(),
            })
        };
        assert!(documents(&package("x", true), false, complete).is_empty());
    }

    #[test]
    fn default_members_are_all_but_two() {
        assert_eq!(membership(&package("x", false)).len(), 1);
        assert_eq!(membership(&package("hyperia-bench", true)).len(), 1);
        assert!(membership(&package("x", true)).is_empty());
        assert!(membership(&package("hyperia-bench", false)).is_empty());
        assert!(membership(&package("hyperia-fuzz", false)).is_empty());
    }

    #[test]
    fn the_table_is_compared_with_the_crates() {
        let names = BTreeSet::from(["hyperia-a", "hyperia-b"]);
        let good = "| [hyperia-a](x) | y |\n|---|---|\n| `hyperia-b` | like hyperia-c |\n";
        assert!(table(good, &names).is_empty());
        let bad = "| hyperia-a | x |\n| hyperia-a | x |\n| hyperia-c | x |\n";
        assert_eq!(table(bad, &names).len(), 3);
    }

    #[test]
    fn an_undeclared_example_is_found() {
        let files = BTreeSet::from(["/e/a.rs", "/e/b.rs"]);
        assert_eq!(declared_each(&files, &BTreeSet::from(["/e/a.rs"])).len(), 1);
        assert!(declared_each(&files, &files.clone()).is_empty());
    }

    #[test]
    fn a_stranger_at_the_root_is_found() {
        let names = ["Cargo.toml", ".ci", "target", "notes.md"].map(str::to_owned);
        assert_eq!(strangers(&names), ["notes.md: does not belong to the root"]);
    }
}
