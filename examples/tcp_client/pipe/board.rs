//! Where the lines on their way and their verdicts meet: the reader, the client and the writer share it.
//!
//! It counts the lines that were read and have no verdict yet, so that the reader never runs ahead
//! further than the queue's bound, and collects the verdicts that were not written yet.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyperia_client::Verdict;
use hyperia_examples::lines::label;
use hyperia_wait::WaitQueue;

/// So many bytes of unwritten verdicts stop the reader, in case nobody reads them.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What became of a line: the client's verdict without its reason.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Ok,
    Unsent,
    Unknown,
}

impl From<Verdict> for Fate {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            Verdict::Unsent(_) => Self::Unsent,
            Verdict::Unknown(_) => Self::Unknown,
        }
    }
}

/// Counts lines on their way, collects verdicts.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    lines_max: usize,
    bytes_max: usize,
    /// Notified when lines were settled or verdicts taken. The reader waits for it, and after its end
    /// [`settled`]. Neither queue is ever closed, so the result of a wait says nothing.
    ///
    /// [`settled`]: Board::settled
    progress: WaitQueue,
    /// Notified when the writer has something to do.
    text: WaitQueue,
}

#[derive(Debug, Default)]
struct State {
    /// Lines read that have no verdict yet, and their bytes.
    lines: usize,
    bytes: usize,
    /// Verdicts not written yet.
    text: Vec<u8>,
    shares: Shares,
    /// Whether no verdict will follow.
    finished: bool,
}

impl Board {
    pub(crate) fn new(lines_max: usize, bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            lines_max,
            bytes_max,
            progress: WaitQueue::new(),
            text: WaitQueue::new(),
        }
    }

    /// Waits until more may be read, and returns how many bytes: even if each of them were a line, the
    /// lines on their way would stay within the bound. `partial` bytes belong to an unfinished line.
    pub(crate) async fn room(&self, partial: usize) -> usize {
        loop {
            {
                let state = self.lock();
                let lines = self.lines_max - state.lines;
                let bytes = self.bytes_max.saturating_sub(state.bytes + partial);
                // A line as long as the bound needs one more byte to show whether it ends there.
                let bytes = if state.lines == 0 {
                    bytes.max(1)
                } else {
                    bytes
                };
                if self.may_read(&state) && bytes > 0 {
                    return lines.min(bytes);
                }
            }
            let _ = self.progress.wait().await;
        }
    }

    /// Whether enough lines were settled to be worth a read.
    fn may_read(&self, state: &State) -> bool {
        state.lines <= self.lines_max / 2 && state.text.len() < TEXT_BYTES_MAX
    }

    /// A line was read.
    pub(crate) fn add(&self, line: &[u8]) {
        let mut state = self.lock();
        state.lines += 1;
        state.bytes += line.len();
    }

    /// A line has its verdict.
    pub(crate) fn settle(&self, line: &[u8], fate: Fate) {
        let mut state = self.lock();
        state.lines -= 1;
        state.bytes -= line.len();
        let (start, end): (&[u8], &[u8]) = match fate {
            Fate::Ok => (b"ok ", b"\n"),
            Fate::Unsent => (b"err ", b" unsent\n"),
            Fate::Unknown => (b"err ", b" unknown\n"),
        };
        state.shares.count(fate);
        let first = state.text.is_empty();
        for part in [start, label(line), end] {
            state.text.extend_from_slice(part);
        }
        let progress = self.may_read(&state) || state.lines == 0;
        drop(state);
        if first {
            self.text.notify_one();
        }
        if progress {
            self.progress.notify_one();
        }
    }

    /// Waits until every line has its verdict, once the reader has ended.
    pub(crate) async fn settled(&self) {
        while self.lock().lines > 0 {
            let _ = self.progress.wait().await;
        }
    }

    /// No verdict will follow: the writer ends after the last.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.text.notify_one();
    }

    /// Waits for verdicts and puts them into the empty `text`; `false` after the last.
    pub(crate) async fn take_text(&self, text: &mut Vec<u8>) -> bool {
        loop {
            {
                let mut state = self.lock();
                if !state.text.is_empty() {
                    std::mem::swap(text, &mut state.text);
                    break;
                }
                if state.finished {
                    return false;
                }
            }
            let _ = self.text.wait().await;
        }
        self.progress.notify_one();
        true
    }

    /// How many lines got which verdict so far.
    pub(crate) fn shares(&self) -> Shares {
        self.lock().shares
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers and bytes: consistent whatever a panicking holder left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many lines got which verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shares {
    ok: u64,
    unsent: u64,
    unknown: u64,
}

impl Shares {
    fn count(&mut self, fate: Fate) {
        let count = match fate {
            Fate::Ok => &mut self.ok,
            Fate::Unsent => &mut self.unsent,
            Fate::Unknown => &mut self.unknown,
        };
        *count += 1;
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ok,
            unsent,
            unknown,
        } = *self;
        let lines = ok + unsent + unknown;
        let percent = |count: u64| count as f64 * 100.0 / lines.max(1) as f64;
        write!(
            f,
            "{lines} lines: {ok} ok ({:.3} %), {unsent} unsent ({:.3} %), {unknown} unknown ({:.3} %)",
            percent(ok),
            percent(unsent),
            percent(unknown)
        )
    }
}
