//! Events of a run become a bar, plain lines or nothing, and log lines for what is worth one.

mod bar;
mod retry_batch_log;
mod status_line;
mod terminal;

use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use self::bar::{BarLine, time_left};
use self::retry_batch_log::{LogThrottle, RetryBatch, RetryBatchLog};
pub use self::status_line::LogWriter;
use self::status_line::StatusLine;
pub use self::terminal::{OutputStyle, ProgressChoice, Style, TerminalInfo, resolve};
use crate::pipeline::events::{Event, Progress};

/// How often a plain line is written.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

/// How often the bar is drawn while the list is read.
const SCAN_DRAWN_EVERY: Duration = Duration::from_millis(100);

/// Shows how a run goes on.
#[derive(Debug)]
pub struct Reporter {
    style: Style,
    status: StatusLine,
    scan_drawn_at: Option<Instant>,
    last_line_at: Duration,
    /// Time since the first call, as last heard of.
    now: Duration,
    waves: RetryBatchLog,
    slow_downs: LogThrottle,
    invalid_utf8_responses: LogThrottle,
    pauses: LogThrottle,
    /// Whether the last word on the rate was that it is lower.
    has_logged_throttling: bool,
}

impl Reporter {
    /// A reporter in a style.
    pub fn new(style: Style) -> Reporter {
        Reporter {
            style,
            status: StatusLine::default(),
            scan_drawn_at: None,
            last_line_at: Duration::ZERO,
            now: Duration::ZERO,
            waves: RetryBatchLog::default(),
            slow_downs: LogThrottle::default(),
            invalid_utf8_responses: LogThrottle::default(),
            pauses: LogThrottle::default(),
            has_logged_throttling: false,
        }
    }

    /// A writer of log lines that keeps out of the bar's way.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter { status: self.status.clone() }
    }

    /// The list is being read; so many entries so far.
    pub fn scanning(&mut self, entries: u64) {
        let is_due = self.scan_drawn_at.is_none_or(|drawn| drawn.elapsed() >= SCAN_DRAWN_EVERY);
        if self.style == Style::Bar && is_due {
            self.scan_drawn_at = Some(Instant::now());
            self.status.show(|columns| BarLine::scanning(entries, columns));
        }
    }

    /// Something happened.
    pub fn on(&mut self, event: Event<'_>) {
        match event {
            Event::CallEnded { .. } => {}
            Event::Progress(progress) => self.progress(&progress),
            Event::AccountsFailed { accounts, reason } => {
                self.waves.add(accounts, 0, reason, self.now);
            }
            Event::CallsFailed { calls, accounts, reason } => {
                debug!(calls, accounts, reason, "calls failed and will be retried");
                self.waves.add(accounts, calls, reason, self.now);
            }
            Event::RoundEnded(_) => {
                if let Some(wave) = self.waves.rest() {
                    log_retry_batch(&wave);
                }
            }
            Event::Throttled { share, reason } => {
                if let Some(occurrences) = self.slow_downs.happened(self.now) {
                    self.has_logged_throttling = true;
                    let rate_percent = (share * 100.0).round();
                    warn!(rate_percent, occurrences, reason, "throttled by the service");
                }
            }
            Event::PausedByService { pause, reason } => {
                if let Some(occurrences) = self.pauses.happened(self.now) {
                    let pause_seconds = pause.as_secs();
                    warn!(pause_seconds, occurrences, reason, "paused as requested by the service");
                }
            }
            Event::FullRateRestored => {
                if std::mem::take(&mut self.has_logged_throttling) {
                    info!("full rate restored");
                }
            }
            Event::ResponseNotUtf8 => {
                if let Some(responses) = self.invalid_utf8_responses.happened(self.now) {
                    warn!(
                        responses,
                        "responses were not valid UTF-8; accounts with damaged values are retried"
                    );
                }
            }
            other => tell(other),
        }
    }

    /// The run has ended: leaves nothing of the bar.
    pub fn finish(&self) {
        self.status.clear();
    }

    fn progress(&mut self, progress: &Progress) {
        self.now = progress.elapsed;
        if let Some(wave) = self.waves.due(self.now) {
            log_retry_batch(&wave);
        }
        match self.style {
            Style::None => {}
            Style::Plain => {
                if progress.elapsed >= self.last_line_at + PLAIN_LINE_EVERY {
                    self.last_line_at = progress.elapsed;
                    info!(
                        accounts = progress.processed,
                        accounts_to_ask = progress.accounts_to_request,
                        calls_per_second = progress.calls_in_last_second,
                        failed = progress.failed,
                        waiting = progress.awaiting_retry,
                        eta_seconds = time_left(progress).map(|left| left.as_secs()),
                        "progress"
                    );
                }
            }
            Style::Bar => self.status.show(|columns| BarLine::progress(progress, columns)),
        }
    }
}

fn log_retry_batch(wave: &RetryBatch) {
    info!(
        accounts = wave.accounts,
        calls_failed = wave.calls_failed,
        reason = wave.reason,
        "accounts scheduled for retry"
    );
}

/// The events that are a log line each time they happen. `docs/logs.md` has the table of them.
fn tell(event: Event<'_>) {
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
        Event::OutageStarted { reason } => {
            warn!(reason, "service unreachable, calls paused");
        }
        Event::OutageEnded { duration } => {
            warn!(outage_seconds = duration.as_secs(), "service reachable again");
        }
        Event::UserSigRenewed { reason } => warn!(reason, "UserSig renewed"),
        Event::Stopping { in_flight } => {
            warn!(
                in_flight,
                "stopping: waiting for in-flight calls; press Ctrl-C again to exit immediately"
            );
        }
        _ => {}
    }
}
