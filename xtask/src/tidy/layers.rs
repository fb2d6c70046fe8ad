//! Who may depend on whom. `cargo tree -e normal` is the judge; dev-dependencies are free.
use crate::process;
use crate::workspace::Workspace;
use std::time::Duration;

/// A crate, its level, our crates it may depend on, and the outside ones.
type Row = (
    &'static str,
    usize,
    &'static [&'static str],
    &'static [&'static str],
);

/// Arrows point to lower levels only.
const LAYERS: &[Row] = &[
    ("hyperia-wait", 0, &[], &[]),
    ("hyperia-asymmetric", 0, &[], &["libc"]),
    ("hyperia-queue", 0, &[], &["crossbeam-epoch"]),
    ("hyperia-breaker", 0, &[], &[]),
    (
        "hyperia-sync",
        1,
        &["hyperia-wait", "hyperia-queue"],
        &["futures-core"],
    ),
    (
        "hyperia-timer",
        1,
        &["hyperia-wait"],
        &["futures-core", "parking_lot"],
    ),
    (
        "hyperia-reactor",
        1,
        &["hyperia-wait"],
        &["libc", "futures-core", "parking_lot"],
    ),
    (
        "hyperia-pool",
        1,
        &["hyperia-wait", "hyperia-asymmetric"],
        &[],
    ),
    (
        "hyperia-executor",
        1,
        &["hyperia-wait", "hyperia-queue"],
        &["async-task", "crossbeam-deque"],
    ),
    (
        "hyperia-net",
        2,
        &["hyperia-reactor"],
        &["libc", "futures-core", "futures-io"],
    ),
    (
        "hyperia-signal",
        2,
        &["hyperia-reactor"],
        &["libc", "futures-core"],
    ),
    (
        "hyperia-alloc",
        2,
        &["hyperia-wait", "hyperia-asymmetric"],
        &["allocator-api2"],
    ),
    (
        "hyperia-rt",
        2,
        &[
            "hyperia-executor",
            "hyperia-reactor",
            "hyperia-timer",
            "hyperia-wait",
        ],
        &[],
    ),
    (
        "hyperia-client",
        3,
        &[
            "hyperia-net",
            "hyperia-timer",
            "hyperia-wait",
            "hyperia-breaker",
        ],
        &["futures-core", "parking_lot"],
    ),
];

/// Compares the direct dependencies of every published crate with the table.
pub(super) fn check(workspace: &Workspace) -> Vec<String> {
    let mut findings = Vec::new();
    for package in workspace.crates().filter(|package| package.is_published) {
        let name = package.name.as_str();
        let mut command = workspace.cargo(&["tree", "-p", name, "-e", "normal", "--all-features"]);
        command.args(["--depth", "1", "--prefix", "none", "--format", "{p}"]);
        let outcome = process::run(&mut command, Duration::from_secs(120));
        if outcome.is_success() {
            findings.extend(judge(name, &outcome.stdout));
        } else {
            findings.push(outcome.explain(&format!("cargo tree -p {name}")));
        }
    }
    findings
}

/// `tree` names the crate itself, then its direct dependencies.
fn judge(name: &str, tree: &str) -> Vec<String> {
    let Some((_, _, ours, outside)) = LAYERS.iter().find(|row| row.0 == name) else {
        return vec![format!("{name}: no row in xtask's table of layers")];
    };
    tree.lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .filter(|dependency| !ours.contains(dependency) && !outside.contains(dependency))
        .map(|dependency| {
            let allowed: Vec<_> = ours.iter().chain(outside.iter()).copied().collect();
            format!(
                "{name} depends on {dependency}; allowed: {}",
                allowed.join(", ")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_outside_the_table_is_found() {
        let tree = "hyperia-queue v0.1.0 (/w)\nhyperia-wait v0.1.0 (/w)\nlibc v0.2.1\n";
        assert_eq!(judge("hyperia-queue", tree).len(), 2);
        assert_eq!(
            judge("hyperia-sync", "hyperia-sync v0\nhyperia-wait v0\n"),
            Vec::<String>::new()
        );
        assert!(judge("hyperia-new", "hyperia-new v0\n")[0].contains("no row"));
    }

    #[test]
    fn the_table_itself_points_down() {
        for (name, level, ours, _) in LAYERS {
            for lower in *ours {
                let row = LAYERS
                    .iter()
                    .find(|row| row.0 == *lower)
                    .expect("a row for each");
                // The event loop is made of three crates of level 1 and is on level 2 itself.
                assert!(
                    row.1 < *level,
                    "{name} on {level} depends on {lower} on {}",
                    row.1
                );
            }
            assert!(*level <= 3, "{name}: at most three steps");
        }
    }
}
