//! What several of the example programs share; the programs stand beside this file.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`units`] | durations and sizes as people write them: `500ms`, `1MiB` |
//! | [`tally`] | counts lines and sums their checksums, in any order, however they are cut |
//! | [`lines`] | cuts a stream of bytes into lines and finds their labels |
//! | [`trouble`] | why connections failed, in words |
//! | [`sink`] | a server that accepts, counts and optionally sends back what it reads |
//!
//! The README of the workspace is compiled here as a doctest.

mod support;

pub use support::{lines, sink, tally, trouble, units};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
