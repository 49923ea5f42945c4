//! The account list is read and checked against the limits before the first call.

use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::info;

use super::limits::{ListTotals, PreviousSnapshot, ensure_list_is_exportable, may_be_too_short};
use super::read_list::{ReadList, count_accounts, read_list};
use super::telemetry::RunTelemetry;
use super::warning::Warning;
use crate::accounts::ListSource;
use crate::job::Limits;
use crate::pipeline::StopCause;
use crate::snapshot::store::Store;
use crate::util::failure::Failure;

/// The checks of an account list.
pub struct ListCheck<'a> {
    pub source: &'a ListSource,
    pub limits: &'a Limits,
    pub previous: Option<&'a PreviousSnapshot>,
    /// Where standard input is spooled and invalid accounts are recorded.
    pub store: &'a Arc<dyn Store>,
}

impl ListCheck<'_> {
    /// Reads the list.
    ///
    /// # Errors
    /// When the list cannot be read, exceeds a limit, or `stop` delivers a request to stop.
    pub async fn run(
        &self,
        telemetry: &mut RunTelemetry<'_>,
        stop: &mut mpsc::Receiver<StopCause>,
    ) -> Result<ReadList, Failure> {
        let input = read_list(self.source, self.store, telemetry, stop).await?;
        let mut totals = ListTotals::new(&self.source.path, &input.scan);
        if may_be_too_short(self.limits, &input.scan, self.previous) {
            totals.rows_at_most = count_accounts(&input, stop).await?;
        }
        ensure_list_is_exportable(self.limits, &totals, self.previous)?;
        let (accounts, invalid) = (input.scan.valid, input.scan.invalid);
        info!(accounts, invalid, "account list read");
        for warning in &input.scan.warnings {
            Warning::List { warning: warning.clone() }.log();
        }
        if accounts == 0 {
            Warning::NoValidAccount.log();
        }
        Ok(input)
    }
}
