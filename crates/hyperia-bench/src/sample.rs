//! Wall time and CPU time of one piece of work.
use crate::threads::until;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What one sample took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// By the clock on the wall.
    pub wall: Duration,
    /// By all threads of the process: shows who buys speed with a second core.
    pub cpu: Duration,
}

/// Times `f` on this thread.
pub fn measure(f: impl FnOnce()) -> Sample {
    let (cpu, wall) = (cpu_time(), Instant::now());
    f();
    Sample {
        wall: wall.elapsed(),
        cpu: cpu_time() - cpu,
    }
}

/// Runs `roles` on a thread each and times them from the moment when the first begins, which is when
/// all threads are there, until the last has done its work. The CPU time includes the making and the
/// ending of the threads.
///
/// # Panics
/// If there is no role, or if one does.
pub fn measure_threads(roles: Vec<Box<dyn FnOnce() + Send + '_>>) -> Sample {
    measure_placed_threads(roles, |_| ())
}

/// The same after each thread has called `place` with the index of its role.
pub(crate) fn measure_placed_threads(
    roles: Vec<Box<dyn FnOnce() + Send + '_>>,
    place: fn(usize),
) -> Sample {
    let missing = AtomicUsize::new(roles.len());
    let missing = &missing;
    let cpu = cpu_time();
    // Each thread looks at the clock itself: this one may be late to see that they have begun, and what
    // a thread does to end, the drop of its thread-locals, is none of the work.
    let times: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = roles
            .into_iter()
            .enumerate()
            .map(|(index, role)| {
                scope.spawn(move || {
                    place(index);
                    // ORDERING: counts who is here; what the roles share was there before the threads: Relaxed.
                    missing.fetch_sub(1, Relaxed);
                    // Awake, so that none begins when the others are done.
                    // ORDERING: reads that count alone, to begin at about the same time: Relaxed.
                    until(|| (missing.load(Relaxed) == 0).then_some(()));
                    let begun = Instant::now();
                    role();
                    (begun, Instant::now())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a role panicked"))
            .collect()
    });
    let begun = times.iter().map(|(begun, _)| *begun).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    Sample {
        wall: ended.expect("there is a role") - begun.expect("there is a role"),
        cpu: cpu_time() - cpu,
    }
}

/// What the process has used so far.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a writable timespec for the whole call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "Linux has this clock");
    let seconds = u64::try_from(time.tv_sec).expect("CPU time is not negative");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("below a second");
    Duration::new(seconds, nanoseconds)
}
