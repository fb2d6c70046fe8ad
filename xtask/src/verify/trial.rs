//! What a bug has to get past: the models, the schedules and the tests of a crate, built in a copy of the workspace.
use crate::suite::{self, Binary};
use crate::test_all::models::{has_schedules, loom_cargo, shuttle_cargo, targets};
use crate::workspace::{Package, Workspace};
use std::io;
use std::path::Path;
use std::time::Duration;

/// For one binary. A bug may make it hang; the models of one crate take minutes.
const DEADLINE: Duration = Duration::from_secs(900);

/// The binaries of one crate, in the order in which they run.
pub(super) struct Trial {
    binaries: Vec<(Binary, Duration)>,
}

impl Trial {
    /// Builds them as the copy stands.
    pub(super) fn build(copy: &Workspace, package: &Package) -> Result<Self, String> {
        let name = package.name.as_str();
        let mut models = loom_cargo(copy, &["test", "--release", "-p", name]);
        models.args(targets(package));
        let mut schedules = shuttle_cargo(copy, &["test", "--release", "-p", name]);
        schedules.args(["--test", "shuttle"]);
        let mut tests = copy.cargo(&["test", "--lib", "--tests", "-p", name]);
        tests.env("CARGO_TARGET_DIR", &copy.target);
        let mut binaries = suite::build(&mut models)?;
        if has_schedules(package) {
            binaries.extend(suite::build(&mut schedules)?);
        }
        binaries.extend(suite::build(&mut tests)?);
        let binaries = binaries.into_iter().map(|one| (one, DEADLINE)).collect();
        Ok(Self { binaries })
    }

    /// Runs all as they are, which must pass; from then on a binary that takes much longer hangs.
    pub(super) fn control(&mut self, environment: &[(&str, &str)]) -> Result<(), String> {
        for (binary, deadline) in &mut self.binaries {
            let ran = suite::run_to_first_failure(binary, &[], environment, *deadline);
            if let Some(failure) = ran.failures.first() {
                return Err(format!("without a change, {}: {failure}", binary.label));
            }
            *deadline = ran.outcome.time * 4 + Duration::from_secs(30);
        }
        Ok(())
    }

    /// The first failure. Tests with one of the words `near` in their names run first: they are the likely ones.
    pub(super) fn first_failure(
        &self,
        near: &[&str],
        environment: &[(&str, &str)],
    ) -> Option<String> {
        let skips: Vec<_> = near.iter().flat_map(|word| ["--skip", word]).collect();
        let rounds: &[&[&str]] = if near.is_empty() {
            &[&[]]
        } else {
            &[near, &skips]
        };
        for args in rounds {
            for (binary, deadline) in &self.binaries {
                let ran = suite::run_to_first_failure(binary, args, environment, *deadline);
                if let Some(failure) = ran.failures.first() {
                    return Some(format!("{}: {failure}", binary.label));
                }
            }
        }
        None
    }
}

/// The words of a path inside `src` for [`Trial::first_failure`]: `mpmc/unbounded/pop.rs` is near what says `mpmc`,
/// `unbounded` or `pop`.
pub(super) fn words_of(file: &str) -> Vec<&str> {
    file.trim_end_matches(".rs")
        .split('/')
        .filter(|word| !["mod", "lib"].contains(word))
        .collect()
}

/// Makes a copy of the workspace, with a target folder of its own.
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
    fn a_file_is_near_what_its_path_says() {
        assert_eq!(
            words_of("mpmc/unbounded/pop.rs"),
            ["mpmc", "unbounded", "pop"]
        );
        assert_eq!(words_of("mpsc/mod.rs"), ["mpsc"]);
        assert!(words_of("lib.rs").is_empty());
    }
}
