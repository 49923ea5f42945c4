//! Account lists from, and snapshots to, object stores.

mod lists;
mod scripts;
mod stores;
