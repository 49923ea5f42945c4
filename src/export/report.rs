//! What a process knows of its calls, for the snapshot's `_report.html`.

use jiff::Timestamp;

use crate::report::html::columns::ColumnTotals;
use crate::report::html::{Report, Resumed, page};
use crate::report::timeline::Timeline;
use crate::snapshot::journal::{Checkpoint, Journal, RunHeader};
use crate::snapshot::manifest::Manifest;
use crate::util::timestamp::rfc3339_seconds;

/// The calls of this process; a checkpoint holds none of an earlier one's.
pub struct CallsOfProcess {
    /// The calls over time.
    pub timeline: Timeline,
    began_at: String,
    is_resumed: bool,
}

impl CallsOfProcess {
    /// Begins to count. `begun_before` is the unfinished run that was found, which is another one where it was not gone on with.
    pub fn begin(journal: &Journal, begun_before: Option<&RunHeader>) -> CallsOfProcess {
        let run_id = &journal.checkpoint().header.run_id;
        CallsOfProcess {
            timeline: Timeline::default(),
            began_at: rfc3339_seconds(Timestamp::now()),
            is_resumed: begun_before.is_some_and(|begin| begin.run_id == *run_id),
        }
    }

    /// The page of what is published.
    pub fn report(&self, manifest: &Manifest, checkpoint: &Checkpoint) -> String {
        page(&Report {
            manifest,
            timeline: &self.timeline,
            calls_began_at: &self.began_at,
            resumed: self.is_resumed.then(|| Resumed { at: self.began_at.clone() }),
            columns: ColumnTotals::of(&checkpoint.parts()),
        })
    }
}
