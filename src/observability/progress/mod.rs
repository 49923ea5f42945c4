//! Shows the events of a run as a bar, as plain lines or not at all, and logs the notable ones.

mod bar;
mod log_throttle;
mod one_line_terminal;
mod status_line;
mod terminal;

use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use self::bar::{BarLine, time_left};
use self::log_throttle::{LogThrottle, RetryBatch, RetryBatchLog};
pub use self::status_line::LogWriter;
use self::status_line::StatusLine;
pub use self::terminal::{OutputStyle, ProgressChoice, ProgressStyle, TerminalInfo, resolve};
use crate::pipeline::events::{Event, Progress};
use crate::snapshot::store::{LeaseState, StoreActivity};

/// Time between two plain lines.
const PLAIN_LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Time between two draws of the bar while the list is read.
const SCAN_DRAW_INTERVAL: Duration = Duration::from_millis(100);

/// Reports the progress of a run on stderr.
#[derive(Debug)]
pub struct Reporter {
    style: ProgressStyle,
    status: StatusLine,
    scan_drawn_at: Option<Instant>,
    last_line_at: Duration,
    latest: Progress,
    /// Whether the lease of an object store allows calls.
    may_call: bool,
    /// Time since the start of the first round, as of the latest progress event.
    now: Duration,
    /// When the latest round to end did so.
    earlier_rounds: Duration,
    retries: RetryBatchLog,
    invalid_utf8_responses: LogThrottle,
    pauses: LogThrottle,
    /// Whether the latest line about an outage said that nothing responds.
    has_logged_unreachable: bool,
}

impl Reporter {
    pub fn new(style: ProgressStyle) -> Reporter {
        Reporter {
            style,
            status: StatusLine::default(),
            scan_drawn_at: None,
            last_line_at: Duration::ZERO,
            latest: Progress::default(),
            may_call: true,
            now: Duration::ZERO,
            earlier_rounds: Duration::ZERO,
            retries: RetryBatchLog::default(),
            invalid_utf8_responses: LogThrottle::default(),
            pauses: LogThrottle::default(),
            has_logged_unreachable: false,
        }
    }

    /// A writer that keeps log lines above the bar.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter { status: self.status.clone() }
    }

    /// Reports the number of entries of the account list read so far.
    pub fn scanning(&mut self, entries: u64) {
        let is_due = self.scan_drawn_at.is_none_or(|drawn| drawn.elapsed() >= SCAN_DRAW_INTERVAL);
        if self.style == ProgressStyle::Bar && is_due {
            self.scan_drawn_at = Some(Instant::now());
            self.status.show(|columns| BarLine::scanning(entries, columns));
        }
    }

    pub fn on(&mut self, event: Event) {
        match event {
            Event::CallEnded { .. } => {}
            Event::Progress(progress) => {
                self.latest =
                    Progress { is_store_unavailable: self.latest.is_store_unavailable, ..progress };
                self.progress();
            }
            Event::Store(store) => self.show_store(&store),
            Event::AccountsFailed { accounts, reason } => {
                self.retries.add(accounts, 0, reason, self.now);
            }
            Event::CallsFailed { calls, accounts, reason } => {
                if accounts > 0 {
                    debug!(calls, accounts, reason, "calls failed and will be retried");
                }
                self.retries.add(accounts, calls, reason, self.now);
            }
            Event::OutageStarted { reason, has_response } => {
                self.has_logged_unreachable = !has_response;
                match has_response {
                    true => warn!(reason, "all calls fail, calls paused"),
                    false => warn!(reason, "service unreachable, calls paused"),
                }
            }
            Event::OutageEnded { duration } => {
                let outage_seconds = duration.as_secs();
                match self.has_logged_unreachable {
                    true => warn!(outage_seconds, "service reachable again"),
                    false => warn!(outage_seconds, "calls succeed again"),
                }
            }
            Event::RoundEnded(_) => {
                self.earlier_rounds = self.now;
                if let Some(batch) = self.retries.take_rest() {
                    log_retry_batch(&batch);
                }
            }
            Event::Throttled { share, reason } => {
                let rate_percent = (share * 100.0).round();
                warn!(rate_percent, reason, "throttled by the service");
            }
            Event::PausedByService { pause, reason } => {
                if let Some(occurrences) = self.pauses.count(self.now) {
                    let pause_seconds = pause.as_secs();
                    warn!(pause_seconds, occurrences, reason, "paused as requested by the service");
                }
            }
            Event::FullRateRestored => info!("full rate restored"),
            Event::ResponseNotUtf8 => {
                if let Some(responses) = self.invalid_utf8_responses.count(self.now) {
                    warn!(
                        responses,
                        "responses were not valid UTF-8; accounts with damaged values are retried"
                    );
                }
            }
            other => log_event(other),
        }
    }

    fn show_store(&mut self, store: &StoreActivity) {
        let may_call = store.lease == LeaseState::Held;
        match (self.may_call, may_call) {
            (true, false) => {
                warn!("the lease of the object store was not renewed for 40 s, calls paused")
            }
            (false, true) => info!("lease of the object store renewed, calls resumed"),
            _ => {}
        }
        self.may_call = may_call;
        if self.latest.is_store_unavailable != store.is_unavailable {
            self.latest.is_store_unavailable = store.is_unavailable;
            self.draw();
        }
    }

    /// Removes the bar at the end of the run.
    pub fn finish(&self) {
        self.status.clear();
    }

    fn draw(&self) {
        if self.style == ProgressStyle::Bar {
            self.status.show(|columns| BarLine::progress(&self.latest, columns));
        }
    }

    fn progress(&mut self) {
        let progress = self.latest;
        self.now = self.earlier_rounds + progress.elapsed;
        if let Some(batch) = self.retries.take_due(self.now) {
            log_retry_batch(&batch);
        }
        match self.style {
            ProgressStyle::None => {}
            ProgressStyle::Plain => {
                if self.now >= self.last_line_at + PLAIN_LINE_INTERVAL {
                    self.last_line_at = self.now;
                    info!(
                        accounts = progress.processed,
                        accounts_to_request =
                            (!progress.is_open_ended()).then_some(progress.accounts_to_request),
                        call_rate = progress.calls_in_last_second,
                        failed = progress.failed,
                        awaiting_retry = progress.awaiting_retry,
                        eta_seconds = time_left(&progress).map(|left| left.as_secs()),
                        "progress"
                    );
                }
            }
            ProgressStyle::Bar => self.draw(),
        }
    }
}

fn log_retry_batch(batch: &RetryBatch) {
    info!(
        accounts = batch.accounts,
        calls_failed = batch.calls_failed,
        reason = batch.reason,
        "accounts scheduled for retry"
    );
}

/// Logs the events that are a line each time; `docs/logs.md` lists them.
fn log_event(event: Event) {
    match event {
        Event::PartCommitted(part) => {
            debug!(
                file = part.file,
                rows = part.rows,
                bytes = part.file_info.bytes,
                "part committed"
            );
        }
        Event::Bisecting { accounts, reason } => debug!(accounts, reason, "splitting failed chunk"),
        Event::UserSigRenewed { reason } => warn!(reason, "UserSig renewed"),
        Event::Stopping { cause, in_flight } => {
            warn!(
                reason = cause.name(),
                in_flight,
                "stopping: waiting for in-flight calls; a second signal exits immediately"
            );
        }
        _ => {}
    }
}
