//! A client for one TCP server: a demonstration, and with `--pipe` a tool.
//!
//! ```text
//! cargo run --release --example tcp_client                  a load against a sink of its own
//! cargo run --release --example tcp_client -- --help        every knob, with default and unit
//! seq 100000 | tcp_client --pipe --addr 127.0.0.1:9000      each line a message, each message a verdict
//! ```
//!
//! | Module | What it does |
//! |---|---|
//! | `args` | the command line |
//! | `demo` | the demonstration: sink, producers, live line, summary |
//! | `samples` | the live line and the picture at the end |
//! | `pipe` | standard input to verdicts |

mod args;
mod demo;
mod pipe;
mod samples;

use std::io;
use std::process::ExitCode;

use self::args::Args;

fn main() -> io::Result<ExitCode> {
    let args = Args::from_command_line();
    match &args.addr {
        Some(addresses) if args.pipe => pipe::run(addresses, &args.client),
        _ => demo::run(&args),
    }
}
