//! Locked instructions that an operation executes, counted one by one: what it costs wherever it runs, on
//! however busy a machine.
//!
//! A child process runs the operation while this one steps it and looks at each instruction. Only on x86-64
//! Linux, where a locked instruction shows by its prefix; elsewhere, and where a process may not be stepped,
//! a line says that the measurement was skipped. So too in a build whose atomic operations are instrumented
//! (ThreadSanitizer's are calls, with locked instructions of their own), which whoever runs it says by the
//! environment variable `HYPERIA_INSTRUMENTED_ATOMICS`.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//!
//! let counter = AtomicU32::new(0);
//! if let Some(locked) = hyperia_test::locked::count(|| {
//!     counter.fetch_add(1, Ordering::Relaxed);
//! }) {
//!     assert_eq!(locked, 1);
//! }
//! ```

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod step;

/// The variable that says that a count would be one of instrumented code.
const INSTRUMENTED: &str = "HYPERIA_INSTRUMENTED_ATOMICS";

/// Whether the atomic operations of this build are instrumented, as those under ThreadSanitizer are.
#[must_use]
fn is_instrumented() -> bool {
    std::env::var_os(INSTRUMENTED).is_some()
}

/// Runs `operation` a few times to warm up, then once for the count, in a child process: nothing of what it
/// changes is seen here.
///
/// It must do without what other threads of this process would have to do for it, since the child has none.
///
/// # Panics
/// If the operation does.
pub fn count(operation: impl Fn()) -> Option<u64> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    let counted = step::count(&operation);
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    let counted: Result<u64, &str> = Err("not x86-64 Linux").inspect_err(|_| operation());
    match counted {
        // It has run all the same, with what it asserts itself.
        Ok(_) if is_instrumented() => {
            println!("skipped: counting locked instructions (instrumented build)");
            None
        }
        Ok(locked) => Some(locked),
        Err(why) => {
            println!("skipped: counting locked instructions ({why})");
            None
        }
    }
}

/// Asserts a table: a name, an operation, and how many locked instructions it executes.
///
/// # Panics
/// If one executes another number; after all were counted, and with all that differ.
#[track_caller]
pub fn assert_counts(table: &[(&str, u64, &dyn Fn())]) {
    let mut wrong = String::new();
    for (name, expected, operation) in table {
        let Some(locked) = count(operation) else {
            return;
        };
        println!("locked instructions: {locked} ({name})");
        if locked != *expected {
            wrong += &format!("\n{name}: {locked}, expected {expected}");
        }
    }
    assert!(wrong.is_empty(), "locked instructions:{wrong}");
}
