//! The lines of the table: a file for each thing that is measured.

pub mod enqueue;
pub mod fan_out;
pub mod idle;
pub mod instance;
pub mod lists;
pub mod memory;
pub mod million;
pub mod start;
