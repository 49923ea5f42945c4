//! What is published: parts, sidecars, manifest.

pub mod settings;

pub use settings::{Compression, Format, IfExists, OutputSettings};
