//! The command line, asked of the real binary as people and scripts ask it.

mod exports;
mod imports;
mod pack;
mod settle;
