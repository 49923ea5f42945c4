//! Time stamps as text.

use jiff::Timestamp;

/// Formats a time stamp as `2026-11-22T03:04:05Z`.
pub fn rfc3339_seconds(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
