//! What std does not offer: a signal to one thread, and a wait that its handler may do. Linux only.
use std::ffi::c_int;
use std::hint::spin_loop;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Looks at a word before sleeping: tens of microseconds.
const SPINS: u32 = 1 << 10;

/// A thread.
pub(super) type Id = libc::pthread_t;

/// One that neither std nor a test has a use for: the first of the real-time signals.
fn stop_signal() -> c_int {
    libc::SIGRTMIN()
}

/// The calling thread.
pub(super) fn this_thread() -> Id {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::pthread_self() }
}

/// Makes `handler` that of the stop signal, in this whole process and for good. System calls that it
/// interrupts go on.
pub(super) fn install(handler: extern "C" fn(c_int)) {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: zeros are a valid `sigaction`: integers, and an optional function.
        let action = unsafe { action.assume_init_mut() };
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is complete, its mask is empty as zeros are, and the old one is not asked for. The
        // handler takes one argument as it must without SA_SIGINFO, and does only what a handler may do.
        let result = unsafe { libc::sigaction(stop_signal(), action, ptr::null_mut()) };
        assert_eq!(result, 0, "a real-time signal may have a handler");
    });
}

/// Sends the stop signal to one thread.
///
/// # Safety
/// The thread was neither joined nor detached; it may have ended. The handler is installed.
pub(super) unsafe fn signal(thread: Id) {
    // SAFETY: the id is good, by the contract.
    let result = unsafe { libc::pthread_kill(thread, stop_signal()) };
    // Before glibc 2.34 a thread that has ended is an error.
    assert!(
        result == 0 || result == libc::ESRCH,
        "pthread_kill: {result}"
    );
}

/// Sleeps while `word` is `expected`, at most for `limit`; may return without reason. May be called by a
/// signal handler.
pub(super) fn wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs().cast_signed(),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word and the time outlive the call; the kernel only reads them. An error (the word has
    // changed, a signal, the time is over) ends the wait, and the caller looks at the word again.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, expected, limit) };
}

/// As [`wait`], after a while of looking at the word: what is awaited is a few microseconds away if the other
/// thread has a processor. Not for the handler, which is to leave its processor to others.
pub(super) fn spin_and_wait(word: &AtomicU32, expected: u32, limit: Option<Duration>) {
    for _ in 0..SPINS {
        // ORDERING: the caller looks again.
        if word.load(Relaxed) != expected {
            return;
        }
        spin_loop();
    }
    wait(word, expected, limit);
}

/// Wakes all who sleep in [`wait`] on `word`. May be called by a signal handler.
pub(super) fn wake(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word is good, since it is borrowed; the kernel uses its address only. It cannot fail.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, c_int::MAX) };
}

/// The calling thread's error number.
pub(super) fn errno() -> c_int {
    // SAFETY: the address is that of the calling thread's own, always good.
    unsafe { *libc::__errno_location() }
}

/// Puts the calling thread's error number back.
pub(super) fn set_errno(errno: c_int) {
    // SAFETY: as above; nobody else writes it.
    unsafe { *libc::__errno_location() = errno };
}
