//! The messages that a connection has taken from the queue, and how far they are written.
//!
//! # Picture
//! ```text
//!   entries    │ 8 B │ 8 B │      90 KiB      │ 8 B │        oldest first; leave at the front when written
//!   pieces     │ copied 16 B │   by reference  │ copied │   what the next write offers
//!   buffer     ████████████████████████                     the copied bytes, in order
//! ```
//! Messages below [`COPY_BELOW`] bytes are copied one after the other: one piece, however many they are. Larger ones
//! are written from where they lie.
//!
//! # Invariants
//! 1. The pieces cover what is not yet written of the staged entries, in order.
//! 2. `written` bytes of the first entry were taken by the kernel, and it is not complete. All other entries are
//!    untouched: not one byte of them was.
//! 3. Entries from `staged` on have no piece yet.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use crate::queue::{Entry, NONE};

/// From this length on a message is written by reference instead of being copied. Over loopback, messages of 1 KiB cost
/// two thirds of the CPU when they are copied, into a buffer that stays in the cache. Where that ends was not measured.
pub(crate) const COPY_BELOW: usize = 2048;
/// A batch takes at most so many messages from the queue ...
pub(crate) const MESSAGES_MAX: usize = 1024;
/// ... and so many bytes, or one message. Twice as much was slower with messages of 1 KiB, half as much with 64 KiB.
pub(crate) const BYTES_MAX: usize = 128 * 1024;
/// Pieces offered in one write.
const PIECES_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Batch<M> {
    pub(crate) entries: VecDeque<Entry<M>>,
    staged: usize,
    /// Bytes of the staged entries.
    bytes: usize,
    written: usize,
    /// The epoch of the staged entries if they share one and none has a ticket: they can be settled in one step.
    uniform: Option<u32>,
    buffer: Vec<u8>,
    pieces: VecDeque<Piece>,
    /// Entries that have left since the pieces were made: their indexes count from before.
    gone: usize,
}

#[derive(Clone, Copy, Debug)]
enum Piece {
    /// These bytes of the buffer.
    Copied { start: usize, end: usize },
    /// These bytes of that entry's message.
    Borrowed {
        entry: usize,
        start: usize,
        end: usize,
    },
}

impl Piece {
    const fn bounds(&mut self) -> (&mut usize, usize) {
        match self {
            Self::Copied { start, end } | Self::Borrowed { start, end, .. } => (start, *end),
        }
    }
}

/// Entries at the front of a batch that are written whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complete {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    /// Their epoch if they share one and none has a ticket.
    pub(crate) uniform: Option<u32>,
}

impl<M> Batch<M> {
    pub(crate) const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            staged: 0,
            bytes: 0,
            written: 0,
            uniform: None,
            buffer: Vec::new(),
            pieces: VecDeque::new(),
            gone: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a byte of the first message was written, but not all of it.
    pub(crate) const fn is_torn(&self) -> bool {
        self.written > 0
    }

    /// Counts `n` written bytes; returns which entries at the front are complete. They are to be settled and taken off
    /// before the next call.
    pub(crate) fn advance(&mut self, mut n: usize) -> Complete {
        self.written = self.written.saturating_add(n);
        while n > 0 {
            let Some(piece) = self.pieces.front_mut() else {
                break; // a transport that took more than it was offered
            };
            let (start, end) = piece.bounds();
            let step = n.min(end - *start);
            *start += step;
            n -= step;
            if *start == end {
                self.pieces.pop_front();
            }
        }
        self.complete()
    }

    /// Entries at the front of which nothing is left to write.
    pub(crate) fn complete(&mut self) -> Complete {
        let mut complete = Complete {
            count: self.staged,
            bytes: self.bytes,
            uniform: self.uniform,
        };
        if self.written < self.bytes {
            (complete.count, complete.bytes) = (0, 0);
            for entry in self.entries.iter().take(self.staged) {
                if complete.bytes + entry.len > self.written {
                    break;
                }
                complete.bytes += entry.len;
                complete.count += 1;
            }
        }
        self.written -= complete.bytes.min(self.written);
        self.bytes -= complete.bytes;
        self.staged -= complete.count;
        self.gone += complete.count;
        if self.staged == 0 {
            self.clear_pieces();
        }
        complete
    }

    fn clear_pieces(&mut self) {
        self.bytes = 0;
        self.written = 0;
        self.gone = 0;
        self.buffer.clear();
        self.pieces.clear();
    }

    /// Forgets how far it came: what is left in `entries` is to be settled or put back.
    pub(crate) fn reset(&mut self) {
        self.staged = 0;
        self.clear_pieces();
    }
}

impl<M: AsRef<[u8]>> Batch<M> {
    /// Makes pieces of the entries that have none. Calls the messages' `as_ref`: if that panics, the entry at
    /// [`Self::staging`] is the one, and the rest is as if it had not been reached.
    pub(crate) fn stage(&mut self) {
        let index = self.staged;
        if index == 0 {
            self.uniform = self.entries.front().map(|entry| entry.epoch);
        }
        for (offset, entry) in self.entries.range_mut(index..).enumerate() {
            let bytes = entry.message.as_ref();
            entry.len = bytes.len();
            if entry.len == 0 {
                // Nothing to write.
            } else if entry.len < COPY_BELOW {
                let start = self.buffer.len();
                self.buffer.extend_from_slice(bytes);
                let filled = self.buffer.len();
                match self.pieces.back_mut() {
                    Some(Piece::Copied { end, .. }) if *end == start => *end = filled,
                    _ => self.pieces.push_back(Piece::Copied { start, end: filled }),
                }
            } else {
                self.pieces.push_back(Piece::Borrowed {
                    entry: self.gone + index + offset,
                    start: 0,
                    end: entry.len,
                });
            }
            if entry.ticket != NONE || self.uniform != Some(entry.epoch) {
                self.uniform = None;
            }
            self.bytes += entry.len;
            self.staged += 1;
        }
    }

    /// The entry that [`Self::stage`] would look at next.
    pub(crate) fn staging(&self) -> usize {
        self.staged
    }

    /// Offers the pieces to `write`, which says how many bytes it took.
    pub(crate) fn offer<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> io::Result<R> {
        if let (1, Some(&Piece::Copied { start, end })) = (self.pieces.len(), self.pieces.front()) {
            return Ok(write(&[IoSlice::new(&self.buffer[start..end])]));
        }
        let mut slices = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            let bytes = match *piece {
                Piece::Copied { start, end } => self.buffer.get(start..end),
                Piece::Borrowed { entry, start, end } => self
                    .entries
                    .get(entry - self.gone)
                    .and_then(|entry| entry.message.as_ref().get(start..end)),
            };
            // A message whose `as_ref` became shorter cannot be finished.
            let bytes = bytes.ok_or(io::ErrorKind::InvalidData)?;
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Ok(write(&slices[..count]))
    }
}

#[cfg(all(test, not(hyperia_loom)))]
mod tests {
    use super::*;

    fn batch(lens: &[usize]) -> (Batch<Vec<u8>>, Vec<u8>) {
        let mut batch = Batch::new();
        let mut all = Vec::new();
        for (index, &len) in lens.iter().enumerate() {
            let message = vec![index as u8; len];
            all.extend_from_slice(&message);
            batch.entries.push_back(Entry {
                message,
                len,
                ticket: NONE,
                epoch: 0,
            });
        }
        batch.stage();
        (batch, all)
    }

    #[test]
    fn bytes_come_out_in_order_whatever_the_kernel_takes() {
        let lens = [
            3,
            0,
            COPY_BELOW - 1,
            COPY_BELOW,
            1,
            5000,
            0,
            2,
            2,
            COPY_BELOW * 3,
            0,
        ];
        for step in [1, 2, 7, 100, 2047, 2048, 2049, 9000, 1 << 20] {
            let (mut batch, all) = batch(&lens);
            let mut out = Vec::new();
            let mut completed = batch.complete().count;
            assert_eq!(completed, 0);
            while !batch.is_empty() {
                let n = batch
                    .offer(|slices| {
                        let mut left = step;
                        for slice in slices {
                            let n = slice.len().min(left);
                            out.extend_from_slice(&slice[..n]);
                            left -= n;
                        }
                        step - left
                    })
                    .unwrap();
                let done = batch.advance(n).count;
                batch.entries.drain(..done);
                completed += done;
                let whole: usize = lens[..completed].iter().sum();
                assert!(whole <= out.len() && out.len() - whole == batch.written);
                assert_eq!(batch.is_torn(), out.len() > whole);
            }
            assert_eq!((out, completed), (all, lens.len()));
        }
    }

    #[test]
    fn a_transport_that_says_it_took_more_than_there_is_took_all() {
        let (mut batch, _) = batch(&[8, COPY_BELOW, 8]);
        assert_eq!(batch.advance(1).count, 0);
        assert_eq!(batch.advance(usize::MAX).count, 3);
        assert!(!batch.is_torn());
    }

    #[test]
    fn small_messages_share_one_piece_and_large_ones_are_not_copied() {
        let (small, _) = batch(&[8; 1000]);
        assert_eq!(small.pieces.len(), 1);
        let (large, _) = batch(&[8, 8, COPY_BELOW, 8]);
        assert_eq!((large.pieces.len(), large.buffer.len()), (3, 24));
    }
}
