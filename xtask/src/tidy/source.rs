//! Rust source in the three shapes that rules look at: as written, without comments and literals,
//! and that again without test modules.
use crate::workspace::Package;
use std::ops::Range;
use std::path::Path;

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Relative to the root, for findings.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) is_published: bool,
    pub(crate) text: String,
    /// As long as `text`, line by line, with comments and literals blanked.
    pub(crate) code: String,
    /// `code` with `cfg(test)` modules blanked; empty if the whole file is test code.
    pub(crate) product: String,
}

impl Source {
    pub(crate) fn read(path: &Path, root: &Path, package: &Package) -> std::io::Result<Self> {
        let name = path
            .strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string();
        let text = std::fs::read_to_string(path)?;
        Ok(Self::new(&name, &package.name, package.is_published, &text))
    }

    pub(crate) fn new(name: &str, package: &str, is_published: bool, text: &str) -> Self {
        let code = blank_comments(text);
        let file = name.rsplit('/').next().unwrap_or(name);
        // A module of its own for tests, or for models, which is test code under another cfg.
        let is_test = !name.contains("/src/")
            || file == "tests.rs"
            || file == "loom.rs"
            || name.contains("/tests/");
        let product = if is_test {
            String::new()
        } else {
            blank_test_modules(&code)
        };
        Self {
            name: name.to_owned(),
            package: package.to_owned(),
            is_published,
            text: text.to_owned(),
            code,
            product,
        }
    }

    pub(crate) fn file(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// A file of product code with this text, for the tests of rules.
    #[cfg(test)]
    pub(crate) fn sample(text: &str) -> Self {
        Self::new("crates/x/src/concept.rs", "x", true, text)
    }
}

/// The line, from 1, of the byte at `at`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|&byte| byte == b'\n').count() + 1
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Where `word` stands as a word of its own.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let bytes = code.as_bytes();
            let before = at > 0 && is_word(bytes[at - 1]);
            let after = bytes
                .get(at + word.len())
                .is_some_and(|&byte| is_word(byte));
            !before && !after
        })
}

/// Blanks comments, strings and characters; line breaks stay.
fn blank_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => bytes[at..]
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(bytes.len(), |n| at + n),
            b'/' if bytes[at..].starts_with(b"/*") => block_comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' if at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b' => {
                raw_string_end(bytes, at)
            }
            b'\'' => character_end(bytes, at),
            _ => at,
        };
        if end > at {
            out[at..end]
                .iter_mut()
                .filter(|byte| **byte != b'\n')
                .for_each(|byte| *byte = b' ');
            at = end;
        } else {
            at += 1;
        }
    }
    // Only whole characters were replaced, by ASCII.
    String::from_utf8_lossy(&out).into_owned()
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The end of `r"..."` or `r#"..."#`; `start` if it is neither.
fn raw_string_end(bytes: &[u8], start: usize) -> usize {
    let hashes = bytes[start + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    if bytes.get(start + 1 + hashes) != Some(&b'"') {
        return start;
    }
    let mut close = vec![b'"'];
    close.resize(1 + hashes, b'#');
    let body = start + 2 + hashes;
    bytes[body..]
        .windows(close.len())
        .position(|window| window == close)
        .map_or(bytes.len(), |n| body + n + close.len())
}

/// The end of `'x'` or `'\n'`; `start` for a lifetime.
fn character_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    let skip = if rest.first() == Some(&b'\\') { 2 } else { 1 };
    // A character is at most four bytes, an escape at most `\u{10ffff}`.
    let limit = if skip == 2 { 12 } else { 5 };
    match rest
        .iter()
        .skip(skip)
        .take(limit)
        .position(|&byte| byte == b'\'')
    {
        // Between two lifetimes there is more than one character.
        Some(n) if skip == 2 || n == 0 || !rest[0].is_ascii() => start + 1 + skip + n + 1,
        _ => start,
    }
}

/// Blanks `#[cfg(test)] mod ... { ... }` and its kin.
fn blank_test_modules(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (start, _) in code.match_indices("#[cfg(") {
        let Some(close) = code[start..].find(']').map(|n| start + n + 1) else {
            break;
        };
        let is_test = words(&code[start..close], "test").next().is_some()
            && !code[start..close].contains("not(test");
        let rest = code[close..].trim_start();
        let item = code.len() - rest.len();
        if !is_test || !rest.starts_with("mod ") {
            continue;
        }
        let end = item_end(code, item);
        out[start..end]
            .iter_mut()
            .filter(|byte| **byte != b'\n')
            .for_each(|byte| *byte = b' ');
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the item that begins at `start` of blanked code ends: behind its `;`, or its closing brace.
pub(crate) fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'}' => {
                depth = depth.saturating_sub(1);
                // `use a::{b};` goes on to its semicolon.
                if depth == 0 && !code[at + 1..].trim_start().starts_with(';') {
                    return at + 1;
                }
            }
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The `use` declarations of blanked code: full paths, groups taken apart, with their lines.
pub(crate) fn imports(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for range in import_ranges(code) {
        let line = line_of(code, range.start);
        let tree = code[range.start + 3..range.end]
            .trim()
            .trim_end_matches(';');
        expand_use(tree, &mut |path| found.push((path, line)));
    }
    found
}

/// Where the `use` declarations of blanked code stand.
pub(crate) fn import_ranges(code: &str) -> Vec<Range<usize>> {
    words(code, "use")
        // `use<'a>` of return types is something else.
        .filter(|at| code[at + 3..].starts_with([' ', '\n']))
        .map(|at| at..item_end(code, at))
        .collect()
}

/// The paths of one `use` tree, groups taken apart.
pub(crate) fn expand_use(tree: &str, found: &mut impl FnMut(String)) {
    expand("", tree, found);
}

fn expand(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or(tree).trim();
        let path = format!("{prefix}{path}");
        return found(
            path.trim_start_matches("::")
                .trim_end_matches("::self")
                .to_owned(),
        );
    };
    let prefix = format!("{prefix}{}", tree[..open].trim());
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let mut depth = 0;
    let mut start = 0;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                expand(&prefix, &inner[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner[start..].trim().is_empty() {
        expand(&prefix, &inner[start..], found);
    }
}

/// Paths of at least two segments that stand in blanked code outside `use`, with their lines.
pub(crate) fn inline_paths(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let uses = import_ranges(code);
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && (is_word(bytes[at]) || bytes[at..].starts_with(b"::")) {
            at += if is_word(bytes[at]) { 1 } else { 2 };
        }
        let path = &code[start..at];
        let in_use = uses.iter().any(|import| import.contains(&start));
        if path.contains("::") && !in_use {
            found.push((path.trim_end_matches("::").to_owned(), line_of(code, start)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blank_and_lines_stay() {
        let text = "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# 'l' '\\n' 'é' &'m n\n";
        let code = blank_comments(text);
        assert_eq!(code.split_whitespace().collect::<String>(), "aei&'mn");
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(blank_comments("fn f<'a>(x: &'a str, y: &'a u8)").contains("y: &'a u8"));
    }

    #[test]
    fn test_modules_are_no_product() {
        let source = Source::sample(
            "fn a() {}\n#[cfg(all(test, hyperia_loom))]\nmod b {\n fn c() {}\n}\n\
             #[cfg(not(test))]\nmod d {}\n#[cfg(test)]\nmod e;\nfn f() {}\n",
        );
        let left: String = source.product.split_whitespace().collect();
        assert_eq!(left, "fna(){}#[cfg(not(test))]modd{}fnf(){}");
        assert!(
            Source::new("crates/x/tests/y.rs", "x", true, "fn a() {}")
                .product
                .is_empty()
        );
        assert!(
            Source::new("crates/x/src/y/loom.rs", "x", true, "fn a() {}")
                .product
                .is_empty()
        );
    }

    #[test]
    fn imports_are_taken_apart() {
        let code = "use std::{io::{self, Read as R}, sync::Arc};\npub(crate) use a::b;\n\
            fn f<'a>() -> impl X + use<'a> { y() }\n";
        let found = imports(code);
        let paths: Vec<_> = found
            .iter()
            .map(|(path, line)| (path.as_str(), *line))
            .collect();
        let expected = [
            ("std::io", 1),
            ("std::io::Read", 1),
            ("std::sync::Arc", 1),
            ("a::b", 2),
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn paths_in_expressions_are_found() {
        let found = inline_paths("use a::b;\nfn f() { std::thread::spawn(x); y::<u8>() }\n");
        let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["std::thread::spawn", "y"]);
    }
}
