//! Counts lines and sums their checksums, so that two ends of a wire can compare what went over it.
//!
//! Each line, newline included, has a 64-bit checksum; a [`Tally`] holds the wrapping *sum* of them,
//! which does not depend on the order of the lines. Several connections may therefore carry one
//! load, and their tallies are added up. The bytes of one connection may arrive in pieces of any size:
//! [`LineReader`] keeps nothing but the state of the line that is not complete yet.

use std::fmt;
use std::ops::AddAssign;

use super::lines::split_line;

/// How much was seen: lines, bytes, and the order-independent checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Complete lines.
    pub messages: u64,
    /// Bytes of complete lines, newlines included.
    pub bytes: u64,
    /// The wrapping sum of the checksums of the lines.
    pub checksum: u64,
}

impl Tally {
    /// Adds one whole line, newline included.
    pub fn add_line(&mut self, line: &[u8]) {
        let mut hash = LineHash::default();
        hash.update(line);
        self.add(line.len() as u64, hash);
    }

    fn add(&mut self, bytes: u64, hash: LineHash) {
        self.messages += 1;
        self.bytes += bytes;
        self.checksum = self.checksum.wrapping_add(hash.finish());
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            messages,
            bytes,
            checksum,
        } = self;
        write!(
            f,
            "{messages} lines, {bytes} bytes, checksum {checksum:016x}"
        )
    }
}

/// Takes the bytes of one connection, in pieces of any size, and tallies the lines in them.
///
/// ```
/// use hyperia_examples::tally::{LineReader, Tally};
///
/// let mut sent = Tally::default();
/// sent.add_line(b"one\n");
/// sent.add_line(b"two\n");
///
/// let mut reader = LineReader::default();
/// let mut received = reader.read(b"tw");
/// received += reader.read(b"o\none\n");
/// assert_eq!(received, sent);
/// ```
#[derive(Debug, Default)]
pub struct LineReader {
    hash: LineHash,
    pending: u64,
}

impl LineReader {
    /// Takes the next bytes and returns what they completed.
    pub fn read(&mut self, mut bytes: &[u8]) -> Tally {
        let mut tally = Tally::default();
        while !bytes.is_empty() {
            let (line, rest) = split_line(bytes);
            bytes = rest;
            self.hash.update(line);
            self.pending += line.len() as u64;
            if line.ends_with(b"\n") {
                let hash = std::mem::take(&mut self.hash);
                tally.add(std::mem::take(&mut self.pending), hash);
            }
        }
        tally
    }

    /// Bytes read since the last newline: what a connection that ends now has cut off.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }
}

/// The checksum of one line: eight bytes a step, multiply and rotate. It guards against accidents,
/// not against people.
#[derive(Debug, Default)]
struct LineHash {
    state: u64,
    tail: [u8; 8],
    tail_len: usize,
}

impl LineHash {
    fn update(&mut self, mut bytes: &[u8]) {
        if self.tail_len > 0 {
            let taken = bytes.len().min(8 - self.tail_len);
            let (head, rest) = bytes.split_at(taken);
            self.tail[self.tail_len..][..taken].copy_from_slice(head);
            self.tail_len += taken;
            bytes = rest;
            if self.tail_len < 8 {
                return;
            }
            self.mix(u64::from_le_bytes(self.tail));
        }
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.tail[..tail.len()].copy_from_slice(tail);
        self.tail_len = tail.len();
    }

    fn mix(&mut self, word: u64) {
        self.state = (self.state ^ word)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29);
    }

    fn finish(mut self) -> u64 {
        self.tail[self.tail_len..].fill(0);
        self.mix(u64::from_le_bytes(self.tail));
        self.mix(self.tail_len as u64);
        self.state ^ (self.state >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.add_line(line.as_bytes());
        }
        tally
    }

    #[test]
    fn the_order_of_lines_does_not_matter() {
        assert_eq!(
            tally(&["a\n", "bb\n", "ccc\n"]),
            tally(&["ccc\n", "a\n", "bb\n"])
        );
    }

    #[test]
    fn lost_doubled_and_changed_lines_show() {
        let sent = tally(&["one\n", "two\n", "a line of more than eight bytes\n"]);
        for other in [
            tally(&["one\n", "two\n"]),
            tally(&["one\n", "one\n", "a line of more than eight bytes\n"]),
            tally(&["one\n", "two\n", "a line of more than eight bytez\n"]),
            tally(&["one\n", "two\n", "a line of m\n", "ore than eight bytes\n"]),
        ] {
            assert_ne!(sent.checksum, other.checksum);
        }
    }

    #[test]
    fn a_stream_may_be_cut_anywhere() {
        let stream = b"m1 hello\n\n\na much longer line, of several words of eight bytes\nx\n";
        let whole = LineReader::default().read(stream);
        assert_eq!(whole.messages, 5);
        assert_eq!(whole.bytes, stream.len() as u64);
        for first in 0..stream.len() {
            for second in first..stream.len() {
                let mut reader = LineReader::default();
                let mut tally = reader.read(&stream[..first]);
                tally += reader.read(&stream[first..second]);
                tally += reader.read(&stream[second..]);
                assert_eq!(tally, whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn a_line_cut_off_is_not_counted() {
        let mut reader = LineReader::default();
        assert_eq!(reader.read(b"whole\ncut").messages, 1);
        assert_eq!(reader.pending(), 3);
    }
}
