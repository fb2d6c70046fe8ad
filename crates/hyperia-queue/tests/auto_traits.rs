//! Which type may go where, by what it carries.

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};

use hyperia_queue::mpmc::Queue;
use hyperia_queue::mpsc::{Consumer, Producer};
use hyperia_queue::{PopError, PushError};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn is_unpin<T: Unpin>() {}
fn is_unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// | type | Send | Sync | Unpin | (Ref)UnwindSafe |
/// |---|---|---|---|---|
/// | `Queue<T>`, `Producer<T>`, `Consumer<T>` | if `T: Send` | if `T: Send` | yes | yes |
/// | `PushError<T>` | as `T` | as `T` | as `T` | as `T` |
/// | `PopError` | yes | yes | yes | yes |
///
/// That they are neither for a `T` that is not `Send` stands in a doctest of the crate.
#[test]
fn auto_traits() {
    // Send, and not Sync.
    type T = Cell<u8>;
    is_send::<(Queue<T>, Producer<T>, Consumer<T>, PushError<T>, PopError)>();
    is_sync::<(Queue<T>, Producer<T>, Consumer<T>, PopError)>();
    is_unwind_safe::<(Queue<T>, Producer<T>, Consumer<T>, PopError)>();
    is_unpin::<(Queue<T>, Producer<T>, Consumer<T>, PushError<T>, PopError)>();
}
