//! `im-profiles`: a list of accounts in, one table of Tencent Cloud IM profiles out.
//!
//! ```text
//!  account list ─► scan ─► chunks ─► pace ─► call ─► decode ─► part writer ─► commit ─► publish
//!    accounts/     count    run/     run/    api/     columns    output/       output/   output/
//!                  digest                     │
//!                  dupes                      └─ failed accounts ─► retry queue ─► repacked into full chunks ─► pace
//! ```
//!
//! Imports run one way: `commands → run → {api, accounts, columns, output}`; the four at the end know nothing of
//! one another's insides nor of `run`; `emulator` shares only `api::wire` and `api::usersig`.

pub mod accounts;
pub mod api;
pub mod checkpoint;
pub mod cli;
pub mod columns;
pub mod commands;
pub mod emulator;
pub mod exit_code;
pub mod failpoint;
pub mod job;
mod log_line;
pub mod logging;
pub mod output;
pub mod progress;
pub mod report;
pub mod run;
pub mod synonyms;
pub mod word_search;
