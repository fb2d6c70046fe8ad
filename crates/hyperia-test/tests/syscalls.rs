//! The counts are those of the scenario, no more and no less.
use hyperia_test::syscalls::{self, Calls};
use std::fs::File;
use std::io::Read;

#[test]
fn a_file_read_twice_is_two_reads_and_a_close() {
    let name = "a_file_read_twice_is_two_reads_and_a_close";
    let calls = syscalls::difference(name, 20, |size| {
        for _ in 0..size {
            let mut null = File::open("/dev/null").unwrap();
            for _ in 0..2 {
                assert_eq!(null.read(&mut [0; 8]).unwrap(), 0);
            }
        }
    });
    if let Some(calls) = calls {
        let expected = [("read".into(), 40), ("close".into(), 20)];
        assert_eq!(calls, Calls::from(expected));
    }
}

#[test]
fn nothing_costs_nothing() {
    if let Some(calls) = syscalls::difference("nothing_costs_nothing", 20, |_| ()) {
        assert_eq!(calls, Calls::new());
    }
}

#[test]
fn a_scenario_that_fails_fails_its_test() {
    let name = "a_scenario_that_fails_fails_its_test";
    let traced = |scenario| syscalls::traced(name, scenario, &["-c"], "total");
    match syscalls::scenario().as_deref() {
        Some("good") => {}
        Some(scenario) => panic!("{scenario}, on purpose"),
        None if traced("good").is_some() => {
            assert!(std::panic::catch_unwind(|| traced("bad")).is_err());
        }
        None => {}
    }
}
