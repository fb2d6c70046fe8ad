//! Versions of peers, from the lock file: a result without them cannot be repeated.

/// The version of the package `name` that the workspace is locked to.
///
/// # Panics
/// If the lock file does not have it, or has it twice: then "the version" means nothing.
///
/// # Examples
/// ```
/// assert_eq!(hyperia_bench::version("hyperia-bench"), "0.0.0");
/// ```
#[track_caller]
pub fn version(name: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let mut found = lock.split("[[package]]").filter_map(|package| {
        let mut lines = package.trim_start().lines();
        let is_it = lines.next()?.strip_prefix("name = ")?.trim_matches('"') == name;
        lines
            .next()?
            .strip_prefix("version = ")
            .filter(|_| is_it)
            .map(|text| text.trim_matches('"'))
    });
    let version = found.next();
    let version = version.unwrap_or_else(|| panic!("{name} is not in the lock file"));
    assert_eq!(found.next(), None, "{name} is in the lock file twice");
    version
}
