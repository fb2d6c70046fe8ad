//! Work for several threads: copies of one role, and things that go from one thread to another. Each
//! thread is bound to a processor of its own, as far as they go: left to a scheduler that has to give one
//! of two processors to another program, threads take turns and show no contention at all.
use crate::processor::bind;
use crate::sample::{Sample, measure_placed_threads};
use hyperia_queue::mpmc::Queue;
use hyperia_queue::{PopError, PushError};

/// Runs `roles` on a thread each, timed as by [`measure_threads`](crate::measure_threads), each on a processor of its
/// own; where there are more roles than processors, the first of them get one more.
///
/// # Panics
/// If there is no role, or if one does.
pub fn measure_bound(roles: Vec<Box<dyn FnOnce() + Send + '_>>) -> Sample {
    measure_placed_threads(roles, bind)
}

/// Runs `role` on `count` threads at the same time, each with its index and on a processor of its own,
/// timed as by [`measure_threads`](crate::measure_threads).
///
/// # Panics
/// If `count` is zero, or the role panics.
pub fn measure_copies(count: u64, role: impl Fn(u64) + Sync) -> Sample {
    let role = &role;
    let copy = |index| -> Box<dyn FnOnce() + Send + '_> { Box::new(move || role(index)) };
    measure_placed_threads((0..count).map(copy).collect(), bind)
}

/// One thread makes `count` things, another, on another processor, uses them up in the same order, each
/// with its index. Between them is a queue of ours with room for `room` of them, the same whatever is
/// compared.
///
/// # Panics
/// If `room` is zero, or one of the two panics; then the other does not go on for ever.
///
/// # Examples
/// ```
/// use hyperia_bench::measure_hand_over;
///
/// measure_hand_over(100, 8, |index| Box::new(index), |index, boxed| assert_eq!(*boxed, index));
/// ```
pub fn measure_hand_over<T: Send>(
    count: u64,
    room: usize,
    mut make: impl FnMut(u64) -> T + Send,
    mut use_up: impl FnMut(u64, T) + Send,
) -> Sample {
    let queue = &Queue::bounded(room);
    let roles: Vec<Box<dyn FnOnce() + Send + '_>> = vec![
        Box::new(move || {
            let _closed = CloseOnDrop(queue);
            for index in 0..count {
                let mut thing = Some(make(index));
                until(|| match queue.push(thing.take()?) {
                    Ok(()) => Some(()),
                    Err(PushError::Full(back)) => {
                        thing = Some(back);
                        None
                    }
                    Err(PushError::Closed(_)) => panic!("nobody uses them up"),
                });
            }
        }),
        Box::new(move || {
            let _closed = CloseOnDrop(queue);
            for index in 0..count {
                let thing = until(|| match queue.pop() {
                    Ok(thing) => Some(thing),
                    Err(PopError::Empty) => None,
                    Err(PopError::Closed) => panic!("nobody makes them"),
                });
                use_up(index, thing);
            }
        }),
    ];
    measure_placed_threads(roles, bind)
}

/// Tells the other side of a panic.
struct CloseOnDrop<'a, T>(&'a Queue<T>);

impl<T> Drop for CloseOnDrop<'_, T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The same waiting for everybody: spin a little, then let the other side run.
pub fn until<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let mut tries = 0_u32;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        tries += 1;
        if tries.is_multiple_of(64) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn each_copy_has_an_index_of_its_own() {
        let sum = AtomicU64::new(0);
        measure_copies(3, |index| {
            sum.fetch_add(1 << (8 * index), Relaxed);
        });
        assert_eq!(sum.into_inner(), 0x01_01_01);
    }

    #[test]
    #[should_panic(expected = "a role panicked")]
    fn a_check_that_fails_on_the_far_side_ends_the_sample() {
        measure_hand_over(1_000, 1, |index| index, |_, index| assert_ne!(index, 3));
    }
}
