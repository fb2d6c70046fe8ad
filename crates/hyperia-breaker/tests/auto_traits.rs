//! Which type may go where.

use hyperia_breaker::{Breaker, Config, Guard, Open, Permit, State};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn is_unpin<T: Unpin>() {}

/// | type | Send | Sync | Unpin |
/// |---|---|---|---|
/// | `Breaker` | yes | no (a doctest of the crate) | yes |
/// | `Guard` | no (likewise) | no | yes |
/// | `Permit`, `Config`, `State`, `Open` | yes | yes | yes |
#[test]
fn auto_traits() {
    is_send::<Breaker>();
    is_unpin::<(Breaker, Guard<'_>, Permit, Config, State, Open)>();
    is_send::<(Permit, Config, State, Open)>();
    is_sync::<(Permit, Config, State, Open)>();
}

#[test]
fn sizes() {
    assert_eq!(size_of::<Permit>(), 8);
    assert!(size_of::<Breaker>() <= 400, "{}", size_of::<Breaker>());
}
