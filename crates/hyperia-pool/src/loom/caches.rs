//! Models of caches: taking and returning beside those who revoke them.

use super::words::make_with_an_old_mark;
use super::*;

/// A pool of `capacity` objects in one word, all of which are in the cache of its owner.
fn make_cached(capacity: usize) -> Shared {
    let shared = make_in(2, capacity, 0, 0);
    sit(Some(0));
    let objects: Vec<_> = (0..capacity)
        .filter_map(|_| shared.pool.try_get())
        .collect();
    drop(objects);
    sit(None);
    shared
}

/// A pool of one object that is out, by the owner of a cache, which was closed by somebody: the owner opens it
/// again when it next finds nothing.
fn make_closed() -> Shared {
    let shared = make_cached(1);
    take_and_return(&shared);
    taken_by_owner(&shared);
    shared
}

/// As `make`, but what is out was taken by the thread on seat 0, whose cache it goes back to.
fn make_taken_by_owner(out: usize) -> Shared {
    let shared = make_in(2, out, 0, 0);
    for _ in 0..out {
        taken_by_owner(&shared);
    }
    shared
}

/// What `make` calls, which sits nowhere.
fn taken_by_owner(shared: &Shared) {
    take_as_owner(shared);
    sit(None);
}

fn take_as_owner(shared: &Shared) {
    sit(Some(0));
    take_and_keep(shared);
}

fn take_and_return_as_owner(shared: &Shared) {
    sit(Some(0));
    if let Some(object) = shared.pool.try_get() {
        use_up(object);
    }
}

/// Catches a drain beside the owner: a fence that is missing, on either side, in `enter`; what the owner has
/// put in and does not publish.
#[test]
fn an_object_is_taken_out_of_a_cache() {
    model_roles(
        "an object is taken out of a cache",
        6,
        || make_cached(1),
        &[take_and_return_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Catches what the owner has put below the hot slot and does not publish with it.
#[test]
fn what_is_put_into_a_cache_is_taken_out() {
    fn make() -> Shared {
        let shared = make_taken_by_owner(2);
        give_back_as_owner(&shared);
        sit(None);
        shared
    }
    model_roles(
        "what is put into a cache is taken out",
        6,
        make,
        &[give_back_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// As above, with one more object in the cache.
#[test]
fn one_of_two_objects_is_taken_out_of_a_cache() {
    model_roles(
        "one of two objects is taken out of a cache",
        6,
        || make_cached(2),
        &[take_and_return_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a cache that is opened beside one who drains it, or where the owner finds again what was taken out.
#[test]
fn a_cache_is_used_again_after_a_drain() {
    fn take_and_return_twice_as_owner(shared: &Shared) {
        for _ in 0..2 {
            take_and_return_as_owner(shared);
        }
    }
    model_roles(
        "a cache is used again after a drain",
        20,
        || make_cached(1),
        &[take_and_return_twice_as_owner, take_and_return],
        nobody_sleeps,
    );
}

/// Two who find nothing but what is in a cache: it goes to one of them.
#[test]
fn two_revocations_meet() {
    model_roles(
        "two revocations meet",
        6,
        || make_cached(1),
        &[take_and_return, take_and_return],
        nobody_sleeps,
    );
}

/// Catches a return into a cache that one who waits has looked at, or was kept out of.
#[test]
fn revoking_meets_a_return() {
    model_roles(
        "revoking meets a return",
        6,
        || make_taken_by_owner(1),
        &[wait_first, give_back_as_owner],
        nobody_sleeps,
    );
}

/// Catches an owner that does not look back when it leaves: who waits has found it inside, and left the other
/// object to it.
#[test]
fn what_the_owner_leaves_behind_is_found() {
    model_roles(
        "what the owner leaves behind is found",
        6,
        || make_cached(2),
        &[take_as_owner, wait_first],
        one_is_idle,
    );
}

/// Catches an owner that opens its cache beside one who waits, and returns into it.
#[test]
fn reopening_meets_a_wait() {
    fn reopen_and_return(shared: &Shared) {
        sit(Some(0));
        let none = shared.pool.try_get();
        return_one(shared);
        drop(none);
    }
    model_roles(
        "reopening meets a wait",
        6,
        make_closed,
        &[reopen_and_return, wait_first],
        nobody_sleeps,
    );
}

/// Catches an owner that opens its cache because there is no mark, which was an old one and is put back beside a
/// new waiter: the next return would go into the cache.
#[test]
fn an_unmarking_is_taken_back_beside_a_reopening() {
    fn wait_and_reopen_and_return(shared: &Shared) {
        sit(Some(0));
        let object = shared.pool.try_get();
        poll(shared, 0);
        let none = shared.pool.try_get();
        drop(object);
        drop(none);
    }
    model_roles(
        "an unmarking is taken back beside a reopening",
        6,
        || make_with_an_old_mark(1),
        &[give_back, wait_and_reopen_and_return],
        nobody_sleeps,
    );
}

/// Catches a revocation that does not tell of what it has brought to the words: one who waits has found the gate
/// draining, and the words still empty.
#[test]
fn a_revocation_for_a_take_meets_a_wait() {
    fn take_elsewhere(shared: &Shared) {
        sit(None);
        take_and_keep(shared);
    }
    model_roles(
        "a revocation for a take meets a wait",
        6,
        || make_cached(2),
        &[take_elsewhere, wait_first],
        one_is_idle,
    );
}

/// Catches an owner that stocks its cache and does not look back, or does not tell: of three slots it has taken
/// one and is about to stock another; somebody takes the third, and waits for the second.
#[test]
fn stocking_meets_a_wait() {
    fn take_and_wait(shared: &Shared) {
        sit(None);
        take_and_keep(shared);
        poll(shared, 0);
    }
    model_roles(
        "stocking meets a wait",
        6,
        || make_in(4, 3, 0, 0),
        &[take_as_owner, take_and_wait],
        one_is_idle,
    );
}
