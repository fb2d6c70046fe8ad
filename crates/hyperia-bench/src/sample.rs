//! Wall time and CPU time of one piece of work.
use std::sync::Barrier;
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
/// all threads are there, until the last has ended. The CPU time includes the making of the threads.
///
/// # Panics
/// If there is no role, or if one does.
pub fn measure_threads(roles: Vec<Box<dyn FnOnce() + Send + '_>>) -> Sample {
    let barrier = Barrier::new(roles.len());
    let cpu = cpu_time();
    // Each thread looks at the clock itself: this one may be late to see that they have begun.
    let begun = std::thread::scope(|scope| {
        let threads: Vec<_> = roles
            .into_iter()
            .map(|role| {
                scope.spawn(|| {
                    barrier.wait();
                    let begun = Instant::now();
                    role();
                    begun
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a role panicked"))
            .min()
            .expect("there is a role")
    });
    Sample {
        wall: begun.elapsed(),
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
