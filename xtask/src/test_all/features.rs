//! Every crate alone, and each of its features alone: at the root they would be unified.
use super::{Context, check};
use crate::report::Tally;

/// The feature that takes a nightly toolchain.
const NIGHTLY: &str = "nightly";

/// Builds each crate with its default features, with none, with each one and with all; those with the
/// feature `nightly` on the nightly toolchain, if there is one.
pub(super) fn features(context: &Context<'_>, tally: &mut Tally<'_>) {
    let mut nightly = None;
    for package in context.workspace.crates() {
        if !context.arguments.wants_crate(&package.name) || !package.is_default {
            continue;
        }
        let name = package.name.as_str();
        let (unstable, stable): (Vec<_>, Vec<_>) =
            package.features.iter().partition(|name| *name == NIGHTLY);
        let builds = stable_builds(&stable);
        tally.say(format!("{name}: {} builds", builds.len()));
        for build in builds {
            // Clippy rather than check: its flags reach our code only, so dependencies stay built.
            let mut command = context.workspace.cargo(&["clippy", "-p", name]);
            let what = format!("cargo clippy -p {name} {}", build.join(" "));
            let command = command.args(build).args(["--", "-D", "warnings"]);
            check(command, tally, &what);
        }
        if unstable.is_empty() {
            continue;
        }
        if nightly
            .get_or_insert_with(|| context.workspace.nightly())
            .is_none()
        {
            tally.skip(format!(
                "{name} with the feature nightly: no such toolchain"
            ));
            continue;
        }
        tally.say(format!("{name}: 2 builds on the nightly"));
        for build in [
            &["--no-default-features", "--features", NIGHTLY][..],
            &["--all-features"],
        ] {
            // Not clippy, and warnings pass: a nightly has lints of its own every day.
            let mut command = context.workspace.cargo(&["+nightly", "check", "-p", name]);
            command.env("CARGO_TARGET_DIR", context.workspace.target.join(NIGHTLY));
            let what = format!("cargo +nightly check -p {name} {}", build.join(" "));
            check(command.args(build), tally, &what);
        }
    }
}

/// The arguments of each build that a stable toolchain can do.
fn stable_builds(features: &[&String]) -> Vec<Vec<String>> {
    let build = |arguments: &[&str]| arguments.iter().map(|&text| text.to_owned()).collect();
    let mut builds = vec![Vec::new()];
    if features.is_empty() {
        return builds;
    }
    let all: Vec<&str> = features.iter().map(|name| name.as_str()).collect();
    builds.push(build(&["--no-default-features"]));
    builds.push(build(&[
        "--no-default-features",
        "--features",
        &all.join(","),
    ]));
    if all.len() > 1 {
        for name in all {
            builds.push(build(&["--no-default-features", "--features", name]));
        }
    }
    builds
}

#[cfg(test)]
mod tests {
    use super::stable_builds;

    fn builds(features: &[&str]) -> Vec<String> {
        let features: Vec<String> = features.iter().map(|&name| name.to_owned()).collect();
        let features: Vec<&String> = features.iter().collect();
        let builds = stable_builds(&features);
        builds.iter().map(|build| build.join(" ")).collect()
    }

    #[test]
    fn a_crate_without_features_is_built_once() {
        assert_eq!(builds(&[]), [""]);
    }

    #[test]
    fn features_are_built_none_all_and_each() {
        assert_eq!(
            builds(&["a"]),
            [
                "",
                "--no-default-features",
                "--no-default-features --features a"
            ]
        );
        assert_eq!(
            builds(&["a", "b"]),
            [
                "",
                "--no-default-features",
                "--no-default-features --features a,b",
                "--no-default-features --features a",
                "--no-default-features --features b",
            ]
        );
    }
}
