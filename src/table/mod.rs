//! Tags and their types; the conversion of response values into Arrow arrays; column statistics (pure).

pub mod convert;
pub mod rows;
pub mod statistics;
pub mod tags;
pub mod value_counts;

pub use rows::{RowBuilder, schema};
pub use tags::{Column, ColumnType};
