//! An in-process TCP proxy that delays, cuts, resets and stalls.
