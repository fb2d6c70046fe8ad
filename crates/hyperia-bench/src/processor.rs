//! Binding threads to processors.
use std::mem::{MaybeUninit, size_of};

/// Binds this thread, for good, to one of the processors that it may use: `index`, counted round among
/// them.
pub(crate) fn bind(index: usize) {
    let size = size_of::<libc::cpu_set_t>();
    let mut allowed = MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: `allowed` is writable and `size` bytes long; zero stands for this thread.
    let result = unsafe { libc::sched_getaffinity(0, size, allowed.as_mut_ptr()) };
    assert_eq!(result, 0, "a set holds all processors");
    // SAFETY: the call and the zeros before it have initialized all of it.
    let allowed = unsafe { allowed.assume_init() };
    let limit = libc::CPU_SETSIZE as usize;
    // SAFETY: `cpu` is below the number of bits in a set.
    let usable = (0..limit).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &allowed) });
    let count = usable.clone().count();
    let cpu = usable.clone().nth(index % count).expect("it runs on one");
    // SAFETY: a set of bits; zeros are an empty one.
    let mut chosen: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `cpu` is below the number of bits in a set.
    unsafe { libc::CPU_SET(cpu, &mut chosen) };
    // SAFETY: `chosen` is `size` bytes long; zero stands for this thread.
    let result = unsafe { libc::sched_setaffinity(0, size, &raw const chosen) };
    assert_eq!(result, 0, "a processor that this thread may use");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_threads_are_on_two_processors_if_there_are_two() {
        let [first, second] = [0, 1].map(|index| {
            let thread = std::thread::spawn(move || {
                bind(index);
                // SAFETY: no arguments.
                unsafe { libc::sched_getcpu() }
            });
            thread.join().expect("no panic")
        });
        if std::thread::available_parallelism().is_ok_and(|count| count.get() > 1) {
            assert_ne!(first, second);
        }
    }
}
