//! What cargo knows about the workspace.
use crate::json::{self, Value};
use crate::process::{self, BUILD_DEADLINE};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    /// Feature names without `default`.
    pub(crate) features: Vec<String>,
    /// Kind (`lib`, `test`, `bench`, `example`, ...), name and source file.
    pub(crate) targets: Vec<(String, String, PathBuf)>,
    /// Whether it depends on loom under the model checker's cfg.
    pub(crate) has_loom: bool,
    pub(crate) is_published: bool,
    pub(crate) is_default: bool,
}

/// The workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, String> {
        let mut command = Command::new("cargo");
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let outcome = process::run(&mut command, BUILD_DEADLINE);
        if !outcome.is_success() {
            return Err(outcome.explain("cargo metadata"));
        }
        json::parse(&outcome.stdout)
            .and_then(|metadata| Self::from_metadata(&metadata))
            .ok_or_else(|| "cargo metadata: not understood".to_owned())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let defaults: Vec<_> = metadata
            .get("workspace_default_members")
            .items()
            .iter()
            .collect();
        let packages = metadata.get("packages").items().iter();
        let mut packages = packages
            .map(|package| {
                let targets = package.get("targets").items().iter();
                let targets = targets.map(|target| {
                    let kind = target.get("kind").items().first()?.as_str()?.to_owned();
                    let path = PathBuf::from(target.get("src_path").as_str()?);
                    Some((kind, target.get("name").as_str()?.to_owned(), path))
                });
                let features = package
                    .get("features")
                    .members()
                    .iter()
                    .map(|(name, _)| name);
                let dependencies = package.get("dependencies").items();
                Some(Package {
                    name: package.get("name").as_str()?.to_owned(),
                    root: Path::new(package.get("manifest_path").as_str()?)
                        .parent()?
                        .to_owned(),
                    features: features
                        .filter(|name| *name != "default")
                        .cloned()
                        .collect(),
                    targets: targets.collect::<Option<_>>()?,
                    has_loom: dependencies.iter().any(|dependency| {
                        dependency.get("name").as_str() == Some("loom")
                            && dependency.get("target").as_str() == Some("cfg(hyperia_loom)")
                    }),
                    // `publish = false` shows as an empty list of registries.
                    is_published: package.get("publish") == &Value::Null,
                    is_default: defaults.contains(&package.get("id")),
                })
            })
            .collect::<Option<Vec<_>>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Self {
            root: metadata.get("workspace_root").as_str()?.into(),
            target: metadata.get("target_directory").as_str()?.into(),
            packages,
        })
    }

    /// The packages under `crates/`.
    pub(crate) fn crates(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.root.parent() == Some(&self.root.join("crates")))
    }

    /// What the nightly toolchain calls itself, if there is one.
    pub(crate) fn nightly(&self) -> Option<String> {
        let mut command = self.cargo(&["+nightly", "--version"]);
        let version = process::run(&mut command, Duration::from_secs(60));
        version
            .is_success()
            .then(|| version.stdout.trim().to_owned())
    }

    /// `cargo` with `args`, at the root.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        // Plain `cargo`, not $CARGO: that one does not understand `+nightly`.
        self.cargo_at("cargo".as_ref(), args)
    }

    /// [`cargo`](Self::cargo) with another program for it.
    pub(crate) fn cargo_at(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        // Nobody debugs these builds; without debug information they are quicker and smaller.
        command
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_TERM_COLOR", "never");
        command
    }
}

impl Package {
    /// Every `.rs` file below `folder` of this package, in order.
    pub(crate) fn rust_files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect_rust_files(&self.root.join(folder), &mut files);
        files.sort();
        files
    }

    /// Whether `lib.rs` asks for no_std, always or without its feature `std`.
    pub(crate) fn is_no_std(&self) -> bool {
        let lib = std::fs::read_to_string(self.root.join("src/lib.rs")).unwrap_or_default();
        lib.lines().any(|line| {
            line.starts_with("#![no_std]")
                || (line.starts_with("#![cfg_attr(not(") && line.ends_with("no_std)]"))
        })
    }

    /// The targets of one kind, by name.
    pub(crate) fn targets(&self, kind: &str) -> impl Iterator<Item = &str> {
        let kind = kind.to_owned();
        self.targets
            .iter()
            .filter(move |target| target.0 == kind)
            .map(|target| target.1.as_str())
    }
}

fn collect_rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    // A folder that is not there has no files.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
