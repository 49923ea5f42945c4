//! What this process knows about its calls, for the snapshot's `_report.html`.

use std::time::Instant;

use jiff::Timestamp;

use crate::pipeline::events::Event;
use crate::report::column_totals::ColumnTotals;
use crate::report::html::{Report, page};
use crate::report::timeline::Timeline;
use crate::snapshot::checkpoint::Checkpoint;
use crate::snapshot::journal::Journal;
use crate::snapshot::manifest::Manifest;
use crate::util::timestamp::rfc3339_seconds;

/// The calls of this process; the checkpoint does not record those of earlier ones.
pub struct CallsOfProcess {
    timeline: Timeline,
    started: Instant,
    started_at: String,
    is_resumed: bool,
}

impl CallsOfProcess {
    /// Starts counting.
    pub fn new(journal: &Journal) -> CallsOfProcess {
        CallsOfProcess {
            timeline: Timeline::default(),
            started: Instant::now(),
            started_at: rfc3339_seconds(Timestamp::now()),
            is_resumed: journal.is_resumed(),
        }
    }

    /// A round starts.
    pub fn start_round(&mut self) {
        self.timeline.start_round(self.started.elapsed());
    }

    pub fn on(&mut self, event: &Event) {
        self.timeline.on(event);
    }

    /// Renders the HTML report of the snapshot, whose processes have worked so many seconds.
    pub fn report(&self, manifest: &Manifest, checkpoint: &Checkpoint, worked: f64) -> String {
        page(&Report {
            manifest,
            timeline: &self.timeline,
            calls_started_at: &self.started_at,
            worked_seconds: worked,
            resumed_at: self.is_resumed.then_some(&self.started_at),
            columns: ColumnTotals::of(&checkpoint.parts()),
        })
    }
}
