//! The emulator of the service.

pub mod settings;

pub use settings::Settings;
