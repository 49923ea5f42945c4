//! What the emulator does, as a TOML table.

use serde::Deserialize;

/// Settings of the emulator.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}
