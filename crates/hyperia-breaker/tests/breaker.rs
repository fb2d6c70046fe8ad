//! What a user can rely on. The defects are those of an earlier breaker of the same family; each
//! has a test under its own name, and so has each promise.

use std::time::Duration;

use hyperia_breaker::{Breaker, Config, Open, Permit, State};

const RESET: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(3);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker(failure_threshold: u32, probes_max: u32) -> Breaker {
    Breaker::new(Config {
        failure_threshold,
        reset_timeout: RESET,
        probes_max,
        probe_lease: LEASE,
    })
}

/// Open since `now`.
fn open(probes_max: u32, now: Duration) -> Breaker {
    let breaker = breaker(1, probes_max);
    breaker.try_acquire(now).unwrap().failure(now);
    assert_eq!(
        breaker.state(now),
        State::Open {
            retry_at: now + RESET
        }
    );
    breaker
}

/// Half-open at `now`, which is not before `RESET`.
fn half_open(probes_max: u32, now: Duration) -> Breaker {
    let breaker = open(probes_max, now - RESET);
    assert_eq!(breaker.state(now), State::HalfOpen);
    breaker
}

fn permit(breaker: &Breaker, now: Duration) -> Permit {
    breaker.try_acquire_permit(now).unwrap()
}

// Counting.

#[test]
fn failures_in_a_row_open_it() {
    let breaker = breaker(3, 1);
    for second in 0..2 {
        breaker.try_acquire(at(second)).unwrap().failure(at(second));
        assert_eq!(breaker.state(at(second)), State::Closed);
    }
    breaker.try_acquire(at(2)).unwrap().failure(at(2));
    assert_eq!(breaker.state(at(2)), State::Open { retry_at: at(12) });
    assert_eq!(
        breaker.try_acquire(at(2)).unwrap_err(),
        Open { retry_at: at(12) }
    );
}

#[test]
fn a_success_between_failures_starts_the_count_again() {
    let breaker = breaker(2, 1);
    for second in 0..10 {
        breaker.try_acquire(at(second)).unwrap().failure(at(second));
        breaker.try_acquire(at(second)).unwrap().success(at(second));
    }
    assert_eq!(breaker.state(at(10)), State::Closed);
}

#[test]
fn a_cancelled_call_counts_as_nothing() {
    let breaker = breaker(2, 1);
    breaker.try_acquire(at(0)).unwrap().failure(at(0));
    breaker.cancel(permit(&breaker, at(0)));
    drop(breaker.try_acquire(at(0)).unwrap());
    assert_eq!(breaker.state(at(0)), State::Closed, "no failure");
    breaker.try_acquire(at(0)).unwrap().failure(at(0));
    assert_ne!(breaker.state(at(0)), State::Closed, "and no success");
}

#[test]
fn of_several_calls_under_way_those_after_the_last_straw_do_not_count() {
    let breaker = breaker(2, 1);
    let permits: Vec<_> = (0..5).map(|_| permit(&breaker, at(0))).collect();
    for (second, permit) in (1..).zip(permits) {
        breaker.failure(permit, at(second));
    }
    assert_eq!(
        breaker.state(at(5)),
        State::Open { retry_at: at(12) },
        "as of the second failure"
    );
}

// Half-open.

#[test]
fn a_successful_probe_closes_it_and_forgets_the_failures() {
    let breaker = breaker(2, 1);
    for _ in 0..2 {
        breaker.try_acquire(at(0)).unwrap().failure(at(0));
    }
    breaker.try_acquire(at(10)).unwrap().success(at(11));
    assert_eq!(breaker.state(at(11)), State::Closed);
    breaker.try_acquire(at(11)).unwrap().failure(at(11));
    assert_eq!(breaker.state(at(11)), State::Closed, "one failure of two");
}

#[test]
fn a_failed_probe_opens_it_for_another_full_time() {
    let breaker = half_open(2, at(10));
    let first = permit(&breaker, at(10));
    let second = permit(&breaker, at(10));
    breaker.failure(first, at(12));
    assert_eq!(breaker.state(at(12)), State::Open { retry_at: at(22) });
    breaker.success(second, at(12));
    assert_eq!(
        breaker.state(at(12)),
        State::Open { retry_at: at(22) },
        "its period is over"
    );
}

#[test]
fn a_dropped_probe_guard_frees_its_place_at_once_and_counts_as_nothing() {
    let breaker = half_open(1, at(10));
    for _ in 0..5 {
        let guard = breaker.try_acquire(at(10)).unwrap();
        assert!(breaker.try_acquire(at(10)).is_err());
        drop(guard);
        assert_eq!(breaker.state(at(10)), State::HalfOpen);
    }
}

#[test]
fn a_guard_made_into_a_permit_does_not_give_itself_back() {
    let breaker = half_open(1, at(10));
    let permit = breaker.try_acquire(at(10)).unwrap().into_permit();
    assert!(breaker.try_acquire(at(10)).is_err());
    breaker.success(permit, at(10));
    assert_eq!(breaker.state(at(10)), State::Closed);
}

#[test]
fn a_refusal_says_when_the_next_lease_ends() {
    let breaker = half_open(2, at(10));
    let _first = permit(&breaker, at(10));
    let _second = permit(&breaker, at(12));
    assert_eq!(
        breaker.try_acquire(at(12)).unwrap_err(),
        Open { retry_at: at(13) }
    );
    let _third = permit(&breaker, at(13));
    assert_eq!(
        breaker.try_acquire(at(13)).unwrap_err(),
        Open { retry_at: at(15) }
    );
}

#[test]
fn a_probe_that_reports_after_its_lease_is_ignored() {
    for is_success in [true, false] {
        let breaker = half_open(1, at(10));
        let late = permit(&breaker, at(10));
        if is_success {
            breaker.success(late, at(13));
        } else {
            breaker.failure(late, at(13));
        }
        assert_eq!(breaker.state(at(13)), State::HalfOpen);
        let in_time = permit(&breaker, at(13));
        breaker.success(in_time, at(15));
        assert_eq!(breaker.state(at(15)), State::Closed);
    }
}

#[test]
fn a_cancelled_permit_does_not_free_the_place_of_its_successor() {
    let breaker = half_open(1, at(10));
    let lost = permit(&breaker, at(10));
    let _successor = permit(&breaker, at(13));
    breaker.cancel(lost);
    assert!(breaker.try_acquire(at(13)).is_err());
}

// By hand.

#[test]
fn trip_opens_it_from_every_state() {
    for breaker in [breaker(5, 1), open(1, at(20)), half_open(1, at(20))] {
        let under_way = breaker.try_acquire_permit(at(20));
        breaker.trip(at(21));
        assert_eq!(breaker.state(at(21)), State::Open { retry_at: at(31) });
        if let Ok(permit) = under_way {
            breaker.success(permit, at(21));
        }
        assert_eq!(breaker.state(at(21)), State::Open { retry_at: at(31) });
    }
}

#[test]
fn reset_closes_it_from_every_state() {
    for breaker in [breaker(2, 1), open(1, at(20)), half_open(1, at(20))] {
        let under_way = breaker.try_acquire_permit(at(20));
        breaker.reset();
        assert_eq!(breaker.state(at(20)), State::Closed);
        if let Ok(permit) = under_way {
            breaker.failure(permit, at(20));
        }
        assert_eq!(breaker.state(at(20)), State::Closed);
        assert!(breaker.try_acquire(at(20)).is_ok());
    }
}

#[test]
fn retry_now_ends_the_waiting_and_nothing_else() {
    let waiting = open(1, at(20));
    waiting.retry_now();
    assert_eq!(waiting.state(at(20)), State::HalfOpen);
    let probe = permit(&waiting, at(20));
    waiting.retry_now();
    assert!(
        waiting.try_acquire(at(20)).is_err(),
        "the probe keeps its place"
    );
    waiting.success(probe, at(20));
    waiting.retry_now();
    assert_eq!(waiting.state(at(20)), State::Closed);
}

#[test]
fn a_breaker_that_never_tries_again_waits_for_a_hand() {
    let breaker = Breaker::new(Config {
        reset_timeout: Duration::MAX,
        ..Config::default()
    });
    breaker.trip(at(1));
    assert_eq!(
        breaker.state(at(1 << 40)),
        State::Open {
            retry_at: Duration::MAX
        }
    );
    breaker.retry_now();
    assert!(breaker.try_acquire(at(1 << 40)).is_ok());
}

// Promises.

#[test]
fn i24_half_open_admits_at_most_so_many_probes() {
    for probes_max in 1..=Config::PROBES_MAX {
        let breaker = half_open(probes_max, at(10));
        let mut guards: Vec<_> = (0..probes_max)
            .map(|_| breaker.try_acquire(at(10)).unwrap())
            .collect();
        assert!(breaker.try_acquire(at(10)).is_err());
        guards.pop();
        assert!(breaker.try_acquire(at(10)).is_ok());
    }
}

#[test]
fn i24_a_lost_probe_is_reclaimed() {
    let breaker = half_open(1, at(10));
    std::mem::forget(breaker.try_acquire(at(10)).unwrap());
    let just_before = at(13) - Duration::from_nanos(1);
    assert_eq!(
        breaker.try_acquire(just_before).unwrap_err(),
        Open { retry_at: at(13) }
    );
    breaker.try_acquire(at(13)).unwrap().success(at(13));
    assert_eq!(breaker.state(at(13)), State::Closed);
}

#[test]
fn i25_a_refused_call_neither_counts_nor_moves_the_time_of_the_next_try() {
    let breaker = open(1, at(0));
    for millis in 0..10_000 {
        let refused = breaker
            .try_acquire(Duration::from_millis(millis))
            .unwrap_err();
        assert_eq!(refused, Open { retry_at: at(10) });
    }
    assert!(breaker.try_acquire(at(10)).is_ok());

    // Nor does the clock of a refused call count: what came later may act earlier.
    let breaker = half_open(1, at(10));
    let probe = permit(&breaker, at(10));
    assert!(breaker.try_acquire(at(12)).is_err());
    breaker.failure(probe, at(11));
    assert_eq!(breaker.state(at(11)), State::Open { retry_at: at(21) });
}

#[test]
fn i26_it_reopens_by_itself_for_every_state_and_clock() {
    let last = Duration::MAX;
    let nanosecond = Duration::from_nanos(1);
    let clocks = [
        Duration::ZERO,
        nanosecond,
        at(1),
        last / 2,
        last - RESET,
        last - nanosecond,
        last,
    ];
    for start in clocks {
        let make: [fn(Duration) -> Breaker; 4] = [
            |start| {
                let breaker = breaker(1, 1);
                breaker.try_acquire(start).unwrap().failure(start);
                breaker
            },
            |start| {
                let breaker = breaker(1, 1);
                breaker.trip(start);
                breaker
            },
            |start| {
                let breaker = breaker(1, 1);
                breaker.trip(start);
                breaker.retry_now();
                breaker.try_acquire(start).unwrap().failure(start);
                breaker
            },
            |start| {
                let breaker = breaker(1, 1);
                breaker.trip(start);
                breaker.retry_now();
                breaker
            },
        ];
        for make in make {
            let breaker = make(start);
            let retry_at = start.saturating_add(RESET);
            if let State::Open { retry_at: said } = breaker.state(start) {
                assert_eq!(said, retry_at);
            }
            let probe = permit(&breaker, retry_at);
            breaker.success(probe, retry_at);
            assert_eq!(breaker.state(retry_at), State::Closed, "start {start:?}");
        }
    }
}

#[test]
fn i26_a_clock_that_goes_back_shortens_and_lengthens_nothing() {
    let breaker = open(1, at(100));
    assert_eq!(breaker.state(at(0)), State::Open { retry_at: at(110) });
    assert!(breaker.try_acquire(at(0)).is_err());
    assert!(breaker.try_acquire(at(109)).is_err());
    let probe = permit(&breaker, at(110));
    breaker.failure(probe, at(0)); // acts at 110
    assert_eq!(breaker.state(at(110)), State::Open { retry_at: at(120) });
    let probe = permit(&breaker, at(120));
    assert!(breaker.try_acquire(at(0)).is_err(), "the lease goes on");
    breaker.success(probe, at(0));
    assert_eq!(breaker.state(at(0)), State::Closed);
}

#[test]
fn i26_at_the_last_moment_probes_are_still_limited_and_still_count() {
    let breaker = half_open(1, Duration::MAX);
    let probe = permit(&breaker, Duration::MAX);
    assert!(breaker.try_acquire(Duration::MAX).is_err());
    breaker.success(probe, Duration::MAX);
    assert_eq!(breaker.state(Duration::MAX), State::Closed);
}

#[test]
fn i27_a_success_of_an_old_call_does_not_close_what_newer_calls_opened() {
    let breaker = breaker(2, 1);
    let old = permit(&breaker, at(0));
    let older = permit(&breaker, at(0));
    for _ in 0..2 {
        breaker.try_acquire(at(1)).unwrap().failure(at(1));
    }
    breaker.success(old, at(2));
    assert_eq!(breaker.state(at(2)), State::Open { retry_at: at(11) });
    let probe = permit(&breaker, at(11));
    breaker.success(older, at(11));
    assert_eq!(
        breaker.state(at(11)),
        State::HalfOpen,
        "nor does it count as the probe's"
    );
    assert!(breaker.try_acquire(at(11)).is_err(), "nor free its place");
    breaker.success(probe, at(11));
    assert_eq!(breaker.state(at(11)), State::Closed);
}

// Defects.

#[test]
fn defect_32_half_open_is_a_state_and_not_everybody_passes() {
    let breaker = half_open(1, at(10));
    let passed = (0..100)
        .filter_map(|_| breaker.try_acquire_permit(at(10)).ok())
        .count();
    assert_eq!(passed, 1);
}

#[test]
fn defect_33_a_breaker_that_begins_open_reopens() {
    let breaker = breaker(5, 1);
    breaker.trip(Duration::ZERO);
    assert!(breaker.try_acquire(at(9)).is_err());
    assert!(breaker.try_acquire(at(10)).is_ok());
}

#[test]
fn defect_34_a_breaker_that_begins_half_open_tries_at_once_whatever_the_clock() {
    for now in [Duration::ZERO, at(1), at(1 << 30)] {
        let breaker = breaker(5, 1);
        breaker.trip(Duration::ZERO);
        breaker.retry_now();
        breaker.try_acquire(now).unwrap().success(now);
        breaker.try_acquire(now).unwrap().failure(now);
        assert_eq!(breaker.state(now), State::Closed, "one failure of five");
    }
}

#[test]
fn defect_35_rejected_attempts_do_not_keep_it_open() {
    // A call every 200 ms for 60 s against a destination that is down: it is tried once per period.
    let breaker = breaker(1, 1);
    let mut passed = 0;
    for tick in 0..300 {
        let now = Duration::from_millis(200 * tick);
        if let Ok(guard) = breaker.try_acquire(now) {
            passed += 1;
            guard.failure(now);
        }
    }
    assert_eq!(passed, 6);
}

#[test]
fn defect_36_a_call_is_run_from_leave_to_result() {
    fn run<T, E>(
        breaker: &Breaker,
        now: Duration,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, Open> {
        let guard = breaker.try_acquire(now)?;
        let result = call();
        match &result {
            Ok(_) => guard.success(now),
            Err(_) => guard.failure(now),
        }
        Ok(result)
    }
    let breaker = breaker(1, 1);
    assert_eq!(run(&breaker, at(0), || Ok::<_, ()>(7)), Ok(Ok(7)));
    assert_eq!(
        run(&breaker, at(0), || Err::<(), _>("refused")),
        Ok(Err("refused"))
    );
    let not_called = || -> Result<(), ()> { unreachable!("refused before it is called") };
    assert_eq!(
        run(&breaker, at(0), not_called),
        Err(Open { retry_at: at(10) })
    );
}

#[test]
fn defect_37_a_success_of_an_old_connection_does_not_wipe_the_count() {
    let breaker = breaker(2, 1);
    let old = permit(&breaker, at(0));
    breaker.trip(at(1));
    breaker.try_acquire(at(11)).unwrap().success(at(11));
    breaker.try_acquire(at(12)).unwrap().failure(at(12));
    breaker.success(old, at(12));
    breaker.try_acquire(at(12)).unwrap().failure(at(12));
    assert_eq!(
        breaker.state(at(12)),
        State::Open { retry_at: at(22) },
        "two in a row"
    );
}

#[test]
fn defect_37_an_old_failure_does_not_open_a_breaker_that_has_just_closed() {
    let breaker = breaker(1, 1);
    let old = permit(&breaker, at(0));
    breaker.trip(at(1));
    breaker.try_acquire(at(11)).unwrap().success(at(11));
    breaker.failure(old, at(12));
    assert_eq!(breaker.state(at(12)), State::Closed);
}

// Arguments and errors.

#[test]
#[should_panic(expected = "failure_threshold must be greater than zero")]
fn a_threshold_of_zero_is_refused() {
    let _ = Breaker::new(Config {
        failure_threshold: 0,
        ..Config::default()
    });
}

#[test]
#[should_panic(expected = "probes_max must be greater than zero")]
fn no_probes_are_refused() {
    let _ = Breaker::new(Config {
        probes_max: 0,
        ..Config::default()
    });
}

#[test]
#[should_panic(expected = "probes_max must be at most 8")]
fn too_many_probes_are_refused() {
    let _ = Breaker::new(Config {
        probes_max: Config::PROBES_MAX + 1,
        ..Config::default()
    });
}

#[test]
#[should_panic(expected = "probe_lease must be greater than zero")]
fn a_lease_of_zero_is_refused() {
    let _ = Breaker::new(Config {
        probe_lease: Duration::ZERO,
        ..Config::default()
    });
}

#[test]
fn the_error_reads_well_and_the_config_comes_back() {
    let breaker = open(1, at(0));
    assert_eq!(
        breaker.try_acquire(at(0)).unwrap_err().to_string(),
        "circuit breaker is open"
    );
    assert_eq!(breaker.config().reset_timeout, RESET);
}

#[test]
fn a_panic_while_a_guard_lives_gives_the_place_back() {
    let breaker = half_open(1, at(10));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = breaker.try_acquire(at(10)).unwrap();
        panic!("the call");
    }));
    assert!(panic.is_err());
    assert!(breaker.try_acquire(at(10)).is_ok());
}
