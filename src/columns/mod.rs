//! Tags and their types; answers become arrays of an Arrow table.

pub mod tags;

pub use tags::{Column, ColumnType};
