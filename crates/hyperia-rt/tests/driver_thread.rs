//! Sockets and sleeps under other runtimes, and the end of the thread that drives them.
#![cfg(not(hyperia_loom))]
use hyperia_net::{TcpListener, TcpStream};
use hyperia_reactor::ReactorGone;
use hyperia_rt::DriverThread;
use hyperia_test::{PanicOn, PanicWaker, poll_once};
use hyperia_timer::{ManualClock, Timers};
use hyperia_wait::Block;
use std::io;
use std::pin::pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

/// One exchange over loopback, and a sleep, by whoever polls this.
async fn exchange(reactor: hyperia_reactor::Handle, timers: Timers) -> io::Result<u8> {
    let listener = TcpListener::bind(&reactor, ([127, 0, 0, 1], 0).into())?;
    let addr = listener.local_addr()?;
    let client = TcpStream::connect(&reactor, addr);
    let server = async {
        let (stream, _) = listener.accept().await?;
        stream.write_all(&[7]).await?;
        io::Result::Ok(stream)
    };
    // The backlog takes the connection before it is accepted.
    let client = client.await?;
    let _server = server.await?;
    timers.sleep(Duration::from_millis(1)).await;
    let mut byte = [0];
    client.read(&mut byte).await?;
    Ok(byte[0])
}

fn parts(driver: &DriverThread) -> (hyperia_reactor::Handle, Timers) {
    (driver.reactor().clone(), driver.timers().clone())
}

/// Whether this process has a thread of this name.
fn has_thread(name: &str) -> bool {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .any(|comm| comm.trim_end() == name)
}

/// Waits until this process has no thread of this name: the system forgets one a moment after it was joined.
fn is_gone(name: &str) -> bool {
    (0..1000).any(|_| {
        let gone = !has_thread(name);
        if !gone {
            thread::sleep(Duration::from_millis(10));
        }
        gone
    })
}

#[test]
fn sockets_and_sleeps_work_under_tokio_on_one_thread_and_on_many() {
    let driver = DriverThread::spawn().unwrap();
    let (reactor, timers) = parts(&driver);
    let one = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert_eq!(one.block_on(exchange(reactor, timers)).unwrap(), 7);

    let many = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let (reactor, timers) = parts(&driver);
    let result = many.block_on(async {
        let tasks: Vec<_> = (0..10)
            .map(|_| tokio::spawn(exchange(reactor.clone(), timers.clone())))
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += usize::from(task.await.unwrap()?);
        }
        io::Result::Ok(sum)
    });
    assert_eq!(result.unwrap(), 70);
}

#[test]
fn sockets_and_sleeps_work_under_smol_and_plain_threads() {
    let driver = DriverThread::spawn().unwrap();
    let (reactor, timers) = parts(&driver);
    assert_eq!(smol::block_on(exchange(reactor, timers)).unwrap(), 7);
    let (reactor, timers) = parts(&driver);
    assert_eq!(
        hyperia_wait::block_on(exchange(reactor, timers)).unwrap(),
        7
    );
}

#[test]
fn a_clock_of_choice_drives_its_sleeps() {
    let clock = ManualClock::new();
    let driver = DriverThread::spawn_with("manual", clock.clone()).unwrap();
    let sleep = driver.timers().sleep(Duration::from_secs(1000));
    let mut sleep = pin!(sleep);
    let sender = Mutex::new(None);
    hyperia_wait::block_on(std::future::poll_fn(|cx| {
        let poll = sleep.as_mut().poll(cx);
        if poll.is_pending() {
            clock.advance(Duration::from_secs(1000));
            driver.reactor().waker().wake();
            *sender.lock().unwrap() = Some(());
        }
        poll
    }));
    assert!(sender.lock().unwrap().is_some(), "it was pending first");
}

#[test]
fn dropping_the_driver_ends_its_thread() {
    let driver = DriverThread::spawn_with("ends-when-dropd", hyperia_timer::MonotonicClock::new());
    let driver = driver.unwrap();
    // Running at the latest when it has ended a sleep.
    hyperia_wait::block_on(driver.timers().sleep(Duration::from_nanos(1)));
    assert!(has_thread("ends-when-dropd"));
    drop(driver);
    assert!(is_gone("ends-when-dropd"));
}

#[test]
fn dropping_the_driver_ends_waits_for_io_with_an_error() {
    let driver = DriverThread::spawn().unwrap();
    let listener = TcpListener::bind(driver.reactor(), ([127, 0, 0, 1], 0).into()).unwrap();
    let waiting = thread::spawn(move || hyperia_wait::block_on(listener.accept()));
    drop(driver);
    let error = waiting.join().unwrap().unwrap_err();
    assert!(
        error
            .get_ref()
            .is_some_and(|inner| inner.is::<ReactorGone>()),
        "{error:?}"
    );
}

#[test]
fn a_driver_may_be_dropped_at_once_and_many_times() {
    for _ in 0..50 {
        drop(DriverThread::spawn().unwrap());
    }
}

/// Drops the driver when woken, and tells which thread that was.
struct DropDriver {
    driver: Mutex<Option<DriverThread>>,
    told: Mutex<Sender<Option<String>>>,
}

impl Wake for DropDriver {
    fn wake(self: Arc<Self>) {
        drop(self.driver.lock().unwrap().take());
        let name = thread::current().name().map(str::to_owned);
        self.told.lock().unwrap().send(name).unwrap();
    }
}

#[test]
fn a_driver_dropped_by_a_waker_on_its_own_thread_does_not_wait_for_itself() {
    let driver = DriverThread::spawn_with("own-thread", hyperia_timer::MonotonicClock::new());
    let driver = driver.unwrap();
    let (told, tells) = channel();
    let mut sleep = Box::pin(driver.timers().sleep(Duration::from_millis(1)).into_owned());
    let dropper = Arc::new(DropDriver {
        driver: Mutex::new(None),
        told: Mutex::new(told),
    });
    *dropper.driver.lock().unwrap() = Some(driver);
    // Ready only if this thread was slow; then the driver is dropped here and there is nothing to see.
    if poll_once(sleep.as_mut(), &Waker::from(Arc::clone(&dropper))).is_pending() {
        assert_eq!(tells.recv().unwrap().as_deref(), Some("own-thread"));
        // The thread ends after the waker has returned.
        assert!(is_gone("own-thread"), "the thread goes on");
    }
}

#[test]
fn a_waker_that_panics_stops_neither_the_driver_nor_the_others() {
    let driver = DriverThread::spawn().unwrap();
    let panicking = PanicWaker::new(PanicOn::Wake);
    let mut broken = Box::pin(driver.timers().sleep(Duration::from_millis(1)));
    let broken_is_pending = poll_once(broken.as_mut(), &panicking.waker()).is_pending();
    // And one on I/O.
    let listener = TcpListener::bind(driver.reactor(), ([127, 0, 0, 1], 0).into()).unwrap();
    let mut accept = Box::pin(listener.accept());
    assert!(poll_once(accept.as_mut(), &panicking.waker()).is_pending());
    let _peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();

    let (reactor, timers) = parts(&driver);
    assert_eq!(
        hyperia_wait::block_on(exchange(reactor, timers)).unwrap(),
        7
    );
    hyperia_wait::block_on(driver.timers().sleep(Duration::from_millis(2)));
    assert!(panicking.panics() > usize::from(broken_is_pending));
    panicking.disarm();
}

/// Panics with something that panics when it is dropped.
struct PanicTwice(Mutex<Sender<()>>);

struct Payload(Sender<()>);

impl Wake for PanicTwice {
    fn wake(self: Arc<Self>) {
        let told = self.0.lock().unwrap().clone();
        std::panic::panic_any(Payload(told));
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        panic!("the payload of a panic");
    }
}

#[test]
fn a_panic_that_panics_again_does_not_stop_the_driver() {
    let driver = DriverThread::spawn().unwrap();
    let (told, tells) = channel();
    let waker = Waker::from(Arc::new(PanicTwice(Mutex::new(told))));
    // Long enough to be pending, and short enough to wait for.
    let mut sleep = Box::pin(driver.timers().sleep(Duration::from_millis(100)));
    assert!(poll_once(sleep.as_mut(), &waker).is_pending());
    tells.recv().unwrap();
    let sleep = driver.timers().sleep(Duration::from_millis(1));
    assert_eq!(sleep.block_timeout(Duration::from_secs(10)), Ok(()));
}

#[test]
fn types_say_what_they_are() {
    let driver = DriverThread::spawn().unwrap();
    assert_eq!(format!("{driver:?}"), "DriverThread { .. }");
}
