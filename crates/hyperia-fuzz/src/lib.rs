//! Fuzz targets: each reads bytes as operations, does them on the structure under test and on a simple
//! model, and panics where the two differ.
//!
//! | Target | What against what |
//! |---|---|
//! | [`wheel()`] | hyperia-timer's `Wheel` against an ordered map |
//!
//! Any bytes are operations, and the same bytes are always the same ones.
mod bytes;
pub mod wheel;

pub use wheel::wheel;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
