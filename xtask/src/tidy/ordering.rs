//! Every atomic operation says what it pairs with, and says it about itself.
use super::source::{Source, import_ranges, line_of, words};
use std::collections::BTreeMap;

const ORDERINGS: [&str; 5] = ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];
/// How many lines above an operation its comment may begin.
const REACH: usize = 12;
const TAG: &str = "// ORDERING:";

/// An ordering in product code without a comment near above.
pub(super) fn argued(source: &Source) -> Vec<String> {
    let lines: Vec<_> = source.text.lines().collect();
    let imports = import_ranges(&source.product);
    let mut unargued: Vec<usize> = Vec::new();
    for ordering in ORDERINGS {
        for at in words(&source.product, ordering) {
            let line = line_of(&source.product, at);
            let in_import = imports.iter().any(|import| import.contains(&at));
            let above = &lines[line.saturating_sub(1 + REACH)..line];
            if !in_import && !above.iter().any(|text| text.contains(TAG)) {
                unargued.push(line);
            }
        }
    }
    unargued.sort_unstable();
    unargued.dedup();
    unargued
        .iter()
        .map(|line| {
            format!(
                "{}:{line}: no `{TAG}` within {REACH} lines above this ordering",
                source.name
            )
        })
        .collect()
}

/// Two comments that are the same: at least one of them does not name its own partner.
pub(super) fn repeated(source: &Source) -> Vec<String> {
    if source.product.is_empty() || !source.is_published {
        return Vec::new();
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    let lines: Vec<_> = source.text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with(TAG) {
            continue;
        }
        let comment: Vec<_> = lines[index..]
            .iter()
            .map(|line| line.trim())
            .take_while(|line| line.starts_with("//"))
            .collect();
        if let Some(first) = seen.insert(comment.join(" "), index + 1) {
            let name = &source.name;
            findings.push(format!(
                "{name}:{}: the same argument as on line {first}",
                index + 1
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMPORT: &str = "use crate::primitive::Ordering::{self, *};\nuse a::{\n    Acquire,\n};\n";

    #[test]
    fn an_operation_without_an_argument_is_found() {
        let bad = format!("{IMPORT}fn f() {{\n    x.load(Acquire);\n}}\n");
        let findings = argued(&Source::sample(&bad));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("concept.rs:6"), "{findings:?}");
        let far = format!(
            "// ORDERING: far.\n{}fn f() {{ x.load(SeqCst); }}\n",
            "\n".repeat(20)
        );
        assert_eq!(argued(&Source::sample(&far)).len(), 1);
    }

    #[test]
    fn an_argued_operation_passes() {
        let good = format!(
            "{IMPORT}fn f() {{\n    // ORDERING: pairs with g.\n    x.load(Acquire);\n}}\n"
        );
        assert!(argued(&Source::sample(&good)).is_empty());
        let test = "#[cfg(test)]\nmod tests {\n fn f() { x.load(Acquire); }\n}\n";
        assert!(argued(&Source::sample(test)).is_empty());
    }

    #[test]
    fn the_same_argument_twice_is_found() {
        let one = "// ORDERING: Acquire pairs with\n// the store.\nx();\n";
        assert_eq!(repeated(&Source::sample(&format!("{one}{one}"))).len(), 1);
        let other = "// ORDERING: Acquire pairs with\n// the swap.\nx();\n";
        assert!(repeated(&Source::sample(&format!("{one}{other}"))).is_empty());
    }
}
