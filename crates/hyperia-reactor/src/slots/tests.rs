//! Indices, tokens and the ends of the table.

use super::*;

#[test]
fn every_index_has_a_place_of_its_own() {
    let mut expected = (0, 0);
    for index in 0..100_000 {
        assert_eq!(place_of(index), expected, "{index}");
        expected.1 += 1;
        if expected.1 == CHUNK_FIRST << expected.0 {
            expected = (expected.0 + 1, 0);
        }
    }
    assert_eq!(
        place_of(SLOTS_MAX - 1),
        (CHUNKS - 1, (CHUNK_FIRST << (CHUNKS - 1)) - 1)
    );
}

#[test]
fn tokens_name_index_and_generation() {
    let slots = Slots::new();
    for generation in 0..3 {
        // SAFETY: the table is alive.
        let slot = unsafe { slots.acquire().unwrap().as_ref() };
        assert_eq!(parse_token(slot.token()), (generation, 0));
        slots.release(slot);
    }
    assert!(
        slots.get(u32::MAX).is_none(),
        "the bell's index is nobody's"
    );
    assert!(slots.get(64).is_none(), "not yet there");
}

#[test]
fn slots_stay_where_they_are_while_the_table_grows() {
    let slots = Slots::new();
    let acquired: Vec<_> = (0..1_000).map(|_| slots.acquire().unwrap()).collect();
    for (index, slot) in acquired.iter().enumerate() {
        let found = slots.get(index as u32).unwrap();
        assert!(std::ptr::eq(found, slot.as_ptr()));
        assert_eq!(found.index() as usize, index);
    }
}

#[test]
fn a_full_table_says_so() {
    let slots = Slots::new();
    slots.free.lock().next = SLOTS_MAX as u32;
    assert_eq!(
        slots.acquire().unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
}

#[test]
fn a_closed_table_gives_nothing_out() {
    let slots = Slots::new();
    // SAFETY: the table is alive.
    let slot = unsafe { slots.acquire().unwrap().as_ref() };
    slots.close(&mut Panics::default());
    assert!(slots.acquire().is_err());
    slots.release(slot);
    assert!(slots.acquire().is_err());
}

#[test]
fn a_slot_fills_two_cache_lines() {
    assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (128, 64));
}
