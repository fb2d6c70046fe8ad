//! The hard limit.
#![cfg(all(not(hyperia_loom), feature = "allocator-api2"))]

use allocator_api2::alloc::Global;
use allocator_api2::vec::Vec;
use hyperia_alloc::{Limited, Tracked};

#[test]
fn what_fits_exactly_is_given_and_one_byte_more_is_not() {
    let limited = Limited::new(Global, 100);
    assert_eq!(limited.limit(), 100);
    let mut bytes: Vec<u8, _> = Vec::new_in(&limited);
    assert!(bytes.try_reserve_exact(101).is_err());
    assert!(bytes.try_reserve_exact(100).is_ok());
    let mut byte: Vec<u8, _> = Vec::new_in(&limited);
    assert!(byte.try_reserve_exact(1).is_err());
    drop(bytes);
    assert!(byte.try_reserve_exact(1).is_ok());
    assert_eq!(limited.live_bytes(), 1);
}

#[test]
fn a_block_grows_up_to_the_limit_and_keeps_its_content_when_refused() {
    let limited = Limited::new(Global, 100);
    let mut bytes = Vec::with_capacity_in(60, &limited);
    bytes.extend([7_u8; 60]);
    assert!(bytes.try_reserve_exact(41).is_err());
    assert_eq!((&bytes[..], limited.live_bytes()), (&[7; 60][..], 60));
    assert!(bytes.try_reserve_exact(40).is_ok());
    assert_eq!(limited.live_bytes(), 100);
}

#[test]
fn what_is_refused_never_reaches_the_inner_allocator() {
    let limited = Limited::new(Tracked::new(Global), 0);
    let mut bytes: Vec<u8, _> = Vec::new_in(&limited);
    assert!(bytes.try_reserve_exact(1).is_err());
    assert_eq!(limited.inner().live_blocks(), 0);
}

#[test]
fn threads_never_hold_more_than_the_limit_and_all_of_them_get_on() {
    const THREADS: usize = 3;
    let limited = Limited::new(Global, 2 * 64);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let mut bytes: Vec<u8, _> = Vec::new_in(&limited);
                    // Two others have it all; the system may have stopped them just then.
                    while bytes.try_reserve_exact(64).is_err() {
                        std::thread::yield_now();
                    }
                    assert!(limited.live_bytes() <= limited.limit());
                }
            });
        }
    });
    assert_eq!(limited.live_bytes(), 0);
}
