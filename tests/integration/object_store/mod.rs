//! Account lists from, and snapshots to, object stores.

mod scripts;
mod stores;
