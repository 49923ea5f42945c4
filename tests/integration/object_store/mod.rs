//! Account lists from, and snapshots to, object stores.

mod crash;
mod damage;
mod faults;
mod foreign;
mod kill;
mod lists;
mod publish;
mod readers;
mod resume;
mod scripts;
mod secrets;
mod stores;
mod two_writers;
