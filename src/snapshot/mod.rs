//! What is published: parts, sidecars, manifest.

pub mod csv_part;
pub mod disk_space;
pub mod durable;
pub mod earlier_snapshot;
pub mod failed;
pub mod file_size_limit;
pub mod journal;
pub mod lock;
pub mod lock_holder;
pub mod manifest;
pub mod open_part;
pub mod parquet_part;
pub mod part_files;
pub mod part_writer;
pub mod probe;
pub mod publish;
pub mod row_store;
pub mod settings;
pub mod snapshot_writer;
pub mod work_directory;

pub use settings::{Compression, Format, IfExists, OutputSettings};
