//! What a run publishes: parts, sidecars and manifest; and the work directory, lock and journal behind it.

pub mod checkpoint;
pub mod committed_files;
pub mod journal;
pub mod layout;
pub mod manifest;
pub mod parts;
pub mod publish;
pub mod run_totals;
pub mod sidecars;
pub mod snapshot_writer;
pub mod store;
pub mod unfinished_run;
pub mod work_directory;
