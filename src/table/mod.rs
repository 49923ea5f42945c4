//! Tags and their types; values of answers become arrays of an Arrow table (pure).

pub mod convert;
pub mod rows;
pub mod statistics;
pub mod tags;
pub mod value_counts;

pub use rows::{RowBuilder, schema};
pub use tags::{Column, ColumnType};
