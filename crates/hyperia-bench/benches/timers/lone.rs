//! How late a sleep is when nothing else happens.
use crate::contenders::{
    AsyncIo, Loop, Runtime, Time, async_io_named, monoio, monoio_named, ours_named,
    tokio_current_thread, tokio_named,
};
use crate::late::{Lateness, lateness};
use hyperia_bench::Load;
use hyperia_timer::Timers;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null;
use std::time::{Duration, Instant};

/// How long, and how often.
const SLEEPS: [(Duration, u64); 4] = [
    (Duration::from_micros(50), 200),
    (Duration::from_micros(100), 200),
    (Duration::from_millis(1), 100),
    (Duration::from_millis(10), 30),
];
/// Contenders take turns after so many.
const TURN: u64 = 10;

/// Sleeps several times, one after the other, and says how late it was.
type Run<'a> = Box<dyn FnMut(Duration, u64, &mut Vec<i64>) + 'a>;

fn within(mut runtime: impl Runtime) -> impl FnMut(Duration, u64, &mut Vec<i64>) {
    move |length, count, late| {
        runtime.run(async |time| {
            for _ in 0..count {
                let begun = Instant::now();
                time.sleep(length).await;
                late.push(lateness(begun, length));
            }
        });
    }
}

/// The system call that a driver sleeps in, with nothing around it.
struct Epoll(OwnedFd);

impl Epoll {
    fn new() -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else has.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn wait(&self, length: Duration) {
        let timeout = libc::timespec {
            tv_sec: length.as_secs() as libc::time_t,
            tv_nsec: length.subsec_nanos().into(),
        };
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: there is room for the one event that it may write, `timeout` is a valid timespec, and
        // there is no mask.
        let result = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                &raw mut event,
                1,
                &raw const timeout,
                null::<libc::sigset_t>(),
                0_usize,
            )
        };
        assert_eq!(result, 0, "no event and no error");
    }
}

/// By how much the kernel may make this thread's waits longer, in nanoseconds; zero is the default.
fn set_timer_slack(nanos: libc::c_ulong) {
    // SAFETY: no pointers.
    let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) };
    assert_eq!(result, 0, "Linux has it");
}

fn floor(slack: libc::c_ulong) -> impl FnMut(Duration, u64, &mut Vec<i64>) {
    let epoll = Epoll::new().expect("a descriptor");
    move |length, count, late| {
        set_timer_slack(slack);
        for _ in 0..count {
            let begun = Instant::now();
            epoll.wait(length);
            late.push(lateness(begun, length));
        }
        set_timer_slack(0);
    }
}

struct Contender<'a> {
    name: String,
    run: Run<'a>,
    /// Whether a sleep that was early ends the bench.
    strict: bool,
}

/// Prints the tables.
pub(crate) fn run(load: Load) {
    let contender = |name, run, strict| Contender { name, run, strict };
    let mut contenders: [Contender<'_>; 7] = [
        contender(
            ours_named::<Timers>("EventLoop"),
            Box::new(within(Loop::<Timers>::new())),
            true,
        ),
        contender(
            ours_named::<Timers>("EventLoop, timer slack 1 ns"),
            Box::new(within(Loop::<Timers>::exact())),
            true,
        ),
        contender(
            tokio_named("current-thread"),
            Box::new(within(tokio_current_thread())),
            false,
        ),
        contender(async_io_named(), Box::new(within(AsyncIo)), false),
        contender(monoio_named(), Box::new(within(monoio())), false),
        contender(
            "floor: epoll_pwait2 alone".to_owned(),
            Box::new(floor(0)),
            false,
        ),
        contender(
            "floor: the same with a timer slack of 1 ns".to_owned(),
            Box::new(floor(1)),
            false,
        ),
    ];
    for (length, full) in SLEEPS {
        let count = load.operations(full);
        let mut late = vec![Vec::new(); contenders.len()];
        for round in 0..count.div_ceil(TURN) {
            let share = TURN.min(count - round * TURN);
            for turn in 0..contenders.len() {
                let index = (round as usize + turn) % contenders.len();
                (contenders[index].run)(length, share, &mut late[index]);
            }
        }
        println!(
            "\nlateness of a lone sleep of {length:?} (us; {count} sleeps, interleaved)\n{:<56} {:>9} \
             {:>9} {:>9} {:>6}",
            "", "p10", "median", "p90", "early"
        );
        for (contender, late) in contenders.iter().zip(late) {
            let late = Lateness::new(late);
            println!(
                "{:<56} {:>9.1} {:>9.1} {:>9.1} {:>6}",
                contender.name,
                late.percentile(10),
                late.percentile(50),
                late.percentile(90),
                late.early()
            );
            assert!(!contender.strict || late.early() == 0, "ours was early");
        }
        println!("  checked in every sample: none of ours is early; the floors see no event");
        println!("  does not show: a machine that has something else to do, or other sleeps");
    }
}
