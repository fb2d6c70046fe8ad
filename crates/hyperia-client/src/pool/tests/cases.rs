//! Single promises, each in the smallest story that shows it.

use core::time::Duration;
use std::io::ErrorKind;

use super::super::{Action, Policy, Pool};
use crate::{BreakerState, ConnectionId, Event, Reason};

const LOST: Reason = Reason::ConnectionLost(ErrorKind::ConnectionReset);
/// Draws the longest pause.
const LONGEST: u64 = u64::MAX;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn policy() -> Policy {
    Policy {
        backoff_min: ms(10),
        backoff_max: ms(100),
        reset_timeout: ms(500),
        ..Policy::default()
    }
}

fn actions(pool: &mut Pool) -> Vec<Action> {
    core::iter::from_fn(|| pool.next_action())
        .filter(|action| !matches!(action, Action::Tell(_)))
        .collect()
}

fn dials(pool: &mut Pool) -> Vec<ConnectionId> {
    let dial = |action: Action| match action {
        Action::Dial(id) => id,
        other => panic!("not a dial: {other:?}"),
    };
    actions(pool).into_iter().map(dial).collect()
}

fn connected(pool: &mut Pool, n: usize, now: Duration) -> Vec<ConnectionId> {
    let mut ids = Vec::new();
    while ids.len() < n {
        pool.evaluate(ids.len() + 1, now);
        for id in dials(pool) {
            assert!(pool.dialed(id, now));
            ids.push(id);
        }
    }
    assert_eq!(ids.len(), n);
    ids
}

#[test]
fn i16_of_two_connections_lost_at_once_exactly_one_is_made_again() {
    for proved in [false, true] {
        let mut pool = Pool::new(policy());
        let ids = connected(&mut pool, 2, ms(0));
        if proved {
            ids.iter().for_each(|id| pool.received(*id, ms(1)));
        }
        ids.iter()
            .for_each(|id| pool.lost(*id, LOST, ms(2), LONGEST));
        pool.evaluate(0, ms(2));
        assert!(actions(&mut pool).is_empty(), "a pause comes first");
        assert!(pool.earliest() <= ms(12));
        pool.timer(ms(12), 0);
        pool.evaluate(0, ms(12));
        assert_eq!(dials(&mut pool).len(), 1);
        pool.evaluate(0, ms(13));
        assert!(actions(&mut pool).is_empty(), "and not another one");
    }
}

#[test]
fn i16_a_dial_under_way_is_the_one_that_makes_the_connection_again() {
    let mut pool = Pool::new(policy());
    let ids = connected(&mut pool, 1, ms(0));
    pool.blocked(ids[0], ms(1));
    pool.evaluate(1, ms(1));
    let dial = dials(&mut pool)[0];
    pool.lost(ids[0], LOST, ms(2), LONGEST);
    pool.evaluate(0, ms(60));
    assert!(actions(&mut pool).is_empty());
    // It fails: now one is due.
    pool.dial_failed(dial, ErrorKind::ConnectionRefused, ms(61), 0);
    pool.evaluate(0, ms(61));
    assert_eq!(dials(&mut pool).len(), 1);
}

#[test]
fn i18_an_idle_client_opens_nothing() {
    let mut pool = Pool::new(policy());
    for at in 0..100 {
        pool.timer(ms(at), LONGEST);
        pool.evaluate(0, ms(at));
    }
    pool.try_now();
    pool.evaluate(0, ms(100));
    assert!(pool.next_action().is_none());
    assert_eq!(pool.earliest(), Duration::MAX);
}

#[test]
fn i18_dials_are_bounded_by_backlog() {
    let mut pool = Pool::new(Policy {
        dials_max: 4,
        ..policy()
    });
    pool.evaluate(1, ms(0));
    assert_eq!(dials(&mut pool).len(), 1);
    pool.evaluate(2, ms(0));
    assert_eq!(dials(&mut pool).len(), 1);
    pool.evaluate(1000, ms(0));
    assert_eq!(dials(&mut pool).len(), 2);
    pool.evaluate(1000, ms(0));
    assert!(actions(&mut pool).is_empty());
}

#[test]
fn i12_the_last_failed_attempt_fails_everything_once_and_the_next_message_begins_anew() {
    let mut pool = Pool::new(Policy {
        attempts: 3,
        failure_threshold: 100,
        ..policy()
    });
    let mut now = ms(0);
    for cycle in 0..3 {
        for attempt in 1..=3 {
            now += ms(200);
            pool.timer(now, 0);
            pool.evaluate(1, now);
            let ids = dials(&mut pool);
            assert_eq!(ids.len(), 1, "cycle {cycle}, attempt {attempt}");
            pool.dial_failed(ids[0], ErrorKind::ConnectionRefused, now, LONGEST);
            let failed = actions(&mut pool);
            if attempt < 3 {
                assert!(failed.is_empty());
            } else {
                let reason = Reason::ConnectFailed(ErrorKind::ConnectionRefused);
                assert_eq!(failed, [Action::FailAll(reason)]);
            }
        }
        pool.evaluate(0, now);
        assert!(actions(&mut pool).is_empty(), "nothing is owed to nobody");
    }
}

#[test]
fn i21_dials_to_a_dead_server_are_bounded() {
    // Producers never stop, the breaker never opens: only the backoff is left to bound the dials.
    let mut pool = Pool::new(Policy {
        failure_threshold: u32::MAX,
        ..policy()
    });
    let (mut count, mut random) = (0_u64, 1_u64);
    for at in 0..10_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        pool.timer(ms(at), random);
        pool.evaluate(10, ms(at));
        for id in dials(&mut pool) {
            count += 1;
            pool.dial_failed(id, ErrorKind::ConnectionRefused, ms(at), random);
        }
        let _ = actions(&mut pool);
    }
    // On average half of 100 ms between two of them.
    assert!((100..350).contains(&count), "{count} dials in 10 s");
}

#[test]
fn i21_a_server_that_accepts_and_closes_is_dialed_at_the_pace_of_the_backoff() {
    let mut pool = Pool::new(policy());
    let (mut count, mut random) = (0_u64, 1_u64);
    for at in 0..10_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        pool.timer(ms(at), random);
        pool.evaluate(10, ms(at));
        for id in dials(&mut pool) {
            count += 1;
            assert!(pool.dialed(id, ms(at)));
            pool.lost(id, LOST, ms(at), random);
        }
    }
    assert!((100..350).contains(&count), "{count} dials in 10 s");
}

#[test]
fn a_bare_connect_does_not_end_the_backoff_and_a_proof_does() {
    let mut pool = Pool::new(policy());
    let fail = |pool: &mut Pool, at: u64| {
        pool.timer(ms(at), 0);
        pool.evaluate(1, ms(at));
        let id = dials(pool)[0];
        assert!(pool.dialed(id, ms(at)));
        pool.lost(id, LOST, ms(at), LONGEST);
        pool.retry_at - ms(at)
    };
    let pauses: Vec<_> = (0..5).map(|n| fail(&mut pool, n * 1000)).collect();
    let expected = [10, 20, 40, 80, 100].map(|bound| ms(bound) - Duration::from_nanos(1));
    assert_eq!(pauses, expected);
    // One that lives long enough, or from which a byte comes, counts.
    for by_age in [true, false] {
        let at = if by_age { 10_000 } else { 20_000 };
        pool.timer(ms(at), 0);
        pool.evaluate(1, ms(at));
        let id = dials(&mut pool)[0];
        assert!(pool.dialed(id, ms(at)));
        assert!(pool.failures > 0, "a bare connect proves nothing");
        if by_age {
            pool.timer(ms(at + 1000), 0);
        } else {
            pool.received(id, ms(at + 1));
        }
        assert_eq!(pool.failures, 0);
        pool.lost(id, LOST, ms(at + 1000), 0);
        assert_eq!(fail(&mut pool, at + 2000), expected[0]);
    }
}

#[test]
fn i23_close_and_try_now_end_a_backoff() {
    for close in [true, false] {
        let mut pool = Pool::new(policy());
        pool.evaluate(1, ms(0));
        let id = dials(&mut pool)[0];
        pool.dial_failed(id, ErrorKind::ConnectionRefused, ms(0), LONGEST);
        pool.evaluate(1, ms(1));
        assert!(actions(&mut pool).is_empty());
        if close {
            pool.close(ms(1));
            pool.evaluate(0, ms(1));
            assert_eq!(actions(&mut pool), [Action::Finish]);
        } else {
            pool.try_now();
            pool.evaluate(1, ms(1));
            assert_eq!(dials(&mut pool).len(), 1);
        }
    }
}

/// Opens the breaker at 0 ms.
fn tripped(wait: bool) -> Pool {
    let mut pool = Pool::new(Policy {
        failure_threshold: 1,
        attempts: 100,
        wait_for_breaker: wait,
        ..policy()
    });
    pool.evaluate(5, ms(0));
    for id in dials(&mut pool) {
        pool.dial_failed(id, ErrorKind::ConnectionRefused, ms(0), 0);
    }
    let _ = actions(&mut pool);
    pool
}

#[test]
fn i25_a_refused_dial_neither_counts_nor_moves_the_reopen_time() {
    let mut pool = tripped(false);
    for at in 1..500 {
        pool.timer(ms(at), 0);
        pool.evaluate(1, ms(at));
        let refused = Reason::BreakerOpen { retry_at: ms(500) };
        assert_eq!(actions(&mut pool), [Action::FailAll(refused)], "at {at} ms");
    }
    pool.evaluate(1, ms(500));
    assert_eq!(dials(&mut pool).len(), 1);
}

#[test]
fn i24_i26_after_the_reset_timeout_one_dial_goes_through() {
    for wait in [false, true] {
        let mut pool = tripped(wait);
        if wait {
            // The queue waits, and a timer is armed for it.
            pool.evaluate(100, ms(1));
            assert!(actions(&mut pool).is_empty());
            assert!(pool.earliest() <= ms(500));
        }
        pool.timer(ms(500), 0);
        pool.evaluate(100, ms(500));
        let probe = dials(&mut pool);
        assert_eq!((probe.len(), pool.gate()), (1, BreakerState::HalfOpen));
        pool.evaluate(100, ms(500));
        assert!(actions(&mut pool).is_empty(), "one probe");
        assert!(pool.dialed(probe[0], ms(501)));
        pool.blocked(probe[0], ms(501));
        pool.evaluate(100, ms(501));
        assert_eq!(pool.gate(), BreakerState::Closed);
    }
}

#[test]
fn i24_a_probe_given_up_frees_its_place() {
    let mut pool = tripped(true);
    pool.timer(ms(500), 0);
    pool.evaluate(1, ms(500));
    let probe = dials(&mut pool)[0];
    // The producers are gone before it ends; later others come.
    pool.timer(ms(500) + pool.policy.connect_timeout, 0);
    assert_eq!(actions(&mut pool), [Action::Cancel(probe)]);
    let later = ms(1100) + pool.policy.connect_timeout;
    pool.timer(later, 0);
    pool.evaluate(1, later);
    assert_eq!(dials(&mut pool).len(), 1);
}

#[test]
fn i27_an_old_connection_does_not_speak_for_new_dials() {
    let mut pool = Pool::new(policy());
    let old = connected(&mut pool, 1, ms(0))[0];
    pool.blocked(old, ms(1));
    pool.evaluate(1, ms(1));
    let dial = dials(&mut pool)[0];
    pool.dial_failed(dial, ErrorKind::ConnectionRefused, ms(2), LONGEST);
    let (failures, retry_at) = (pool.failures, pool.retry_at);
    pool.received(old, ms(3));
    assert_eq!((pool.failures, pool.retry_at), (failures, retry_at));
    assert_eq!(pool.breaker.state(ms(3)), hyperia_breaker::State::Closed);
}

#[test]
fn i29_i30_close_gives_up_a_dial_at_once_and_a_late_success_is_refused() {
    for abort in [false, true] {
        let mut pool = Pool::new(policy());
        pool.evaluate(1, ms(0));
        let dial = dials(&mut pool)[0];
        if abort {
            pool.abort();
            pool.evaluate(1, ms(1));
        } else {
            pool.close(ms(1));
            pool.evaluate(0, ms(1));
        }
        let done = actions(&mut pool);
        assert_eq!(done.first(), Some(&Action::Cancel(dial)));
        assert!(!pool.dialed(dial, ms(1)));
        pool.evaluate(0, ms(1));
        let finished =
            done.contains(&Action::Finish) || actions(&mut pool).contains(&Action::Finish);
        assert!(finished);
    }
}

#[test]
fn i20_only_idle_connections_above_the_floor_are_closed_for_being_idle() {
    let mut pool = Pool::new(Policy {
        keep_idle: 1,
        write_timeout: Duration::MAX,
        stable_after: ms(1),
        ..policy()
    });
    let ids = connected(&mut pool, 3, ms(0));
    pool.blocked(ids[0], ms(0));
    pool.timer(ms(60_000), 0);
    let closed = actions(&mut pool);
    assert_eq!(closed, [Action::Close(ids[1]), Action::Close(ids[2])]);
    pool.served(ids[0], ms(60_001));
    pool.timer(ms(200_000), 0);
    let ended = actions(&mut pool);
    assert!(!ended.contains(&Action::Close(ids[0])), "{ended:?}");
    assert_eq!(pool.live(), 1);
}

#[test]
fn i34_a_peer_that_takes_nothing_is_given_up_and_progress_counts() {
    let mut pool = Pool::new(policy());
    let id = connected(&mut pool, 1, ms(0))[0];
    pool.blocked(id, ms(0));
    pool.blocked(id, ms(9_000));
    pool.timer(ms(10_000), 0);
    assert!(actions(&mut pool).is_empty());
    pool.timer(ms(19_000), 0);
    assert_eq!(actions(&mut pool), [Action::Drop(id, Reason::WriteTimeout)]);
}

#[test]
fn i34_a_peer_that_says_nothing_is_given_up_if_asked_for() {
    let mut pool = Pool::new(Policy {
        read_timeout: ms(300),
        ..policy()
    });
    let id = connected(&mut pool, 1, ms(0))[0];
    pool.received(id, ms(200));
    pool.timer(ms(499), 0);
    assert!(actions(&mut pool).is_empty());
    pool.timer(ms(500), 0);
    assert_eq!(actions(&mut pool), [Action::Drop(id, Reason::ReadTimeout)]);
}

#[test]
fn events_tell_the_story() {
    let mut pool = Pool::new(policy());
    pool.evaluate(1, ms(0));
    let told: Vec<_> = core::iter::from_fn(|| pool.next_action()).collect();
    let id = ConnectionId {
        slot: 0,
        generation: 1,
    };
    assert_eq!(told, [Action::Tell(Event::Dialing(id)), Action::Dial(id)]);
}
