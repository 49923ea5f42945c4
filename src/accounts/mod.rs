//! Account lists.
