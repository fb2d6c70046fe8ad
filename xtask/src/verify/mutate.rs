//! Ordering mutation: every ordering is weakened by one step, and every fence taken out or weakened, one at a time; a
//! model, a schedule or a test must notice. What survives is either stronger than it needs to be, or nothing tests it.
//!
//! A crate is built once, in a copy of the workspace, with every ordering in a call that looks up in the environment
//! whether it is the one to weaken ([`RUNTIME`]): so a mutant costs what its tests cost until one fails.
use super::trial::{Trial, copy_of, words_of};
use crate::arguments::Arguments;
use crate::report::Tally;
use crate::test_all::models::has_models;
use crate::tidy::source::{Source, import_ranges, is_word, line_of, words};
use crate::workspace::{Package, Workspace};
use std::path::{Path, PathBuf};

const ORDERINGS: [&str; 4] = ["Acquire", "Release", "AcqRel", "SeqCst"];
const FENCES: [&str; 4] = ["fence", "fence_light", "fence_heavy", "fence_after_rmw"];

/// The variable with the number of the mutant.
const VARIABLE: &str = "HYPERIA_MUTANT";

/// The number of none.
const NOBODY: &str = "4000000000";

/// What the calls call; it goes into the crate's lib.rs.
const RUNTIME: &str = r#"
pub(crate) mod mutant {
    use core::sync::atomic::{AtomicU64, Ordering};
    unsafe extern "C" {
        // Not that of std, which allocates: there are tests that count that.
        fn getenv(name: *const core::ffi::c_char) -> *const core::ffi::c_char;
    }
    #[cold]
    fn read() -> u32 {
        // SAFETY: a string that ends, and nobody changes the environment.
        let value = unsafe { getenv(c"HYPERIA_MUTANT".as_ptr()) };
        if value.is_null() {
            return u32::MAX;
        }
        // SAFETY: what getenv returns ends.
        let value = unsafe { core::ffi::CStr::from_ptr(value) };
        value.to_str().unwrap().parse().unwrap()
    }
    #[inline(never)]
    pub(crate) fn is(this: u32) -> bool {
        static NUMBER: AtomicU64 = AtomicU64::new(u64::MAX);
        let mut number = NUMBER.load(Ordering::Relaxed);
        if number == u64::MAX {
            number = u64::from(read());
            NUMBER.store(number, Ordering::Relaxed);
        }
        number == u64::from(this)
    }
    pub(crate) fn ordering(usual: Ordering, weaker: &[(u32, Ordering)]) -> Ordering {
        weaker.iter().find(|one| is(one.0)).map_or(usual, |one| one.1)
    }
}
"#;

/// A place of the product code that can be weaker.
#[derive(Debug, PartialEq, Eq)]
struct Site {
    line: usize,
    from: usize,
    to: usize,
    /// Each what it is to be, `None` for a fence that is not there.
    weaker: Vec<Option<&'static str>>,
    /// What it is, for the report.
    what: String,
}

/// One of the changes.
struct Mutant {
    number: usize,
    /// In the package's src.
    file: String,
    what: String,
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
        let originals = match originals(workspace, &copy, package) {
            Ok(originals) => originals,
            Err(why) => {
                tally.fail(why);
                continue;
            }
        };
        mutate_crate(&copy, package, &originals, tally);
        // The crates that depend on it are tested with it as it is: their mutants have the same numbers.
        if let Err(why) = restore(&copy, &originals) {
            return tally.fail(why);
        }
    }
}

/// Builds a crate with all its mutants, and tries each.
fn mutate_crate(
    copy: &Workspace,
    package: &Package,
    originals: &[(String, Source)],
    tally: &mut Tally<'_>,
) {
    let ready = prepare(copy, originals).and_then(|mutants| {
        let mut trial = Trial::build(copy, package)?;
        // With a number, so that it is read here, too.
        trial.control(&[(VARIABLE, NOBODY)])?;
        Ok((mutants, trial))
    });
    let (mutants, trial) = match ready {
        Ok(ready) => ready,
        Err(why) => return tally.fail(format!("{}: {why}", package.name)),
    };
    let mut killed = 0;
    for Mutant { number, file, what } in &mutants {
        let number = number.to_string();
        match trial.first_failure(&words_of(file), &[(VARIABLE, &number)]) {
            Some(by) => {
                killed += 1;
                tally.pass(1);
                tally.say(format!("killed   {file}:{what} (by {by})"));
            }
            None => tally.fail(format!("survived {file}:{what}")),
        }
    }
    let all = mutants.len();
    tally.say(format!("{}: killed {killed} of {all}", package.name));
}

/// The sources of a crate as they were copied, each with its path in the package's src.
fn originals(
    workspace: &Workspace,
    copy: &Workspace,
    package: &Package,
) -> Result<Vec<(String, Source)>, String> {
    let folder = package.root.join("src");
    let read = |path: PathBuf| {
        let file = path.strip_prefix(&folder).unwrap_or(&path);
        let file = file.display().to_string();
        let inside = path.strip_prefix(&workspace.root).unwrap_or(&path);
        // Not where it came from: somebody may be at work there.
        let source = Source::read(&copy.root.join(inside), &copy.root, package);
        match source {
            Ok(source) => Ok((file, source)),
            Err(error) => Err(format!("{file}: {error}")),
        }
    };
    package.rust_files("src").into_iter().map(read).collect()
}

/// Writes the crate as it was.
fn restore(copy: &Workspace, originals: &[(String, Source)]) -> Result<(), String> {
    for (file, source) in originals {
        write_changed(&copy.root.join(&source.name), &source.text)
            .map_err(|error| format!("cannot restore {file}: {error}"))?;
    }
    Ok(())
}

/// Writes the crate with all its mutants into the copy.
fn prepare(copy: &Workspace, originals: &[(String, Source)]) -> Result<Vec<Mutant>, String> {
    let mut mutants = Vec::new();
    for (file, source) in originals {
        let sites = sites(source);
        let mut text = with_mutants(&source.text, &sites, mutants.len());
        if file == "lib.rs" {
            text += RUNTIME;
        }
        write_changed(&copy.root.join(&source.name), &text)
            .map_err(|error| format!("{file}: {error}"))?;
        for site in &sites {
            for weaker in &site.weaker {
                let to = weaker.map_or("removed".to_owned(), |weaker| format!("-> {weaker}"));
                mutants.push(Mutant {
                    number: mutants.len(),
                    file: file.clone(),
                    what: format!("{}: {} {to}", site.line, site.what),
                });
            }
        }
    }
    Ok(mutants)
}

fn write_changed(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::read_to_string(path)? == text {
        return Ok(());
    }
    std::fs::write(path, text)
}

/// `text` with a call at each site, for mutants numbered from `number`.
fn with_mutants(text: &str, sites: &[Site], mut number: usize) -> String {
    let mut out = String::new();
    let mut at = 0;
    for site in sites {
        let usual = &text[site.from..site.to];
        out += &text[at..site.from];
        at = site.to;
        if site.weaker == [None] {
            out += &format!("if !crate::mutant::is({number}) {{ {usual} }}");
        } else {
            let weaker: String = (number..)
                .zip(site.weaker.iter().flatten())
                .map(|(number, weaker)| {
                    format!("({number}, core::sync::atomic::Ordering::{weaker}), ")
                })
                .collect();
            out += &format!("crate::mutant::ordering({usual}, &[{weaker}])");
        }
        number += site.weaker.len();
    }
    out + &text[at..]
}

/// Every place that can be weaker.
fn sites(source: &Source) -> Vec<Site> {
    let code = &source.product;
    let imports = import_ranges(code);
    let is_import = |at| imports.iter().any(|import| import.contains(&at));
    let mut found = Vec::new();
    // What a fence that is taken out would say anyway.
    let mut taken_out = Vec::new();
    for name in FENCES {
        for at in words(code, name) {
            // Calls only, no definitions.
            let is_call = code[at + name.len()..].starts_with('(');
            if !is_call || code[..at].ends_with("fn ") || is_import(at) {
                continue;
            }
            let Some(length) = code[at..].find(')') else {
                continue;
            };
            let (from, to) = (path_start(code, at), at + length + 1);
            let call = &code[at..to];
            // A stronger fence is weakened below, where its ordering stands.
            if call.contains("SeqCst") || call.contains("AcqRel") {
                continue;
            }
            taken_out.push(from..to);
            found.push(Site {
                line: line_of(code, from),
                from,
                to,
                weaker: vec![None],
                what: call.to_owned(),
            });
        }
    }
    for ordering in ORDERINGS {
        for at in words(code, ordering) {
            let is_fence = taken_out.iter().any(|fence| fence.contains(&at));
            let is_path = code[at + ordering.len()..].starts_with("::");
            if is_fence || is_import(at) || is_path {
                continue;
            }
            let operation = operation(code, at);
            // It makes no difference in a model, and in a test only if the compiler happens to move something.
            if operation == "compiler_fence" {
                continue;
            }
            found.push(Site {
                line: line_of(code, at),
                from: path_start(code, at),
                to: at + ordering.len(),
                weaker: weaker(ordering, operation).map(Some).collect(),
                what: format!("{operation} {ordering}"),
            });
        }
    }
    found.sort_by_key(|site| site.from);
    found
}

/// The orderings one step below.
fn weaker(ordering: &str, operation: &str) -> impl Iterator<Item = &'static str> + use<> {
    let weaker: &[_] = match (ordering, operation) {
        ("SeqCst", "load") => &["Acquire"],
        ("SeqCst", "store") => &["Release"],
        ("SeqCst", _) => &["AcqRel"],
        ("AcqRel", _) => &["Acquire", "Release"],
        _ => &["Relaxed"],
    };
    weaker.iter().copied()
}

/// Where the path begins whose last segment stands at `at`.
fn path_start(code: &str, at: usize) -> usize {
    let is_path = |byte: &u8| is_word(*byte) || *byte == b':';
    at - code.as_bytes()[..at]
        .iter()
        .rev()
        .take_while(|byte| is_path(byte))
        .count()
}

/// The method, or function, whose argument stands at `at`.
fn operation(code: &str, at: usize) -> &str {
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
    before
        .rsplit(|c: char| !(c.is_ascii() && is_word(c as u8)))
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ordering_and_every_fence_is_weakened_by_one_step() {
        let source = Source::sample(
            "use crate::primitive::Ordering::{self, Acquire, Release};\n\
             fn f() {\n    // Acquire in a comment\n    if x.compare_exchange(a(b), c, AcqRel, Acquire).is_ok() {\n\
                     y.store(1, Ordering::Release);\n    }\n    fence(SeqCst);\n    z.load(Relaxed);\n\
                 fence_heavy();\n    x.load(SeqCst);\n    fence(Acquire);\n}\nfn fence_light() {}\n",
        );
        let what: Vec<_> = sites(&source)
            .into_iter()
            .map(|site| (site.line, site.what, site.weaker))
            .collect();
        let expected = [
            (
                4,
                "compare_exchange AcqRel",
                vec![Some("Acquire"), Some("Release")],
            ),
            (4, "compare_exchange Acquire", vec![Some("Relaxed")]),
            (5, "store Release", vec![Some("Relaxed")]),
            (7, "fence SeqCst", vec![Some("AcqRel")]),
            (9, "fence_heavy()", vec![None]),
            (10, "load SeqCst", vec![Some("Acquire")]),
            (11, "fence(Acquire)", vec![None]),
        ];
        let expected = expected.map(|(line, what, weaker)| (line, what.to_owned(), weaker));
        assert_eq!(what, expected);
    }

    #[test]
    fn mutants_stand_in_calls_and_nothing_else_changes() {
        let source = Source::sample(
            "fn f() { x.load(Acquire); /* é */ y.swap(1, Ordering::AcqRel); fence_light(); }\n",
        );
        let text = with_mutants(&source.text, &sites(&source), 7);
        assert_eq!(
            text,
            "fn f() { x.load(crate::mutant::ordering(Acquire, &[(7, core::sync::atomic::Ordering::Relaxed), ])); \
             /* é */ y.swap(1, crate::mutant::ordering(Ordering::AcqRel, &[(8, \
             core::sync::atomic::Ordering::Acquire), (9, core::sync::atomic::Ordering::Release), ])); \
             if !crate::mutant::is(10) { fence_light() }; }\n"
        );
    }

    #[test]
    fn the_variable_is_the_one_that_is_read() {
        assert!(RUNTIME.contains(VARIABLE));
    }
}
