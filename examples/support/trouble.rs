//! Why connections could not be made or kept, in words for a summary.

use hyperia_client::{Event, Events};

/// The newest trouble among the events that have not been looked at; `None` if there was none.
///
/// A client keeps its newest 256 events, so the last trouble of a long run is there, too, unless as much
/// happened after it.
pub fn last_trouble(events: &mut Events) -> Option<String> {
    let mut last = None;
    while let Some(event) = events.try_next() {
        match event {
            Event::DialFailed(_, kind) => last = Some(format!("a dial failed: {kind}")),
            Event::Lost(_, reason) => last = Some(format!("a connection was lost: {reason}")),
            _ => {}
        }
    }
    last
}
