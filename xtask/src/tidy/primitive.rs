//! `primitive.rs` is the only door to atomics, cells, locks and threads, and its copies are equal.
use super::source::{Source, expand_use, imports, inline_paths, item_end};
use std::collections::BTreeMap;

const RULE: &str = "belongs into primitive.rs: the model checker must be able to replace it (free are \
    Arc, Weak, PoisonError, Cell, RefCell, thread::panicking and thread_local!)";

/// Paths to what the model checker replaces, anywhere but in primitive.rs.
pub(super) fn door(source: &Source) -> Vec<String> {
    if !source.is_published || source.file() == "primitive.rs" {
        return Vec::new();
    }
    // A module by itself is innocent (`use std::thread`); what is taken out of it is judged.
    let (modules, mut paths): (Vec<_>, Vec<_>) = imports(&source.product)
        .into_iter()
        .partition(|(path, _)| is_module(path));
    for (path, line) in inline_paths(&source.product) {
        let (first, rest) = path.split_once("::").unwrap_or((&path, ""));
        let module = modules
            .iter()
            .find(|(module, _)| module.ends_with(&format!("::{first}")));
        paths.push((
            module.map_or(path.clone(), |(module, _)| format!("{module}::{rest}")),
            line,
        ));
    }
    let mut findings: Vec<_> = paths
        .iter()
        .filter(|(path, _)| is_replaced(path))
        .map(|(path, line)| format!("{}:{line}: `{path}` {RULE}", source.name))
        .collect();
    for bare in ["cfg(loom", "not(loom", "any(loom", "all(loom"] {
        for (at, _) in source.code.match_indices(bare) {
            let line = super::source::line_of(&source.code, at);
            findings.push(format!(
                "{}:{line}: `{bare})`: ours is hyperia_loom",
                source.name
            ));
        }
    }
    findings
}

fn is_module(path: &str) -> bool {
    let mut segments = path.split("::");
    matches!(segments.next(), Some("core" | "std" | "alloc"))
        && matches!(segments.next(), Some("sync" | "cell" | "thread" | "hint"))
        && segments.next().is_none()
}

fn is_replaced(path: &str) -> bool {
    let mut segments = path.split("::");
    let root = segments.next().unwrap_or_default();
    match root {
        "loom" | "shuttle" | "parking_lot" => return true,
        "core" | "std" | "alloc" => {}
        _ => return false,
    }
    let (module, item) = (
        segments.next().unwrap_or_default(),
        segments.next().unwrap_or_default(),
    );
    match module {
        // `Exclusive` and friends are not ours to use; what is shared by count only is.
        "sync" => !matches!(item, "Arc" | "Weak" | "PoisonError"),
        // Cell and RefCell make a type unsharable, so no other thread ever sees them.
        "cell" => !matches!(item, "Cell" | "RefCell" | "Ref" | "RefMut"),
        "thread" => !matches!(item, "panicking" | "AccessError" | "LocalKey"),
        "hint" => item == "spin_loop",
        _ => false,
    }
}

/// Items of primitive.rs files that have the same name under the same cfg and differ.
pub(super) fn copies(sources: &[Source]) -> Vec<String> {
    let mut first: BTreeMap<String, (String, &Source)> = BTreeMap::new();
    let mut findings = Vec::new();
    let is_copy = |source: &&Source| source.is_published && source.file() == "primitive.rs";
    for source in sources.iter().filter(is_copy) {
        for (key, text) in items(source) {
            match first.get(&key) {
                Some((other, of)) if *other != text => findings.push(format!(
                    "{}: `{key}` differs from {}; items of the same name are word for word the same",
                    source.name, of.name
                )),
                Some(_) => {}
                None => _ = first.insert(key, (text, source)),
            }
        }
    }
    findings
}

/// The items of a file by cfg and name: imports by what they import, `impl` blocks method by method
/// (a crate has those that it uses), each with its code.
fn items(source: &Source) -> Vec<(String, String)> {
    let mut found = Vec::new();
    items_between(source, 0, source.code.len(), "", &mut found);
    found
}

fn items_between(
    source: &Source,
    mut at: usize,
    to: usize,
    prefix: &str,
    found: &mut Vec<(String, String)>,
) {
    let next = |at: usize| Some(at + source.code[at..to].find(|c: char| !c.is_whitespace())?);
    while let Some(start) = next(at) {
        // Attributes first; those that choose a build belong to the name.
        let mut head = start;
        let mut key = prefix.to_owned();
        while source.code[head..].starts_with('#') {
            let end = source.code[head..]
                .find('\n')
                .map_or(to, |length| head + length);
            let attribute = source.text[head..end].trim();
            if attribute.starts_with("#[cfg(") {
                key += attribute;
                key.push(' ');
            }
            head = next(end).unwrap_or(to);
        }
        let end = item_end(&source.code, head).min(to);
        let code = source.code[head..end].trim();
        let declared = ["pub(crate) ", "pub "]
            .iter()
            .find_map(|public| code.strip_prefix(public));
        let declared = declared.unwrap_or(code);
        let name = declared.split(['{', ';', '(']).next().unwrap_or(declared);
        if let Some(tree) = declared.strip_prefix("use ") {
            expand_use(tree.trim_end_matches(';'), &mut |path| {
                let name = path.rsplit("::").next().unwrap_or_default();
                found.push((format!("{key}use {name}"), path.clone()));
            });
        } else if let (true, Some(body)) = (name.starts_with("impl"), code.find('{')) {
            let prefix = format!("{key}{} ", name.trim());
            items_between(source, head + body + 1, end - 1, &prefix, found);
        } else {
            found.push((
                format!("{key}{}", name.trim()),
                source.text[start..end].to_owned(),
            ));
        }
        at = end.max(start + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomics_cells_locks_and_threads_elsewhere_are_found() {
        for bad in [
            "use core::sync::atomic::AtomicU8;\n",
            "use std::{io, sync::{Arc, Mutex}};\n",
            "use std::thread;\nfn f() { thread::spawn(g); }\n",
            "fn f() { std::thread::yield_now(); }\n",
            "use core::cell::UnsafeCell;\n",
            "static X: parking_lot::Mutex<u8> = parking_lot::const_mutex(0);\n",
            "#[cfg(loom)]\nfn f() {}\n",
        ] {
            assert!(!door(&Source::sample(bad)).is_empty(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_modelled_is_free() {
        let good = "use crate::primitive::{AtomicU8, Mutex};\nuse std::sync::{Arc, Weak};\n\
            use std::cell::Cell;\n// std::thread::spawn\nuse std::thread;\nfn f() { thread::panicking(); std::thread::panicking(); }\n";
        assert_eq!(door(&Source::sample(good)), Vec::<String>::new());
    }

    fn copy(package: &str, text: &str) -> Source {
        Source::new(
            &format!("crates/{package}/src/primitive.rs"),
            package,
            true,
            text,
        )
    }

    const CELL: &str = "#[cfg(not(hyperia_loom))]\npub(crate) use core::sync::atomic::{AtomicU8, fence};\n\
        #[cfg(hyperia_loom)]\npub(crate) use loom::sync::atomic::AtomicU8;\n\
        /// A cell.\n#[cfg(not(hyperia_loom))]\npub(crate) struct Cell<T>(core::cell::UnsafeCell<T>);\n\
        #[cfg(not(hyperia_loom))]\nimpl<T> Cell<T> {\n    fn get(&self) {}\n}\n";

    #[test]
    fn equal_items_pass_even_if_one_file_has_more() {
        let less = "#[cfg(not(hyperia_loom))]\npub(crate) use core::sync::atomic::fence;\n";
        assert_eq!(
            copies(&[copy("a", CELL), copy("b", less)]),
            Vec::<String>::new()
        );
        let names: Vec<_> = items(&copy("a", CELL))
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names.len(), 5, "{names:?}");
    }

    #[test]
    fn items_that_differ_are_found() {
        let other = CELL.replace("fn get(&self)", "fn get(&mut self)");
        assert_eq!(copies(&[copy("a", CELL), copy("b", &other)]).len(), 1);
        let less = CELL.replace("    fn get(&self) {}\n", "");
        assert!(copies(&[copy("a", CELL), copy("b", &less)]).is_empty());
        let other = CELL.replace("loom::sync::atomic", "loom::sync::other");
        assert_eq!(copies(&[copy("a", CELL), copy("b", &other)]).len(), 1);
    }
}
