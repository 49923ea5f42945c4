//! What is published: parts, sidecars, manifest.

pub mod csv_part;
pub mod durable;
pub mod failed;
pub mod parquet_part;
pub mod part_writer;
pub mod settings;

pub use settings::{Compression, Format, IfExists, OutputSettings};
