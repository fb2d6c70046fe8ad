//! What watching does to the process, and that it is undone.
#![cfg(not(hyperia_loom))]
mod common;

use common::{alone, raise};
use hyperia_reactor::Reactor;
use hyperia_signal::{Signal, Signals};
use hyperia_test::alloc::{self, CountingAllocator};
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context, Waker};
use std::thread;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn received(signals: &mut Signals) -> bool {
    signals
        .poll_recv(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// The address of a signal's handler.
fn handler(signal: Signal) -> usize {
    current(signal).sa_sigaction
}

fn current(signal: Signal) -> libc::sigaction {
    let mut action = MaybeUninit::uninit();
    // SAFETY: asks only, and there is room for the answer.
    let result = unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), action.as_mut_ptr()) };
    assert_eq!(result, 0);
    // SAFETY: filled in, as the result says.
    unsafe { action.assume_init() }
}

fn set(signal: Signal, address: usize, flags: i32) {
    // SAFETY: all zero is an action: the default one, with an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = address;
    action.sa_flags = flags;
    // SAFETY: the tests below pass handlers of the shape that the flags say, which only touch atomics.
    let result =
        unsafe { libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[test]
fn what_was_there_before_is_put_back_by_the_last_instance() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    assert_eq!(handler(Signal::USER1), libc::SIG_DFL);
    let first = Signals::new(&handle, &[Signal::USER1, Signal::USER2]).unwrap();
    let ours = handler(Signal::USER1);
    assert_ne!(ours, libc::SIG_DFL);
    assert_ne!(current(Signal::USER1).sa_flags & libc::SA_RESTART, 0);
    let mut second = Signals::new(&handle, &[Signal::USER1]).unwrap();
    drop(first);
    assert_eq!(handler(Signal::USER1), ours, "there is another one");
    assert_eq!(handler(Signal::USER2), libc::SIG_DFL);
    raise(Signal::USER1);
    assert!(received(&mut second));
    drop(second);
    assert_eq!(handler(Signal::USER1), libc::SIG_DFL);

    set(Signal::USER1, libc::SIG_IGN, 0);
    drop(Signals::new(&handle, &[Signal::USER1]).unwrap());
    assert_eq!(handler(Signal::USER1), libc::SIG_IGN);
    raise(Signal::USER1);
    set(Signal::USER1, libc::SIG_DFL, 0);
}

#[test]
fn a_program_that_stops_watching_ends_by_the_next_signal() {
    // In a process of its own: this same test binary.
    const CHILD: &str = "HYPERIA_SIGNAL_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let reactor = Reactor::new().unwrap();
        let mut signals = Signals::new(&reactor.handle(), &[Signal::TERMINATE]).unwrap();
        raise(Signal::TERMINATE);
        assert!(received(&mut signals));
        println!("received");
        drop(signals);
        raise(Signal::TERMINATE);
        unreachable!("the default action ends the process");
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "a_program_that_stops_watching_ends_by_the_next_signal",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("received"));
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(output.status.signal(), Some(libc::SIGTERM));
}

static PLAIN: AtomicUsize = AtomicUsize::new(0);
static WITH_INFO: AtomicUsize = AtomicUsize::new(0);

extern "C" fn plain(number: libc::c_int) {
    assert_eq!(number, libc::SIGUSR1);
    PLAIN.fetch_add(1, Relaxed);
}

extern "C" fn with_info(
    number: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the system passes a pointer to the signal's information.
    assert_eq!(unsafe { (*info).si_signo }, number);
    assert!(!context.is_null());
    WITH_INFO.fetch_add(1, Relaxed);
}

#[test]
fn handlers_that_were_there_before_are_called_too() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let cases = [
        (plain as *const () as usize, 0, &PLAIN),
        (
            with_info as *const () as usize,
            libc::SA_SIGINFO,
            &WITH_INFO,
        ),
    ];
    for (address, flags, count) in cases {
        set(Signal::USER1, address, flags);
        let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
        raise(Signal::USER1);
        assert!(received(&mut signals));
        assert_eq!(count.load(Relaxed), 1);
        drop(signals);
        assert_eq!(handler(Signal::USER1), address);
        raise(Signal::USER1);
        assert_eq!(count.load(Relaxed), 2);
    }
    set(Signal::USER1, libc::SIG_DFL, 0);
}

/// What the handler below calls after itself.
static UNDER: AtomicUsize = AtomicUsize::new(0);
static OVER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn over(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    OVER.fetch_add(1, Relaxed);
    let under = UNDER.load(Relaxed);
    // SAFETY: set by the test below to a handler of this shape.
    let under: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        unsafe { std::mem::transmute(under) };
    under(number, info, context);
}

#[test]
fn a_handler_put_over_ours_stays_and_the_two_do_not_call_each_other_without_end() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let mut signals = Signals::new(&handle, &[Signal::USER2]).unwrap();
    UNDER.store(handler(Signal::USER2), Relaxed);
    let over = over as *const () as usize;
    set(Signal::USER2, over, libc::SA_SIGINFO);
    raise(Signal::USER2);
    assert!(received(&mut signals));
    drop(signals);
    assert_eq!(handler(Signal::USER2), over, "theirs stays");
    raise(Signal::USER2);
    assert_eq!(OVER.load(Relaxed), 2);

    // Again: theirs calls ours.
    let mut signals = Signals::new(&handle, &[Signal::USER2]).unwrap();
    raise(Signal::USER2);
    assert_eq!(OVER.load(Relaxed), 3);
    assert!(received(&mut signals));
    drop(signals);

    // Theirs gone, ours is installed again.
    set(Signal::USER2, libc::SIG_DFL, 0);
    let mut signals = Signals::new(&handle, &[Signal::USER2]).unwrap();
    raise(Signal::USER2);
    assert!(received(&mut signals));
    drop(signals);
    assert_eq!(handler(Signal::USER2), libc::SIG_DFL);
    assert_eq!(OVER.load(Relaxed), 3);
}

#[test]
fn the_handler_keeps_errno() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let _signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    // Make the handler's write fail: a full counter would block. All handlers write to one eventfd.
    let bells: Vec<_> = bells().collect();
    assert!(!bells.is_empty());
    let empty = |bell| {
        let mut count = 0_u64;
        // SAFETY: room for eight bytes, from a descriptor of this process that does not block.
        unsafe { libc::read(bell, (&raw mut count).cast(), 8) };
    };
    for &bell in &bells {
        empty(bell);
        let full = u64::MAX - 1;
        // SAFETY: eight readable bytes. Of several duplicates only the first write finds room.
        unsafe { libc::write(bell, (&raw const full).cast(), 8) };
    }
    // SAFETY: this thread's errno.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { *errno = 77 };
    raise(Signal::USER1);
    // SAFETY: as above.
    assert_eq!(unsafe { *errno }, 77);
    bells.into_iter().for_each(empty);
}

/// The eventfds of this process, the reactor's included.
fn bells() -> impl Iterator<Item = i32> {
    std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let target = std::fs::read_link(&path).ok()?;
            let name = target.to_str()?;
            name.contains("eventfd")
                .then(|| path.file_name()?.to_str()?.parse().ok())?
        })
}

#[test]
fn descriptors_are_closed_by_exec_and_do_not_pile_up() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let keep = Signals::new(&handle, &[Signal::USER1]).unwrap();
    for bell in bells() {
        // SAFETY: asks only.
        let flags = unsafe { libc::fcntl(bell, libc::F_GETFD) };
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
    }
    let before = bells().count();
    for _ in 0..100 {
        drop(Signals::new(&handle, &[Signal::USER1]).unwrap());
    }
    assert_eq!(bells().count(), before);
    drop(keep);
}

#[test]
fn memory_does_not_grow_with_the_number_of_instances() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    // Also where the handlers that it finds change to and fro.
    let come_and_go = || {
        for (address, flags) in [
            (libc::SIG_IGN, 0),
            (plain as *const () as usize, 0),
            (libc::SIG_DFL, 0),
        ] {
            set(Signal::USER1, address, flags);
            drop(Signals::new(&handle, &[Signal::USER1]).unwrap());
        }
    };
    come_and_go();
    let (_, counts) = alloc::count(|| (0..100).for_each(|_| come_and_go()));
    assert_eq!(counts.allocations, counts.deallocations);
}

#[test]
fn receiving_allocates_nothing() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    let (_, counts) = alloc::count(|| {
        for _ in 0..100 {
            raise(Signal::USER1);
            assert!(received(&mut signals));
            assert!(!received(&mut signals));
        }
    });
    assert_eq!(counts.allocations, 0);
}

#[test]
fn interrupted_system_calls_go_on() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let mut signals = Signals::new(&reactor.handle(), &[Signal::USER1]).unwrap();
    let (mut reader, mut writer) = io::pipe().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let reading = thread::spawn(move || {
        // SAFETY: no pointers are involved.
        sender.send(unsafe { libc::pthread_self() }).unwrap();
        let result = reader.read(&mut [0; 8]);
        DONE.store(true, Relaxed);
        result
    });
    let target = receiver.recv().unwrap();
    for _ in 0..200 {
        // SAFETY: the thread is joined below.
        assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGUSR1) }, 0);
        thread::yield_now();
    }
    assert!(!DONE.load(Relaxed), "the read was not given up");
    writer.write_all(b"x").unwrap();
    assert_eq!(reading.join().unwrap().unwrap(), 1);
    assert!(received(&mut signals));
}

#[test]
fn what_cannot_or_must_not_be_caught_is_refused_and_nothing_is_changed() {
    let _turn = alone();
    let reactor = Reactor::new().unwrap();
    let cases = [
        (libc::SIGKILL, "SIGKILL cannot be caught"),
        (libc::SIGSTOP, "SIGSTOP cannot be caught"),
        (
            libc::SIGSEGV,
            "SIGSEGV reports a fault of the code that it interrupts, which cannot go on",
        ),
        (libc::SIGBUS, "SIGBUS reports a fault"),
        (libc::SIGFPE, "SIGFPE reports a fault"),
        (libc::SIGILL, "SIGILL reports a fault"),
        (libc::SIGTRAP, "SIGTRAP reports a fault"),
        (libc::SIGSYS, "SIGSYS reports a fault"),
        (
            libc::SIGABRT,
            "SIGABRT ends the process whatever its handler does",
        ),
        (0, "signal 0 is no signal"),
        (-1, "signal -1 is no signal"),
        (65, "signal 65 is no signal"),
        (i32::MAX, "signal 2147483647 is no signal"),
    ];
    for (number, message) in cases {
        let set = [Signal::USER1, Signal::from_raw(number)];
        let error = Signals::new(&reactor.handle(), &set).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(handler(Signal::USER1), libc::SIG_DFL);
    }
    let error = Signals::new(&reactor.handle(), &[]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    // What the system itself refuses: the C library keeps 32 for itself. The one before it is undone.
    let set = [Signal::USER1, Signal::from_raw(32)];
    assert!(Signals::new(&reactor.handle(), &set).is_err());
    assert_eq!(handler(Signal::USER1), libc::SIG_DFL);
}
