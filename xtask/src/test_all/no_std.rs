//! no_std crates in a static library without std, the one build where a leaked std is an error; and their tests
//! without the feature.
use super::cases::{DEADLINE, build_and_run};
use super::{Context, check};
use crate::report::Tally;
use crate::workspace::Package;
use std::path::Path;

/// The one source file: whatever the crates need from a host, and no std.
const LIB: &str = r#"//! Written by xtask: no_std crates, linked without std.
#![no_std]
#![allow(missing_docs, clippy::all)]
extern crate alloc;

CRATES
use core::alloc::{GlobalAlloc, Layout};

struct Nothing;

// SAFETY: never gives out memory, which the contract allows.
unsafe impl GlobalAlloc for Nothing {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static NOTHING: Nothing = Nothing;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
"#;

/// One static library with all of them: it fails as soon as one of them brings std. Then their tests.
pub(super) fn no_std(context: &Context<'_>, tally: &mut Tally<'_>) {
    let crates: Vec<_> = context
        .workspace
        .crates()
        .filter(|package| package.is_no_std() && context.arguments.wants_crate(&package.name))
        .collect();
    if crates.is_empty() {
        return tally.no_cases("no_std");
    }
    let names: Vec<_> = crates.iter().map(|package| package.name.as_str()).collect();
    tally.say(names.join(", "));
    let folder = context.workspace.target.join("no_std");
    if let Err(error) = write(&folder, &context.workspace.root, &crates) {
        return tally.fail(format!("cannot write {}: {error}", folder.display()));
    }
    let mut command = context.workspace.cargo(&["build", "--manifest-path"]);
    command
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.join("target"));
    check(&mut command, tally, "static library without std");
    // What is different without it is tested without it.
    for package in crates {
        let name = package.name.as_str();
        let args = [
            "test",
            "-p",
            name,
            "--no-default-features",
            "--lib",
            "--tests",
        ];
        let mut command = context.workspace.cargo(&args);
        build_and_run(&mut command, &[], &[], DEADLINE, tally);
    }
}

fn write(folder: &Path, root: &Path, crates: &[&Package]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("src"))?;
    // The same versions as everywhere; cargo drops the lines that are not needed.
    std::fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    std::fs::write(folder.join("Cargo.toml"), manifest(crates))?;
    let uses: String = crates
        .iter()
        .map(|package| format!("pub use {};\n", package.name.replace('-', "_")))
        .collect();
    std::fs::write(folder.join("src/lib.rs"), LIB.replace("CRATES\n", &uses))
}

fn manifest(crates: &[&Package]) -> String {
    let mut text = String::from(
        "[package]\nname = \"no-std-check\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[lib]\ncrate-type = [\"staticlib\"]\n\n\
         [profile.dev]\npanic = \"abort\"\n\n[dependencies]\n",
    );
    for Package { name, root, .. } in crates {
        let root = root.display();
        text += &format!("{name} = {{ path = \"{root}\", default-features = false }}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_is_linked_without_its_default_features() {
        let package = Package {
            name: "hyperia-x".into(),
            root: "/w/crates/hyperia-x".into(),
            features: vec!["std".into()],
            targets: Vec::new(),
            has_loom: false,
            is_published: true,
            is_default: true,
        };
        let text = manifest(&[&package]);
        assert!(text.contains(
            "hyperia-x = { path = \"/w/crates/hyperia-x\", default-features = false }\n"
        ));
        assert!(text.contains("panic = \"abort\"") && text.contains("staticlib"));
    }
}
