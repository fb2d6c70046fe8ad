//! The counts are those of the operation, no more and no less.
use hyperia_test::locked::{assert_counts, count};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};

#[test]
fn atomic_operations_are_counted() {
    let word = AtomicU64::new(0);
    assert_counts(&[
        ("nothing", 0, &|| ()),
        ("load, store", 0, &|| {
            word.store(word.load(Acquire), Release)
        }),
        ("fetch_add", 1, &|| {
            word.fetch_add(1, Relaxed);
        }),
        ("swap", 1, &|| {
            word.swap(1, AcqRel);
        }),
        ("compare_exchange that fails", 1, &|| {
            assert!(word.compare_exchange(7, 8, AcqRel, Relaxed).is_err());
        }),
        ("SeqCst store: an exchange", 1, &|| word.store(1, SeqCst)),
        ("std's mutex, lock and unlock", 2, &|| {
            drop(Mutex::new(()).lock().unwrap());
        }),
    ]);
}

#[test]
fn what_an_operation_changes_stays_in_the_child() {
    let word = AtomicU64::new(0);
    let _one = count(|| {
        word.fetch_add(1, Relaxed);
    });
    assert!(word.load(Relaxed) == 0 || !cfg!(target_arch = "x86_64"));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn an_operation_that_panics_is_reported() {
    let panicked = std::panic::catch_unwind(|| count(|| panic!("as it was told")));
    // Where nothing can be traced the child's end is seen all the same.
    assert!(panicked.is_err());
}

/// Whoever instruments the build says so, and then a count is none, which a line says.
#[test]
fn in_an_instrumented_build_there_is_no_count() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "atomic_operations_are_counted", "--show-output"])
        .env("HYPERIA_INSTRUMENTED_ATOMICS", "1")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("1 passed"), "{output}");
    assert!(
        output.contains("skipped: counting locked instructions")
            && !output.contains("locked instructions:"),
        "{output}"
    );
}
