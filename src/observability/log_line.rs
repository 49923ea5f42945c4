//! How one log line is written: for a person, or as one JSON object.

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

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// How lines are written.
#[derive(Debug)]
pub struct LineFormat {
    /// For people or for machines.
    pub format: LogFormat,
    /// Whether a line for people begins with the time.
    pub with_time: bool,
    /// Whether a line for people has colours.
    pub has_colour: bool,
    /// The run that lines are about.
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
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = EventFields::default();
        event.record(&mut said);
        let run_id = self.run_id.get();
        let line = Line {
            now: Timestamp::now(),
            level: *event.metadata().level(),
            run_id: run_id.as_deref(),
            said,
        };
        match self.format {
            LogFormat::Json => writeln!(writer, "{}", line.to_json().map_err(|_| fmt::Error)?),
            LogFormat::Text => {
                writeln!(writer, "{}", line.to_text(self.with_time, self.has_colour))
            }
        }
    }
}

/// What a line says.
struct Line<'l> {
    now: Timestamp,
    level: Level,
    run_id: Option<&'l str>,
    said: EventFields,
}

impl Line<'_> {
    fn to_json(&self) -> serde_json::Result<String> {
        let mut json = Vec::with_capacity(256);
        let mut serializer = serde_json::Serializer::new(&mut json);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", &self.time())?;
        map.serialize_entry("level", self.level.as_str())?;
        if let Some(run_id) = self.run_id {
            map.serialize_entry("run_id", run_id)?;
        }
        map.serialize_entry("message", &self.said.message)?;
        for (name, value) in &self.said.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()?;
        Ok(String::from_utf8_lossy(&json).into_owned())
    }

    fn to_text(&self, with_time: bool, has_colour: bool) -> String {
        let mut text = String::new();
        if with_time {
            text.push_str(&self.time());
            text.push(' ');
        }
        let level = format!("{:>5}", self.level.as_str());
        text.push_str(&match (has_colour, self.level) {
            (true, Level::ERROR) => format!("\x1b[31m{level}\x1b[0m"),
            (true, Level::WARN) => format!("\x1b[33m{level}\x1b[0m"),
            _ => level,
        });
        match self.run_id {
            Some(run_id) if has_colour => text.push_str(&format!(" \x1b[2m{run_id}\x1b[0m")),
            Some(run_id) => text.push_str(&format!(" {run_id}")),
            None => {}
        }
        text.push(' ');
        push_in_one_line(&mut text, &self.said.message);
        for (name, value) in &self.said.fields {
            // Writing to a String cannot fail. A text is in quotes, and escaped by them.
            let _ = write!(text, " {name}=");
            match value {
                Value::String(value) => push_in_one_line(&mut text, &format!("{value:?}")),
                value => text.push_str(&value.to_string()),
            }
        }
        text
    }

    fn time(&self) -> String {
        format!("{:.6}", self.now)
    }
}

/// No text may end the line or reach the terminal as a command.
fn push_in_one_line(line: &mut String, text: &str) {
    for character in text.chars() {
        match character.is_control() {
            true => line.extend(character.escape_default()),
            false => line.push(character),
        }
    }
}

/// The message and the fields of an event.
#[derive(Debug, Default)]
struct EventFields {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl EventFields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.fields.push((field.name(), value.into()));
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

    fn line(level: Level) -> Line<'static> {
        let fields = vec![
            ("accounts", Value::from(7)),
            ("reason", Value::from("no\x1b[31m \"x\"\nerror: forged")),
            ("rate_percent", Value::from(50.0)),
        ];
        let said = EventFields { message: "throttled by the service".to_owned(), fields };
        let now = Timestamp::from_microsecond(1_763_800_000_123_456).unwrap();
        Line { now, level, run_id: Some("00ff00ff00ff00ff"), said }
    }

    #[test]
    fn a_person_reads_time_level_run_message_and_fields_in_one_line() {
        insta::assert_snapshot!(line(Level::WARN).to_text(true, false), @r#"2025-11-22T08:26:40.123456Z  WARN 00ff00ff00ff00ff throttled by the service accounts=7 reason="no\u{1b}[31m \"x\"\nerror: forged" rate_percent=50.0"#);
        assert!(
            line(Level::INFO).to_text(false, false).starts_with(" INFO 00ff00ff00ff00ff throttled")
        );
    }

    #[test]
    fn a_machine_reads_one_object() {
        insta::assert_snapshot!(line(Level::WARN).to_json().unwrap(), @r#"{"timestamp":"2025-11-22T08:26:40.123456Z","level":"WARN","run_id":"00ff00ff00ff00ff","message":"throttled by the service","accounts":7,"reason":"no\u001b[31m \"x\"\nerror: forged","rate_percent":50.0}"#);
    }

    #[test]
    fn colours_are_for_the_level_and_the_run_alone() {
        let text = |level| line(level).to_text(false, true);
        let run = " \x1b[2m00ff00ff00ff00ff\x1b[0m throttled by the service accounts=7 ";
        assert!(text(Level::WARN).starts_with(&format!("\x1b[33m WARN\x1b[0m{run}")));
        assert!(text(Level::ERROR).starts_with(&format!("\x1b[31mERROR\x1b[0m{run}")));
        assert!(text(Level::INFO).starts_with(&format!(" INFO{run}")));
        assert_eq!(text(Level::INFO).matches('\x1b').count(), 2);
    }

    #[test]
    fn a_line_that_is_about_no_run_has_no_id() {
        let line = Line { run_id: None, ..line(Level::INFO) };
        assert!(line.to_text(false, false).starts_with(" INFO throttled"));
        assert!(!line.to_json().unwrap().contains("run_id"));
    }
}
