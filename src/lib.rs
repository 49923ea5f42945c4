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

pub mod accounts; // list formats → stream of accounts; scan
pub mod api; // UserSig, regions, request and answer, codes, one call
pub mod checkpoint; // what a run has made durable
pub mod cli; // the command line, as types
pub mod columns; // tags → schema; answers → rows; what values are like
pub mod commands; // what each verb does
mod disk_error; // errors of the operating system, with what fixes them
pub mod emulator; // the service, played on this machine
pub mod exit_code; // the contract with schedulers
pub mod failpoint; // where tests stop a run
pub mod job; // the job file, as written → as checked
mod log_line; // how a log line is written
pub mod logging; // which log lines are written, and the run they tell of
pub mod output; // parts, sidecars, work folder, publishing
pub mod progress; // events → bar, plain lines or nothing
pub mod report; // summary, metrics, the page in pictures, plan and check in words
pub mod run; // the only place with the tasks and channels of a run: pace, calls, retries, outage
pub mod synonyms; // what people type in place of a verb
pub mod word_search; // bytes looked for a word at a time
