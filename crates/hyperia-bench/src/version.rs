//! Versions of peers, from the lock file: a result without them cannot be repeated.

/// The version of the package `name` that the workspace is locked to; if there are several, the one that this package
/// depends on.
///
/// # Panics
/// If the lock file does not have it, or has it twice and neither is for this package: then "the version" means nothing.
///
/// # Examples
/// ```
/// assert_eq!(hyperia_bench::version("hyperia-bench"), "0.0.0");
/// ```
#[track_caller]
pub fn version(name: &str) -> &'static str {
    version_in(include_str!("../../../Cargo.lock"), name)
}

#[track_caller]
fn version_in<'a>(lock: &'a str, name: &str) -> &'a str {
    let mut found = lock
        .split("[[package]]")
        .filter(|package| value(package, "name") == Some(name))
        .filter_map(|package| value(package, "version"));
    let version = found.next();
    let version = version.unwrap_or_else(|| panic!("{name} is not in the lock file"));
    if found.next().is_none() {
        return version;
    }
    let mut packages = lock.split("[[package]]");
    let own = packages.find(|package| value(package, "name") == Some(env!("CARGO_PKG_NAME")));
    // What is there once stands without its version among the dependencies.
    let mut dependencies = own.expect("it is in there").lines().filter_map(|line| {
        line.trim()
            .strip_prefix('"')?
            .strip_prefix(name)?
            .strip_prefix(' ')
    });
    let version = dependencies
        .next()
        .map(|line| line.trim_end_matches(['"', ',']));
    version.unwrap_or_else(|| panic!("{name} is in the lock file twice"))
}

/// What stands behind `key` in the lines of a package.
fn value<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    package
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
        .map(|text| text.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "hyperia-bench"
version = "0.0.0"
dependencies = [
 "once",
 "several 0.2.3",
]

[[package]]
name = "once"
version = "1.0.0"

[[package]]
name = "several"
version = "0.1.0"

[[package]]
name = "several"
version = "0.2.3"

[[package]]
name = "stranger"
version = "0.1.0"

[[package]]
name = "stranger"
version = "0.2.0"
"#;

    #[test]
    fn of_several_it_is_the_one_that_is_depended_on() {
        assert_eq!(version_in(LOCK, "once"), "1.0.0");
        assert_eq!(version_in(LOCK, "several"), "0.2.3");
    }

    #[test]
    #[should_panic(expected = "stranger is in the lock file twice")]
    fn of_several_that_others_depend_on_it_is_none() {
        version_in(LOCK, "stranger");
    }
}
