//! The state machine against a model of the world: whole lives with random policies, random events and random luck,
//! every claim checked after every step. A failure prints its seed.

mod cases;
mod world;

use world::World;

/// Lives simulated; each has some hundred events.
const LIVES: u64 = 20_000;

#[test]
fn no_life_breaks_a_promise() {
    let base = std::env::var("HYPERIA_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1_u64);
    let mut seen = world::Seen::default();
    for seed in base..base + LIVES {
        let mut world = World::new(seed);
        world.live_and_die();
        seen.add(&world.seen);
    }
    println!("{LIVES} lives from seed {base}: {seen:?}");
    // A simulation that never gets there shows nothing.
    let worth = LIVES;
    assert!(seen.dials > worth && seen.connected > worth / 2, "{seen:?}");
    assert!(
        seen.fail_all > worth / 10 && seen.breaker_fail > worth / 50,
        "{seen:?}"
    );
    assert!(seen.stale > worth && seen.dropped > worth / 10, "{seen:?}");
    assert!(
        seen.closed > worth / 50 && seen.redials > worth / 10,
        "{seen:?}"
    );
    assert!(
        seen.half_open > worth / 50 && seen.recoveries > worth / 4,
        "{seen:?}"
    );
}
