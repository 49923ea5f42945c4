//! The form of a log line: text, or one JSON object.

use std::fmt::{self, Write};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::logging::LogRunId;
use crate::util::visible::{visible, visible_json};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// Writes events as log lines.
#[derive(Debug)]
pub struct LineFormat {
    pub format: LogFormat,
    /// Whether a line of text starts with the time.
    pub with_time: bool,
    /// Whether a line of text is colored.
    pub has_color: bool,
    pub run_id: LogRunId,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event,
    ) -> fmt::Result {
        let mut fields = EventFields::default();
        event.record(&mut fields);
        let run_id = self.run_id.get();
        let line = LogLine {
            now: Timestamp::now(),
            level: *event.metadata().level(),
            run_id: run_id.as_deref(),
            fields,
        };
        match self.format {
            LogFormat::Json => writeln!(writer, "{}", line.to_json().map_err(|_| fmt::Error)?),
            LogFormat::Text => {
                writeln!(writer, "{}", line.to_text(self.with_time, self.has_color))
            }
        }
    }
}

struct LogLine<'l> {
    now: Timestamp,
    level: Level,
    run_id: Option<&'l str>,
    fields: EventFields,
}

impl LogLine<'_> {
    fn to_json(&self) -> serde_json::Result<String> {
        let mut json = Vec::with_capacity(256);
        let mut serializer = serde_json::Serializer::new(&mut json);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.time())?;
        map.serialize_entry("level", self.level.as_str())?;
        if let Some(run_id) = self.run_id {
            map.serialize_entry("run_id", run_id)?;
        }
        map.serialize_entry("message", &self.fields.message)?;
        for (name, value) in &self.fields.others {
            map.serialize_entry(name, value)?;
        }
        map.end()?;
        Ok(visible_json(&String::from_utf8_lossy(&json)).into_owned())
    }

    fn to_text(&self, with_time: bool, has_color: bool) -> String {
        let mut text = String::new();
        if with_time {
            text.push_str(&self.time());
            text.push(' ');
        }
        let level = format!("{:>5}", self.level.as_str());
        text.push_str(&match (has_color, self.level) {
            (true, Level::ERROR) => format!("\x1b[31m{level}\x1b[0m"),
            (true, Level::WARN) => format!("\x1b[33m{level}\x1b[0m"),
            _ => level,
        });
        match self.run_id {
            Some(run_id) if has_color => text.push_str(&format!(" \x1b[2m{run_id}\x1b[0m")),
            Some(run_id) => text.push_str(&format!(" {run_id}")),
            None => {}
        }
        text.push(' ');
        text.push_str(&visible(&self.fields.message));
        for (name, value) in &self.fields.others {
            // Writing to a String cannot fail. A text is quoted, and escaped by that.
            let _ = write!(text, " {name}=");
            match value {
                Value::String(value) => text.push_str(&visible(&format!("{value:?}"))),
                value => text.push_str(&value.to_string()),
            }
        }
        text
    }

    fn time(&self) -> String {
        format!("{:.6}", self.now)
    }
}

/// The message and the fields of an event.
#[derive(Debug, Default)]
struct EventFields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

impl EventFields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.others.push((field.name(), value.into()));
    }
}

impl Visit for EventFields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, text),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level) -> LogLine<'static> {
        let others = vec![
            ("accounts", Value::from(7)),
            ("reason", Value::from("no\x1b[31m \"x\"\nerror: forged")),
            ("rate_percent", Value::from(50.0)),
        ];
        let fields = EventFields { message: "throttled by the service".to_owned(), others };
        let now = Timestamp::from_microsecond(1_763_800_000_123_456).unwrap();
        LogLine { now, level, run_id: Some("00ff00ff00ff00ff"), fields }
    }

    #[test]
    fn text_has_time_level_run_message_and_fields_in_one_line() {
        insta::assert_snapshot!(line(Level::WARN).to_text(true, false), @r#"2025-11-22T08:26:40.123456Z  WARN 00ff00ff00ff00ff throttled by the service accounts=7 reason="no\u{1b}[31m \"x\"\nerror: forged" rate_percent=50.0"#);
        assert!(
            line(Level::INFO).to_text(false, false).starts_with(" INFO 00ff00ff00ff00ff throttled")
        );
    }

    #[test]
    fn json_is_one_object() {
        insta::assert_snapshot!(line(Level::WARN).to_json().unwrap(), @r#"{"timestamp":"2025-11-22T08:26:40.123456Z","level":"WARN","run_id":"00ff00ff00ff00ff","message":"throttled by the service","accounts":7,"reason":"no\u001b[31m \"x\"\nerror: forged","rate_percent":50.0}"#);
    }

    #[test]
    fn only_level_and_run_id_are_colored() {
        let text = |level| line(level).to_text(false, true);
        let run = " \x1b[2m00ff00ff00ff00ff\x1b[0m throttled by the service accounts=7 ";
        assert!(text(Level::WARN).starts_with(&format!("\x1b[33m WARN\x1b[0m{run}")));
        assert!(text(Level::ERROR).starts_with(&format!("\x1b[31mERROR\x1b[0m{run}")));
        assert!(text(Level::INFO).starts_with(&format!(" INFO{run}")));
        assert_eq!(text(Level::INFO).matches('\x1b').count(), 2);
    }

    #[test]
    fn a_line_without_a_run_has_no_run_id() {
        let line = LogLine { run_id: None, ..line(Level::INFO) };
        assert!(line.to_text(false, false).starts_with(" INFO throttled"));
        assert!(!line.to_json().unwrap().contains("run_id"));
    }
}
