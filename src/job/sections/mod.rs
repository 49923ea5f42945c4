//! The sections of the job file, one module each: from the values as written to validated settings.

pub mod accounts;
pub mod api;
pub mod columns;
pub mod emulator;
pub mod limits;
pub mod metrics;
pub mod output;
pub mod retry;
mod secret_source;
pub mod store;

pub use api::DEFAULT_IDENTIFIER;
pub use emulator::load_emulator_settings;
