//! The bytes of a fuzzer, read as numbers.

/// Reads from the front. Behind the end there are zeros, so that what was begun can be finished.
#[derive(Debug)]
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// The next byte, or `None` at the end.
    pub(crate) fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    /// From -128 to 127, as two's complement.
    pub(crate) fn signed(&mut self) -> i64 {
        i64::from(self.byte().cast_signed())
    }

    /// Eight bytes, the lowest first.
    pub(crate) fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }
}
