//! How many calls of a preview have failed.

use crate::pipeline::events::{CallOutcome, Event};
use crate::util::human::counted;

#[derive(Debug, Default)]
pub struct PreviewCalls {
    made: u64,
    failed: u64,
}

impl PreviewCalls {
    /// Counts a call that has ended.
    pub fn add(&mut self, event: &Event) {
        if let Event::CallEnded { outcome, .. } = event {
            self.made += 1;
            self.failed += u64::from(*outcome != CallOutcome::Success);
        }
    }

    /// A line about failed calls, if there are any.
    pub fn note(&self) -> Option<String> {
        let PreviewCalls { made, failed } = self;
        (*failed > 0).then(|| format!("{failed} of {} failed", counted(*made, "call")))
    }
}
