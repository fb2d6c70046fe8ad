//! Where each value of a channel went. Keeping the books makes no scheduling points: all tasks run on one thread of the
//! system.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyperia_sync::mpsc::SendError;

/// Where a value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Received,
    HandedBack,
    /// With a future, or with the channel.
    Dropped,
}

/// What the sender of a value was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Sent,
    Refused,
    /// Nothing: it gave up.
    GaveUp,
}

/// What may become of values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// The receivers go, and what was sent with them.
    pub(crate) receivers_go: bool,
    /// What a sender waits with may be received.
    pub(crate) has_mailbox: bool,
}

struct Entry {
    sender: usize,
    said: Option<Said>,
    fate: Option<Fate>,
}

/// All values of a scenario.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Entry>>>);

/// A value that enters where it ends; twice is a failure.
pub(crate) struct Value {
    id: usize,
    fate: Fate,
    ledger: Ledger,
}

impl Value {
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    fn end(mut self, fate: Fate) {
        self.fate = fate;
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let before = self.ledger.entries()[self.id].fate.replace(self.fate);
        assert_eq!(before, None, "value {} ended twice", self.id);
    }
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next value of a sender.
    pub(crate) fn make(&self, sender: usize) -> Value {
        let mut entries = self.entries();
        entries.push(Entry {
            sender,
            said: None,
            fate: None,
        });
        Value {
            id: entries.len() - 1,
            fate: Fate::Dropped,
            ledger: self.clone(),
        }
    }

    pub(crate) fn make_many(&self, sender: usize, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.make(sender)).collect()
    }

    /// Enters what came of a send; `None` if it was given up.
    pub(crate) fn send_ended(&self, id: usize, outcome: Option<Result<(), SendError<Value>>>) {
        let said = match outcome {
            Some(Ok(())) => Said::Sent,
            Some(Err(SendError(value))) => {
                assert_eq!(value.id, id, "another one came back");
                self.hand_back(value);
                return;
            }
            None => Said::GaveUp,
        };
        self.entries()[id].said = Some(said);
    }

    /// Enters a value that is with its sender still.
    pub(crate) fn hand_back(&self, value: Value) {
        self.entries()[value.id].said = Some(Said::Refused);
        value.end(Fate::HandedBack);
    }

    /// Enters what came of a send of many, of which some are left: the last ones.
    pub(crate) fn send_many_ended(&self, ids: impl Iterator<Item = usize>, left: Vec<Value>) {
        let mut left = left.into_iter().peekable();
        for id in ids {
            match left.next_if(|value| value.id == id) {
                Some(value) => self.hand_back(value),
                None => {
                    assert!(
                        left.peek().is_none_or(|value| id < value.id),
                        "out of order"
                    );
                    self.send_ended(id, Some(Ok(())));
                }
            }
        }
        assert!(left.next().is_none(), "somebody else's value");
    }

    /// The account of a receiver.
    pub(crate) fn receiver(&self) -> Receipts<'_> {
        Receipts {
            ledger: self,
            last: Vec::new(),
        }
    }

    /// Each value has ended, and as its sender was told. Returns how many were received whose senders had given up.
    pub(crate) fn check(&self, rules: Rules) -> usize {
        let mut received = 0;
        for (id, entry) in self.entries().iter().enumerate() {
            let Entry { said, fate, .. } = entry;
            let said = said.unwrap_or_else(|| panic!("value {id} was never sent"));
            let fate = fate.unwrap_or_else(|| panic!("value {id} ({said:?}) is left somewhere"));
            let is_fine = match (said, fate) {
                (Said::Sent, Fate::Received)
                | (Said::Refused, Fate::HandedBack)
                | (Said::GaveUp, Fate::Dropped) => true,
                (Said::Sent, Fate::Dropped) => rules.receivers_go,
                (Said::GaveUp, Fate::Received) => {
                    received += 1;
                    rules.has_mailbox
                }
                _ => false,
            };
            assert!(is_fine, "value {id}: {said:?}, but {fate:?}");
        }
        received
    }
}

/// What one receiver has received: the values of each sender in their order.
pub(crate) struct Receipts<'a> {
    ledger: &'a Ledger,
    /// Sender and value.
    last: Vec<(usize, usize)>,
}

impl Receipts<'_> {
    pub(crate) fn receive(&mut self, value: Value) {
        let sender = self.ledger.entries()[value.id].sender;
        for &(other, id) in &self.last {
            assert!(other != sender || id < value.id, "out of order");
        }
        self.last.push((sender, value.id));
        value.end(Fate::Received);
    }

    pub(crate) fn receive_all(&mut self, values: impl IntoIterator<Item = Value>) {
        for value in values {
            self.receive(value);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.last.len()
    }
}
