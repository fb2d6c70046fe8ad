//! Public signatures speak std and futures-core; what else they name, a caller would have to depend on.
use super::source::{Source, imports, item_end, line_of, words};

/// Crates whose types must not show.
const OUTSIDE: [&str; 9] = [
    "parking_lot",
    "libc",
    "async_task",
    "loom",
    "crossbeam_epoch",
    "crossbeam_deque",
    "tokio",
    "smol",
    "futures_util",
];

/// Best effort, by text: names from these crates in `pub` items and fields and in trait impls.
pub(super) fn outside_types(source: &Source) -> Vec<String> {
    if !source.is_published || source.file() == "primitive.rs" {
        return Vec::new();
    }
    let code = &source.product;
    // Names brought in by `use libc::c_int` count like `libc::c_int`.
    let mut names: Vec<String> = OUTSIDE.iter().map(|name| format!("{name}::")).collect();
    for (path, _) in imports(code) {
        let (root, name) = (
            path.split("::").next(),
            path.rsplit("::").next().unwrap_or_default(),
        );
        if OUTSIDE.iter().any(|outside| root == Some(outside)) && name != "*" {
            names.push(name.to_owned());
        }
    }
    let mut findings = Vec::new();
    for (at, signature) in signatures(code) {
        if let Some(name) = names.iter().find(|name| mentions(&signature, name)) {
            let line = line_of(code, at);
            let shown = name.trim_end_matches("::");
            findings.push(format!(
                "{}:{line}: `{shown}` in a public signature",
                source.name
            ));
        }
    }
    findings
}

fn mentions(signature: &str, name: &str) -> bool {
    match name.strip_suffix("::") {
        Some(root) => words(signature, root).any(|at| signature[at..].starts_with(name)),
        None => words(signature, name).next().is_some(),
    }
}

/// What a caller sees, with where it begins: items and fields behind `pub `, headers of trait impls.
fn signatures(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in words(code, "pub") {
        if !code[at + 3..].starts_with(' ') {
            continue;
        }
        let rest = &code[at..];
        // A field ends at its comma or at the closing brace, whatever comes first at its depth; an
        // item's signature ends where its body begins.
        let is_item = [
            "fn", "unsafe", "const", "async", "struct", "enum", "trait", "type", "use", "static",
        ]
        .iter()
        .any(|word| rest[4..].starts_with(&format!("{word} ")));
        let head = &rest[4..rest.find(['{', ';']).unwrap_or(rest.len())];
        let is_value = (head.starts_with("const ") || head.starts_with("static "))
            && words(head, "fn").next().is_none();
        let stop: &[char] = match () {
            // The fields of a struct that are public say so themselves.
            () if rest[4..].starts_with("struct ") => &['{', ';', '('],
            // A constant's type shows, its value does not.
            () if is_value => &['=', ';'],
            () if is_item => &['{', ';'],
            () => &['\n'],
        };
        let end = rest.find(stop).unwrap_or(rest.len());
        found.push((at, rest[..end].to_owned()));
    }
    for at in words(code, "impl") {
        let end = item_end(code, at);
        let header = code[at..end].split('{').next().unwrap_or_default();
        if words(header, "for").next().is_some() {
            found.push((at, header.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_types_in_signatures_are_found() {
        for bad in [
            "pub fn f(x: libc::c_int) {}\n",
            "use libc::{c_int, close};\npub fn f(x: u8,\n    y: c_int) {}\n",
            "pub struct S {\n    pub x: parking_lot::Mutex<u8>,\n}\n",
            "impl From<libc::epoll_event> for S {\n}\n",
            "pub const C: libc::c_int = 1;\n",
            "pub struct S(pub libc::c_int);\n",
            "pub type T = async_task::Task<u8>;\n",
        ] {
            assert_eq!(outside_types(&Source::sample(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn inner_use_is_free() {
        let good = "use libc::c_int;\npub fn f() { libc::close(0); }\npub(crate) fn g(x: c_int) {}\n\
            struct S { x: c_int }\npub struct T(c_int);\npub const C: T = T(libc::SIGINT);\nimpl S { fn h(&self) -> c_int { 0 } }\nimpl Clone for S {}\n";
        assert_eq!(outside_types(&Source::sample(good)), Vec::<String>::new());
    }
}
