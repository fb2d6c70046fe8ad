//! Every interleaving of the smallest interesting cases. Under the model checker a block of the
//! mpsc queue has two slots and one spare is kept, so boundaries and reuse come at once.
#![cfg(hyperia_loom)]

mod models {
    mod mpmc;
    mod mpmc_unbounded;
    mod mpsc;
    mod mpsc_ring;
    mod placements;
    mod spsc;
}
