//! What `tcp_client --pipe` promises, tested from outside: as a process, against a server of std's threads.
//!
//! | Module | What it tests |
//! |---|---|
//! | `delivery` | every line one verdict, and the verdict is true, whatever the server does |
//! | `ending` | end of input, signals, streams that stall or are gone |
//! | `input` | which bytes are a line |
//! | `cost` | processor time and system calls (the latter only where strace is) |

mod client;
mod cost;
mod delivery;
mod ending;
mod input;
mod server;

/// The lines `m1 hello` to `mCOUNT hello`.
fn lines(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 1..=count {
        bytes.extend_from_slice(format!("m{number} hello\n").as_bytes());
    }
    bytes
}
