//! Compiles the README of the workspace as a doctest; the programs stand beside this file.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
