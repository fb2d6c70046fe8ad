//! Random words for the jitter.

/// Random words for the jitter: Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    /// Differs between clients of a process by their address, between processes by the clock.
    pub(super) fn seed(address: usize) -> u64 {
        let clock = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .map_or(0, |elapsed| elapsed.as_nanos() as u64);
        clock ^ (address as u64).rotate_left(32)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
