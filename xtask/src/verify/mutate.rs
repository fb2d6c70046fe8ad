//! Ordering mutation: every ordering is weakened to Relaxed, and every fence taken out, one at a
//! time, in a copy of the workspace; a model or a test must notice. What survives is either stronger
//! than it needs to be, or nothing tests it.
use crate::arguments::Arguments;
use crate::report::Tally;
use crate::suite;
use crate::test_all::models::{has_models, has_schedules, loom_cargo, shuttle_cargo, targets};
use crate::tidy::source::{Source, import_ranges, is_word, line_of, words};
use crate::workspace::{Package, Workspace};
use std::io;
use std::path::Path;
use std::time::Duration;

/// A mutant may hang instead of failing; ordinary runs take seconds.
const DEADLINE: Duration = Duration::from_secs(240);
const STRONGER: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];
const FENCES: [&str; 3] = ["fence", "fence_light", "fence_heavy"];

/// One change to one file.
#[derive(Debug, PartialEq, Eq)]
struct Mutation {
    line: usize,
    from: usize,
    to: usize,
    with: &'static str,
    what: String,
}

/// What became of a mutant.
pub(super) enum Fate {
    Killed(String),
    Survived,
    Unbuilt(String),
}

/// Mutates the crates that have models.
pub(super) fn mutate(workspace: &Workspace, arguments: &Arguments, tally: &mut Tally<'_>) {
    let copy = match copy_of(workspace) {
        Ok(copy) => copy,
        Err(why) => return tally.fail(why),
    };
    for package in workspace.crates() {
        if !package.has_loom || !has_models(package) || !arguments.wants_crate(&package.name) {
            continue;
        }
        let (mut killed, mut all) = (0, 0);
        for path in package.rust_files("src") {
            let Ok(source) = Source::read(&path, &workspace.root, package) else {
                continue;
            };
            let target = copy.root.join(&source.name);
            for mutation in mutations(&source) {
                let Mutation { from, to, with, .. } = mutation;
                let text = [&source.text[..from], with, &source.text[to..]].concat();
                let fate = match std::fs::write(&target, text) {
                    Ok(()) => judge(&copy, package),
                    Err(error) => Fate::Unbuilt(error.to_string()),
                };
                if let Err(error) = std::fs::write(&target, &source.text) {
                    return tally.fail(format!("cannot restore {}: {error}", target.display()));
                }
                let site = format!("{}:{}: {}", source.name, mutation.line, mutation.what);
                all += 1;
                match fate {
                    Fate::Killed(by) => {
                        killed += 1;
                        tally.pass(1);
                        tally.say(format!("killed   {site} (by {by})"));
                    }
                    Fate::Survived => tally.fail(format!("survived {site}")),
                    Fate::Unbuilt(why) => tally.fail(format!("not built {site}: {why}")),
                }
            }
        }
        tally.say(format!("{}: killed {killed} of {all}", package.name));
    }
}

/// Every way to weaken one place of the product code.
fn mutations(source: &Source) -> Vec<Mutation> {
    let code = &source.product;
    let imports = import_ranges(code);
    let is_import = |at| imports.iter().any(|import| import.contains(&at));
    let mut found = Vec::new();
    for name in FENCES {
        for from in words(code, name) {
            // Calls only, no definitions.
            let is_call = code[from + name.len()..].starts_with('(');
            if !is_call || code[..from].ends_with("fn ") || is_import(from) {
                continue;
            }
            let Some(length) = code[from..].find(')') else {
                continue;
            };
            let what = format!("{} removed", &code[from..=from + length]);
            found.push((from, from + length + 1, "()", what));
        }
    }
    let fences: Vec<_> = found.iter().map(|&(from, to, ..)| (from, to)).collect();
    for ordering in STRONGER {
        for from in words(code, ordering) {
            let in_fence = fences
                .iter()
                .any(|&(start, end)| (start..end).contains(&from));
            // `Ordering::Acquire` is replaced by its last segment, like the bare name.
            let is_path = code[from + ordering.len()..].starts_with("::");
            if !in_fence && !is_import(from) && !is_path {
                found.push((
                    from,
                    from + ordering.len(),
                    "Relaxed",
                    operation(code, from, ordering),
                ));
            }
        }
    }
    found.sort_by_key(|&(from, ..)| from);
    found
        .into_iter()
        .map(|(from, to, with, what)| Mutation {
            line: line_of(code, from),
            from,
            to,
            with,
            what,
        })
        .collect()
}

/// `compare_exchange Acquire -> Relaxed`: the method whose argument the ordering is.
fn operation(code: &str, at: usize, ordering: &str) -> String {
    let mut depth = 0;
    let open = code[..at].char_indices().rev().find(|(_, c)| {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => return true,
            '(' => depth -= 1,
            _ => {}
        }
        false
    });
    let before = open.map_or("", |(open, _)| &code[..open]);
    let name = before
        .rsplit(|c: char| !(c.is_ascii() && is_word(c as u8)))
        .next()
        .unwrap_or_default();
    format!("{name} {ordering} -> Relaxed")
}

/// Runs the models, the schedules and the tests of a crate in the copy, until one fails.
pub(super) fn judge(copy: &Workspace, package: &Package) -> Fate {
    let name = package.name.as_str();
    let mut models = loom_cargo(copy, &["test", "--release", "-p", name]);
    models.args(targets(package));
    let mut tests = copy.cargo(&["test", "--lib", "--tests", "-p", name]);
    tests.env("CARGO_TARGET_DIR", &copy.target);
    let mut schedules = shuttle_cargo(copy, &["test", "--release", "-p", name]);
    schedules.args(["--test", "shuttle"]);
    let schedules = has_schedules(package).then_some(&mut schedules);
    for command in [&mut models]
        .into_iter()
        .chain(schedules)
        .chain([&mut tests])
    {
        let binaries = match suite::build(command) {
            Ok(binaries) => binaries,
            Err(why) => return Fate::Unbuilt(why),
        };
        for binary in binaries {
            let ran = suite::run(&binary, &[], &[], DEADLINE);
            if let Some(failure) = ran.failures.first() {
                return Fate::Killed(format!("{}: {failure}", binary.label));
            }
        }
    }
    Fate::Survived
}

/// Makes the copy, with a target folder of its own.
pub(super) fn copy_of(workspace: &Workspace) -> Result<Workspace, String> {
    let folder = workspace.target.join("mutate");
    let copy = Workspace {
        root: folder.join("tree"),
        target: folder.join("build"),
        ..workspace.clone()
    };
    match copy_workspace(&workspace.root, &copy.root) {
        Ok(()) => Ok(copy),
        Err(error) => Err(format!(
            "cannot copy the workspace to {}: {error}",
            copy.root.display()
        )),
    }
}

/// Copies what cargo needs; files that are the same stay, so that they need not be built again.
fn copy_workspace(from: &Path, to: &Path) -> io::Result<()> {
    for name in ["crates", "examples", "xtask"] {
        // What was deleted since the last copy must not be built.
        match std::fs::remove_dir_all(to.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => copy_folder(&from.join(name), &to.join(name))?,
        }
    }
    for name in ["Cargo.toml", "Cargo.lock", "README.md"] {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ordering_and_every_fence_is_a_mutation() {
        let source = Source::sample(
            "use crate::primitive::Ordering::{self, Acquire, Release};\n\
             fn f() {\n    // Acquire in a comment\n    if x.compare_exchange(a(b), c, AcqRel, Acquire).is_ok() {\n\
                     y.store(1, Release);\n    }\n    fence(SeqCst);\n    z.load(Relaxed);\n\
                 fence_heavy();\n}\nfn fence_light() {}\n",
        );
        let what: Vec<_> = mutations(&source)
            .into_iter()
            .map(|one| (one.line, one.what))
            .collect();
        let expected = [
            (4, "compare_exchange AcqRel -> Relaxed"),
            (4, "compare_exchange Acquire -> Relaxed"),
            (5, "store Release -> Relaxed"),
            (7, "fence(SeqCst) removed"),
            (9, "fence_heavy() removed"),
        ];
        assert_eq!(what, expected.map(|(line, what)| (line, what.to_owned())));
    }

    #[test]
    fn a_mutation_changes_its_place_and_nothing_else() {
        let source = Source::sample("fn f() { x.load(Acquire); /* é */ y.load(Acquire); }\n");
        let Mutation { from, to, with, .. } = mutations(&source).remove(1);
        let text = [&source.text[..from], with, &source.text[to..]].concat();
        assert_eq!(
            text,
            "fn f() { x.load(Acquire); /* é */ y.load(Relaxed); }\n"
        );
    }
}
