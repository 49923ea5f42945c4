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

mod accounts; // list formats → stream of accounts; scan
mod api; // UserSig, regions, request and response, error codes, one call
pub mod cli; // the command line
pub mod emulator; // an emulator of the service on this machine
mod export; // the service behind export, plan, check and preview
pub mod internals; // for the benches, the fuzz targets and the tests of this repository
pub mod job; // the job file, as written → as validated
mod observability; // log lines, progress, metrics
mod pipeline; // the only place with the tasks and channels of a run
mod report; // summary, plan, check, the HTML report
mod snapshot; // parts, sidecar files, work directory, journal, publishing
mod table; // tags → schema; response values → arrays; column statistics
mod util; // what several modules need and none owns
