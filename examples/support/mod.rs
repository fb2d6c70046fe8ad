//! The modules of the library, apart from the programs that stand in the folder above.

pub mod lines;
pub mod sink;
pub mod tally;
pub mod trouble;
pub mod units;
