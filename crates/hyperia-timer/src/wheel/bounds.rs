//! How many timers a call touches, counted.

extern crate std;

use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;
use std::collections::HashSet;

use super::levels::{Batch, Budget, CROWD, Levels, Progress};
use super::nodes::{Before, Nodes};
use super::slab::{NIL, Slab};

const BUDGET: usize = 256;

/// A slab that notes which of its timers are read or moved, and, apart, which are written to for no more
/// than that another one comes before them now.
struct Noting {
    slab: Slab<()>,
    touched: RefCell<HashSet<u32>>,
    linked: RefCell<HashSet<u32>>,
}

impl Noting {
    fn note(&self, link: u32) {
        self.touched.borrow_mut().insert(link);
    }
}

impl core::fmt::Debug for Noting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Noting")
    }
}

impl Nodes for Noting {
    type Link = u32;
    const NIL: u32 = NIL;

    fn deadline(&self, link: u32) -> u64 {
        self.note(link);
        self.slab.deadline(link)
    }
    fn next(&self, link: u32) -> u32 {
        self.note(link);
        self.slab.next(link)
    }
    fn before(&self, link: u32) -> Before<u32> {
        self.note(link);
        self.slab.before(link)
    }
    fn set_next(&mut self, link: u32, next: u32) {
        self.note(link);
        self.slab.set_next(link, next);
    }
    fn set_before(&mut self, link: u32, before: Before<u32>) {
        self.linked.borrow_mut().insert(link);
        self.slab.set_before(link, before);
    }
}

struct Counted {
    levels: Levels<Noting>,
    due: Batch<u32>,
    most: usize,
    most_linked: usize,
}

impl Counted {
    fn new() -> Self {
        Self {
            levels: Levels::new(Noting {
                slab: Slab::new(),
                touched: RefCell::default(),
                linked: RefCell::default(),
            }),
            due: Batch::new(NIL),
            most: 0,
            most_linked: 0,
        }
    }

    fn insert(&mut self, deadline: u64) -> u32 {
        let key = self.levels.slots.nodes.slab.occupy(deadline, ());
        self.levels.insert(key.index, deadline);
        key.index
    }

    /// How many timers were touched, without and with those that were just linked, since the last call.
    fn touched(&self) -> (usize, usize) {
        let nodes = &self.levels.slots.nodes;
        let touched = nodes.touched.take();
        let linked = nodes.linked.take();
        (touched.len(), touched.union(&linked).count())
    }

    /// One call of `advance`: hands the deadlines out, and says whether there is more.
    fn advance(&mut self, now: u64, budget: usize, fired: &mut Vec<u64>) -> bool {
        self.touched();
        let mut budget = Budget::new(budget);
        let more = loop {
            let progress = self.levels.collect(now, &mut budget, &mut self.due);
            while let Some((deadline, _)) = self.due.pop() {
                fired.push(deadline);
            }
            match progress {
                Progress::Done => break false,
                Progress::More => break true,
                Progress::Full => {}
            }
        };
        let (touched, linked) = self.touched();
        self.most = self.most.max(touched);
        self.most_linked = self.most_linked.max(linked);
        more
    }

    fn assert_bound(&self, budget: usize) {
        let Self {
            most, most_linked, ..
        } = *self;
        assert!(most <= budget + CROWD, "{most} touched");
        // One neighbour in each slot that something came into, of the 64 that a slot is taken apart to.
        assert!(most_linked <= budget + 2 * CROWD, "{most_linked} linked");
    }

    /// The question of a driver, counted apart.
    fn next(&mut self) -> Option<u64> {
        self.touched();
        let next = self.levels.next_deadline();
        assert!(self.touched().1 <= CROWD);
        next
    }
}

/// A hundred thousand timers of one slot of the seventh level: the clock steps into it, and into each crowd
/// within it, as a driver does that waits for the next deadline; and a lone timer comes due meanwhile.
#[test]
fn a_call_touches_no_more_than_its_budget_and_a_slot() {
    const CROSSING: u64 = 1 << 36;
    let mut counted = Counted::new();
    for index in 0..100_000_u64 {
        counted.insert(CROSSING + index * 687_000);
    }
    // Comes while the crowd is being taken apart.
    let lone = CROSSING + 10_000;
    counted.insert(lone);
    let mut fired = Vec::new();
    let mut now = 0;
    while let Some(next) = counted.next() {
        now = next.max(now);
        counted.advance(now, BUDGET, &mut fired);
    }
    assert_eq!(fired.len(), 100_001);
    assert!(fired.is_sorted(), "a driver on time sees the order");
    counted.assert_bound(BUDGET);
}

/// As far as the clock may jump: the same, whatever the budget.
#[test]
fn a_late_call_touches_no_more_than_its_budget_and_a_slot() {
    for budget in [1, 2, 63, 64, 65, 256, 1000] {
        let mut counted = Counted::new();
        let mut state = 1_u64;
        for _ in 0..10_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            counted.insert(state >> 20);
        }
        let mut fired = Vec::new();
        // In the midst of the slots, then at the end of them.
        for now in [1 << 43, 1 << 44] {
            let mut calls = 0;
            while counted.advance(now, budget, &mut fired) {
                calls += 1;
            }
            // Each timer is handed out once, and moved at most once a level before.
            assert!(
                calls <= 11 * 10_000 / budget + 1,
                "{calls} calls of {budget}"
            );
        }
        assert_eq!(fired.len(), 10_000);
        counted.assert_bound(budget);
    }
}

/// A timer that comes due while a crowd is being taken apart waits for no more turns than the crowd has
/// budgets, and no more than two if it is the only one.
#[test]
fn a_due_timer_waits_for_no_more_turns_than_the_backlog_has_budgets() {
    const CROSSING: u64 = 1 << 36;
    const CROWD: u64 = 100_000;
    let mut counted = Counted::new();
    for index in 0..CROWD {
        // In the second half of the slot.
        counted.insert(CROSSING + (1 << 35) + index);
    }
    let second = Duration::from_secs(1).as_nanos() as u64;
    let mut fired = Vec::new();
    let mut now = CROSSING;
    assert!(counted.advance(now, BUDGET, &mut fired));
    let mut turns = 1;
    let mut lone = None;
    loop {
        // A turn of the loop takes a moment, in which another timer comes due.
        now += second / 1_000_000;
        let more = counted.advance(now, BUDGET, &mut fired);
        turns += 1;
        if let Some(deadline) = lone.take() {
            assert_eq!(
                fired.pop(),
                Some(deadline),
                "in the first turn after it is due"
            );
        }
        if !more {
            break;
        }
        lone = Some(now + 500);
        counted.insert(now + 500);
    }
    assert!(fired.is_empty(), "the crowd is not due");
    // Half of each turn's budget is the crowd's at least.
    let bound = 2 * CROWD as usize / BUDGET + 2;
    assert!(turns <= bound, "{turns} turns");
}
