//! A compiler with the sources of its std, for ThreadSanitizer: without an instrumented std it reports races
//! that are none, and suppressing those hides the others. rustup's toolchains need not have the sources, so
//! Debian's `rustc-web` is unpacked into a folder under target/; nothing is installed. Debian's cargo is not
//! needed: the nightly's drives that compiler, with the sanitizer's runtime of rustup's.
use super::TARGET;
use crate::process::{self, BUILD_DEADLINE};
use crate::workspace::Workspace;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whatever version the suite has.
const PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
/// Of the runtime, in a toolchain's folder of libraries; the rest of the name is the channel.
const RUNTIME: &str = "_rt.tsan.a";

/// What compiles for ThreadSanitizer.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// Where the packages are unpacked.
    root: PathBuf,
    cargo: PathBuf,
    /// What the compiler calls itself.
    pub(super) version: String,
}

impl Toolchain {
    /// Finds the toolchain in `folder`, or fetches it to there; an error says what is missing.
    pub(super) fn prepare(folder: &Path) -> Result<Self, String> {
        let nightly = sysroot(&["+nightly"]).ok_or("no nightly toolchain")?;
        let root = folder.join("root");
        // Written last.
        let complete = folder.join("complete");
        if !complete.is_file() {
            fetch(folder, &root)?;
        }
        let mut toolchain = Self {
            cargo: nightly.join("bin/cargo"),
            version: String::new(),
            root,
        };
        let mut rustc = Command::new(toolchain.binary("rustc"));
        let rustc = rustc.env("LD_LIBRARY_PATH", toolchain.libraries());
        let said = ok(rustc.arg("-vV"), "the compiler that was unpacked")?;
        toolchain.version = said.lines().next().unwrap_or_default().to_owned();
        if !complete.is_file() {
            copy_runtime(&toolchain.root, &said, &nightly)?;
            std::fs::write(&complete, &said).map_err(|error| describe(&complete, &error))?;
        }
        Ok(toolchain)
    }

    /// The nightly's cargo, with this compiler, at the root of the workspace.
    pub(super) fn cargo(&self, workspace: &Workspace, args: &[&str]) -> Command {
        let mut command = workspace.cargo_at(&self.cargo, args);
        command
            .env("RUSTC", self.binary("rustc"))
            .env("RUSTDOC", self.binary("rustdoc"))
            .env("LD_LIBRARY_PATH", self.libraries())
            // It calls itself stable.
            .env("RUSTC_BOOTSTRAP", "1");
        command
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.root.join("usr/bin").join(name)
    }

    fn libraries(&self) -> PathBuf {
        self.root.join("usr/lib/x86_64-linux-gnu")
    }
}

/// Downloads the packages with what they need and the system does not have, and unpacks them into `root`.
/// apt-get keeps its lists and its cache in `folder`, too.
fn fetch(folder: &Path, root: &Path) -> Result<(), String> {
    let [apt, debs] = ["apt", "debs"].map(|name| folder.join(name));
    for old in [root, &debs] {
        // It is not there the first time.
        let _ = std::fs::remove_dir_all(old);
    }
    let [lists, cache] = ["lists", "cache"].map(|name| apt.join(name));
    let new = [lists.join("partial"), cache.join("archives/partial")];
    for new in new.iter().chain([&debs]) {
        std::fs::create_dir_all(new).map_err(|error| describe(new, &error))?;
    }
    let apt_get = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args([
            "-q",
            "-o",
            &format!("Dir::State::lists={}", lists.display()),
        ]);
        command.args(["-o", &format!("Dir::Cache={}", cache.display())]);
        command.args(args).env("LC_ALL", "C").current_dir(&debs);
        command
    };
    ok(&mut apt_get(&["update"]), "apt-get update")?;
    // Installs nothing, but says what it would.
    let mut simulation = apt_get(&["install", "--simulate", "--no-install-recommends"]);
    let said = ok(simulation.args(PACKAGES), "apt-get install --simulate")?;
    let names = to_install(&said);
    if names.is_empty() {
        return Err("apt-get would install nothing: are its packages installed already?".into());
    }
    ok(apt_get(&["download"]).args(names), "apt-get download")?;
    let entries = std::fs::read_dir(&debs).map_err(|error| describe(&debs, &error))?;
    for entry in entries.flatten() {
        ok(
            Command::new("dpkg").arg("-x").args([&entry.path(), root]),
            "dpkg -x",
        )?;
    }
    Ok(())
}

/// The packages in what a simulated installation prints: `Inst NAME (VERSION ...`.
fn to_install(said: &str) -> Vec<&str> {
    said.lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
        .collect()
}

/// Gives the compiler in `root`, which says `version` of itself, the runtime of a toolchain of rustup's with
/// the same LLVM: Debian's has none.
fn copy_runtime(root: &Path, version: &str, nightly: &Path) -> Result<(), String> {
    let wanted = llvm(version).ok_or("a compiler without LLVM")?;
    let candidates = sysroot(&[]).into_iter().chain([nightly.to_owned()]);
    let has_same_llvm = |sysroot: &PathBuf| {
        let said = ok(Command::new(sysroot.join("bin/rustc")).arg("-vV"), "rustc");
        said.is_ok_and(|said| llvm(&said) == Some(wanted))
    };
    let libraries = Path::new("lib/rustlib").join(TARGET).join("lib");
    let runtime = candidates.filter(has_same_llvm).find_map(|sysroot| {
        let files = std::fs::read_dir(sysroot.join(&libraries)).ok()?.flatten();
        files
            .map(|file| file.path())
            .find(|path| path.to_string_lossy().ends_with(RUNTIME))
    });
    let runtime = runtime.ok_or_else(|| format!("no runtime for LLVM {wanted} at hand"))?;
    let to = root.join("usr").join(libraries);
    let to = to.join(format!("librustc-stable{RUNTIME}"));
    std::fs::copy(&runtime, &to).map_err(|error| describe(&to, &error))?;
    Ok(())
}

/// The major version in `LLVM version: 22.1.8`.
fn llvm(version: &str) -> Option<&str> {
    let mut lines = version.lines();
    let number = lines.find_map(|line| line.strip_prefix("LLVM version: "))?;
    number.split('.').next()
}

/// The folder of rustup's default toolchain, or of the one in `args`.
fn sysroot(args: &[&str]) -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    let said = ok(rustc.args(args).args(["--print", "sysroot"]), "rustc").ok()?;
    Some(said.trim().into())
}

/// What `command` printed; if it failed, a line that says so.
fn ok(command: &mut Command, what: &str) -> Result<String, String> {
    let outcome = process::run(command, BUILD_DEADLINE);
    if outcome.is_success() {
        return Ok(outcome.stdout);
    }
    let why = outcome.explain(what);
    Err(why.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

fn describe(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_installed_is_read() {
        let said = "NOTE: a simulation\nInst libllvm22 (1:22 Debian [amd64])\n\
            Inst rustc-web [1.85] (1.96 Debian [amd64])\nConf libllvm22 (1:22 Debian [amd64])\n";
        assert_eq!(to_install(said), ["libllvm22", "rustc-web"]);
    }

    #[test]
    fn the_major_version_of_llvm_is_read() {
        let said = "rustc 1.96.0\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(llvm(said), Some("22"));
        assert_eq!(llvm("rustc 1.96.0\n"), None);
    }

    #[test]
    fn a_command_that_is_not_there_is_a_line() {
        let error = ok(&mut Command::new("/nowhere/at-all"), "apt-get").unwrap_err();
        assert!(error.starts_with("apt-get: cannot start"), "{error}");
        assert!(!error.contains('\n'));
    }
}
