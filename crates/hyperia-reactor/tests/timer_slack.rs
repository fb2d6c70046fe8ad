//! The slack of a thread is set, and set back.
use hyperia_reactor::TimerSlack;
use std::time::Duration;

#[test]
fn it_is_set_until_dropped() -> std::io::Result<()> {
    let before = TimerSlack::current()?;
    assert!(before > Duration::ZERO);
    let outer = TimerSlack::set(Duration::from_micros(7))?;
    assert_eq!(TimerSlack::current()?, Duration::from_micros(7));
    {
        let _inner = TimerSlack::set(Duration::ZERO)?;
        assert_eq!(TimerSlack::current()?, Duration::from_nanos(1), "the least");
    }
    assert_eq!(TimerSlack::current()?, Duration::from_micros(7));
    drop(outer);
    assert_eq!(TimerSlack::current()?, before);
    Ok(())
}

#[test]
fn it_is_of_this_thread_alone() -> std::io::Result<()> {
    let before = TimerSlack::current()?;
    let _slack = TimerSlack::set(Duration::from_micros(7))?;
    // A new thread has its maker's as its default; one that is there already keeps its own.
    let (ask, asked) = std::sync::mpsc::channel();
    let (answer, answered) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || -> std::io::Result<()> {
        let own = TimerSlack::set(before)?;
        asked.recv().expect("it is asked");
        answer
            .send(TimerSlack::current()?)
            .expect("it is waited for");
        drop(own);
        Ok(())
    });
    let _other = TimerSlack::set(Duration::from_micros(9))?;
    ask.send(()).expect("the thread waits");
    assert_eq!(answered.recv().expect("it answers"), before);
    thread.join().expect("no panic")
}

#[test]
fn the_longest_can_be_set_and_asked_for() -> std::io::Result<()> {
    let _slack = TimerSlack::set(Duration::MAX)?;
    assert_eq!(
        TimerSlack::current()?,
        Duration::from_nanos(i64::MAX as u64)
    );
    Ok(())
}
