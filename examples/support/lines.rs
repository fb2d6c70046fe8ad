//! Cuts a stream of bytes into lines, each with its newline, byte for byte.
//!
//! | Input | What it is |
//! |---|---|
//! | `m1 hello\n` | a message of nine bytes, label `m1` |
//! | `\n`, or only spaces | a message like any other, label `-` |
//! | a last line without newline | a message without newline |
//! | a line longer than the limit | no message, but one verdict: its first bytes give the label, the rest is skipped |

use std::io::BufRead;

/// One line of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line to send, with its newline if it had one.
    Message(Vec<u8>),
    /// The first bytes, as many as the limit, of a line that is longer.
    TooLong(Vec<u8>),
}

/// Cuts lines out of pieces of any size.
///
/// It holds at most as many bytes as a line may have: those of the line that is not complete yet.
///
/// ```
/// use hyperia_examples::lines::{Line, LineCutter};
///
/// let mut cutter = LineCutter::new(100);
/// let mut piece: &[u8] = b"one\ntw";
/// assert_eq!(cutter.next_line(&mut piece), Some(Line::Message(b"one\n".to_vec())));
/// assert_eq!(cutter.next_line(&mut piece), None);
/// let mut piece: &[u8] = b"o";
/// assert_eq!(cutter.next_line(&mut piece), None);
/// assert_eq!(cutter.finish(), Some(Line::Message(b"two".to_vec())));
/// ```
#[derive(Debug)]
pub struct LineCutter {
    partial: Vec<u8>,
    limit: usize,
    /// Whether the bytes up to the next newline belong to a line already reported as too long.
    skipping: bool,
}

impl LineCutter {
    /// Cuts lines of at most `limit` bytes, newline included.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            partial: Vec::new(),
            limit,
            skipping: false,
        }
    }

    /// Takes the next line off the front of `bytes`; `None` once what is left of them is part of a line
    /// still to be completed, and has been kept.
    pub fn next_line(&mut self, bytes: &mut &[u8]) -> Option<Line> {
        while !bytes.is_empty() {
            let (part, rest) = split_line(bytes);
            let complete = part.ends_with(b"\n");
            *bytes = rest;
            if self.skipping {
                self.skipping = !complete;
                continue;
            }
            let room = self.limit - self.partial.len();
            if part.len() > room {
                self.partial.extend_from_slice(&part[..room]);
                self.skipping = !complete;
                return Some(Line::TooLong(std::mem::take(&mut self.partial)));
            }
            self.partial.extend_from_slice(part);
            if complete {
                return Some(Line::Message(std::mem::take(&mut self.partial)));
            }
        }
        None
    }

    /// The end of the input: what is left is a line without newline.
    pub fn finish(&mut self) -> Option<Line> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then_some(Line::Message(rest))
    }

    /// Bytes held of the line that is not complete yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.partial.len()
    }
}

/// Splits after the first newline; without one all of it is the first part.
pub(crate) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = bytes;
    // std's own search for a byte, many bytes a step, is behind this. Reading from a slice does not fail.
    let len = rest.skip_until(b'\n').unwrap_or(bytes.len());
    bytes.split_at(len)
}

/// A line's first word; `-` if it has none.
#[must_use]
pub fn label(line: &[u8]) -> &[u8] {
    let word = line
        .trim_ascii_start()
        .split(u8::is_ascii_whitespace)
        .next();
    word.filter(|word| !word.is_empty()).unwrap_or(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]], limit: usize) -> Vec<Line> {
        let mut cutter = LineCutter::new(limit);
        let mut lines = Vec::new();
        for mut piece in pieces.iter().copied() {
            while let Some(line) = cutter.next_line(&mut piece) {
                lines.push(line);
            }
        }
        lines.extend(cutter.finish());
        lines
    }

    fn message(text: &str) -> Line {
        Line::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn lines_keep_their_newline_wherever_the_input_is_cut() {
        let input = b"one\n\n  \ntwo words\r\nlast";
        let expected = ["one\n", "\n", "  \n", "two words\r\n", "last"].map(message);
        for at in 0..=input.len() {
            assert_eq!(
                cut(&[&input[..at], &input[at..]], 100),
                expected,
                "cut at {at}"
            );
        }
    }

    #[test]
    fn a_line_longer_than_the_limit_is_reported_once_and_skipped() {
        let input = b"1234\n12345\n1234567890\nok\n12345";
        let expected = [
            Line::TooLong(b"12345".to_vec()),
            Line::TooLong(b"12345".to_vec()),
            message("ok\n"),
            message("12345"),
        ];
        for at in 0..=input.len() {
            let lines = cut(&[&input[..at], &input[at..]], 5);
            assert_eq!(lines[0], message("1234\n"), "cut at {at}");
            assert_eq!(lines[1..], expected, "cut at {at}");
        }
    }

    #[test]
    fn the_label_is_the_first_word() {
        for (line, word) in [
            ("m1 hello\n", "m1"),
            ("m1\n", "m1"),
            ("  m1\tx\n", "m1"),
            ("m1\r\n", "m1"),
            ("\n", "-"),
            ("   \n", "-"),
            ("", "-"),
        ] {
            assert_eq!(label(line.as_bytes()), word.as_bytes(), "{line:?}");
        }
    }
}
