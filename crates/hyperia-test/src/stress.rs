//! What stress tests share: how much they do, and decisions that a second run takes again.
use std::num::ParseIntError;

/// The variable that says how much stress tests do.
const OPERATIONS: &str = "HYPERIA_STRESS_OPERATIONS";

/// How many operations a stress test does, on all its threads together: the environment variable
/// `HYPERIA_STRESS_OPERATIONS`, and `default` without it.
///
/// # Panics
/// If the variable is not a number.
pub fn operations(default: usize) -> usize {
    match std::env::var(OPERATIONS) {
        Ok(text) => parse(&text).unwrap_or_else(|error| panic!("{OPERATIONS}={text}: {error}")),
        Err(_) => default,
    }
}

/// A number, with `_` between digits if that is easier to read.
fn parse(text: &str) -> Result<usize, ParseIntError> {
    text.replace('_', "").parse()
}

/// Random decisions, the same for the same seed. A thread that panics while it has one says the seed.
///
/// The generator is Marsaglia's *Xorshift RNGs* (2003).
#[derive(Debug)]
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Decisions that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        let mut random = Self {
            seed,
            // Not zero, from which there would be no way out.
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        // The first numbers of seeds that are close to each other are alike.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// A number below `limit`.
    ///
    /// # Panics
    /// If `limit` is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        // The low bits are the weaker ones.
        ((self.next() >> 16) % limit as u64) as usize
    }

    /// True once in `count` times.
    ///
    /// # Panics
    /// If `count` is zero.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If there is none.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("decisions of this thread: seed {}", self.seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_have_its_digits_grouped() {
        assert_eq!(parse("10_000_000"), Ok(10_000_000));
        assert_eq!(parse("7"), Ok(7));
        assert!(parse("many").is_err());
    }
}
