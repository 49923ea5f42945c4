//! Tags and their types; the conversion of response values into Arrow arrays; column statistics (pure).

pub mod cells;
pub mod convert;
pub mod csv_lines;
pub mod rows;
pub mod statistics;
pub mod stream_rows;
pub mod tags;
pub mod value_counts;

pub use rows::{RowBuilder, schema};
pub use tags::{Column, ColumnType};
