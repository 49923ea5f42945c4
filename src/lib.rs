//! `im-profiles`: reads a list of accounts, fetches their profiles from Tencent Cloud IM, publishes one table.
//!
//! ```text
//!  account list ─► scan ─► chunks ─► rate limiter ─► call ─► response ─► rows ─► commit ─► publish
//!    accounts/     count   pipeline/   pipeline/     api/    pipeline/   table/  snapshot/  snapshot/
//!                  digest                             │
//!                  duplicates                         └─ failed accounts ─► retry queue ─► rate limiter
//! ```
//!
//! Imports go down only: `cli → export → {pipeline, snapshot, report, observability} → {table, api, accounts} → bucket → util`.
//! `job` is converted to the settings of each module in `export`. `emulator` shares only `api` with the exporter.

#![cfg_attr(test, allow(clippy::too_many_lines))] // A scenario reads best in one piece.

mod accounts; // list formats → stream of accounts; scan
mod api; // UserSig, regions, request and response, error codes, one call
mod bucket; // object stores
mod cli; // the command line
pub mod emulator; // an emulator of the service on this machine
mod export; // the service behind export, plan, check, preview and stream
pub mod internals; // for the benches, the fuzz targets and the tests of this repository
pub mod job; // the job file, as written → as validated
mod observability; // log lines, progress, metrics
mod pipeline; // the only place with the tasks and channels of a run
mod report; // summary, plan, check, UserSig, the HTML report
mod snapshot; // parts, sidecar files, work directory, journal, publishing
mod table; // tags → schema; response values → arrays; column statistics
mod util; // helpers without a domain of their own

pub use cli::run;
