//! The expected result of an export, derived from the population of the emulator, and its comparison with the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use im_profiles::emulator::{Credentials, Emulator, ExpectedOutcome, ProfileValue, Profiles};
use im_profiles::internals::{Class, ErrorCodeRule};
use im_profiles::internals::{Column, ColumnType};
use im_profiles::job::Job;
use jiff::civil::{Date, date};
use serde_json::Value as Json;

use super::TestDir;
use super::snapshot::{Cell, RejectedValue, Snapshot};

/// Category and code of an account without a row.
pub type Failure = (&'static str, Option<i64>);

/// The expected result of an export.
#[derive(Debug)]
pub struct Known {
    /// Distinct valid accounts with their lines, in the order of the list.
    listed: Vec<(String, u64)>,
    rows: BTreeMap<String, Vec<Cell>>,
    failed: BTreeMap<String, Failure>,
    rejected: BTreeSet<RejectedValue>,
    max_attempts: u32,
    /// Whether calls can fail as a whole. Then the last failure of an account that always fails can be that of a call,
    /// with the category and code of the call.
    can_fail_by_call: bool,
    /// Whether a text can start with U+FFFD in place of an invalid byte.
    can_have_invalid_utf8: bool,
}

/// The job in a directory as the binary sees it.
#[track_caller]
pub fn load_job(directory: &TestDir, overrides: &[String]) -> Job {
    Job::load(&directory.path("job.toml"), overrides, date(2026, 11, 22))
        .unwrap_or_else(|error| panic!("{error}"))
}

impl Known {
    /// The expected result of the job in a directory with the in-process emulator; the list is `accounts.txt`.
    #[track_caller]
    pub fn of_directory(directory: &TestDir, overrides: &[String]) -> Known {
        let list = fs::read_to_string(directory.path("accounts.txt")).unwrap();
        let listed = list.lines().map(str::to_owned).zip(1..).collect();
        Known::of(&load_job(directory, overrides), listed)
    }

    /// The expected result of a job for a list.
    pub fn of(job: &Job, listed: Vec<(String, u64)>) -> Known {
        let emulator =
            Emulator::new(job.emulator.clone(), Credentials::built_in(), Profiles::generated());
        let population = emulator.population();
        let settings = serde_json::to_value(&job.emulator).unwrap();
        let mut known = Known {
            listed,
            rows: BTreeMap::new(),
            failed: BTreeMap::new(),
            rejected: BTreeSet::new(),
            max_attempts: job.retry.max_attempts,
            can_fail_by_call: false,
            can_have_invalid_utf8: job.emulator.faults.invalid_utf8.rate > 0.0,
        };
        for (account, _) in &known.listed {
            if let Some(failure) = expected_failure(population.expected_outcome(account), &settings)
            {
                known.failed.insert(account.clone(), failure);
                continue;
            }
            let mut row = vec![Some(account.clone())];
            for column in &job.columns {
                let value = sent_value(population.value(account, &column.tag), column, &settings);
                row.push(value.and_then(|value| {
                    let cell = cell(&value, column.column_type);
                    if cell.is_none() {
                        known.rejected.insert(rejected(account, column, &value));
                    }
                    cell
                }));
            }
            known.rows.insert(account.clone(), row);
        }
        known
    }

    /// Treats the transient categories as equal, for calls that fail as a whole besides accounts that always fail.
    pub fn with_interchangeable_transient_failures(self) -> Known {
        Known { can_fail_by_call: true, ..self }
    }

    /// Number of failed accounts in a category.
    pub fn failing(&self, category: &str) -> usize {
        self.failed.values().filter(|(other, _)| *other == category).count()
    }

    /// The rows, sorted by account.
    pub fn rows(&self) -> Vec<&[Cell]> {
        self.rows.values().map(Vec::as_slice).collect()
    }

    /// Number of accounts with a row, and number of rejected values.
    pub fn rows_and_rejected_values(&self) -> (usize, usize) {
        (self.rows.len(), self.rejected.len())
    }

    /// Fails the test unless the snapshot is exactly this, with each account once and in the documented order.
    #[track_caller]
    pub fn ensure_is(&self, snapshot: &Snapshot, about: &str) {
        self.ensure_accounts_are(snapshot, about);
        self.ensure_order_is_kept(snapshot, about);
    }

    /// [`Known::ensure_is`] in any order: in a run of several rounds, parts start over in the list.
    #[track_caller]
    pub fn ensure_accounts_are(&self, snapshot: &Snapshot, about: &str) {
        let mut table = snapshot.table();
        if self.can_have_invalid_utf8 {
            table
                .rows
                .iter_mut()
                .for_each(|row| row[1..].iter_mut().for_each(strip_replacement_character));
        }
        let rows = table.by_account();
        for (account, row) in &self.rows {
            let published = rows.get(account.as_str());
            assert_eq!(published, Some(&row.as_slice()), "{about}: the row of {account:?}");
        }
        for account in rows.keys() {
            assert!(self.rows.contains_key(*account), "{about}: {account:?} should have no row");
        }
        self.ensure_failed_are(snapshot, about);
        let rejected = snapshot.rejected();
        let distinct: BTreeSet<RejectedValue> = rejected.iter().cloned().collect();
        assert_eq!(distinct, self.rejected, "{about}: rejected values");
        assert_eq!(distinct.len(), rejected.len(), "{about}: a rejected value is listed twice");
        self.ensure_manifest_agrees(snapshot, about);
    }

    #[track_caller]
    fn ensure_failed_are(&self, snapshot: &Snapshot, about: &str) {
        let line_of: BTreeMap<&str, u64> =
            self.listed.iter().map(|(account, line)| (account.as_str(), *line)).collect();
        let mut published = BTreeMap::new();
        for failed in snapshot.failed() {
            if failed.category == "invalid_account" {
                continue;
            }
            let account = failed.account.as_str();
            assert_eq!(Some(&failed.input_line), line_of.get(account), "{about}: {failed:?}");
            assert!((1..=self.max_attempts).contains(&failed.attempts), "{about}: {failed:?}");
            assert!(!failed.error_info.is_empty(), "{about}: {failed:?}");
            assert!(
                failed.last_attempt_at.parse::<jiff::Timestamp>().is_ok(),
                "{about}: {failed:?}"
            );
            let before =
                published.insert(failed.account.clone(), (failed.category, failed.error_code));
            assert_eq!(before, None, "{about}: {:?} failed twice", failed.account);
        }
        let known: BTreeMap<String, (String, Option<i64>)> = self
            .failed
            .iter()
            .map(|(account, (category, code))| (account.clone(), ((*category).to_owned(), *code)))
            .collect();
        let line = |(account, (category, code)): (&String, &(String, Option<i64>))| {
            let is_transient = matches!(category.as_str(), "internal_error" | "no_answer");
            match is_transient && self.can_fail_by_call {
                true => format!("{account:?} internal_error or no_answer"),
                false => format!("{account:?} {category} {code:?}"),
            }
        };
        let published: BTreeSet<String> = published.iter().map(line).collect();
        let known: BTreeSet<String> = known.iter().map(line).collect();
        let too_many: Vec<&String> = published.difference(&known).collect();
        let missing: Vec<&String> = known.difference(&published).collect();
        assert!(
            too_many.is_empty() && missing.is_empty(),
            "{about}: failed accounts: {too_many:?} in place of {missing:?}"
        );
    }

    /// Within a part, first the accounts of first attempts and then those of retries, each in the order of the list.
    #[track_caller]
    fn ensure_order_is_kept(&self, snapshot: &Snapshot, about: &str) {
        let ordinal_of: BTreeMap<&str, u64> =
            self.listed.iter().map(|(account, _)| account.as_str()).zip(0..).collect();
        let mut next_ordinal = 0;
        let manifest = snapshot.manifest();
        let parts = manifest["parts"].as_array().unwrap();
        assert_eq!(parts.len(), snapshot.parts().len(), "{about}: parts");
        for (part, file) in parts.iter().zip(snapshot.parts()) {
            assert_eq!(part["file"], file.as_str(), "{about}");
            assert_eq!(part["first_ordinal"], next_ordinal, "{about}: {file}");
            let end = next_ordinal + part["accounts"].as_u64().unwrap();
            let table = snapshot.part(&file);
            let ordinals: Vec<u64> =
                table.accounts().iter().map(|account| ordinal_of[account]).collect();
            assert!(ordinals.iter().all(|ordinal| (next_ordinal..end).contains(ordinal)));
            let falls = ordinals.windows(2).filter(|pair| pair[0] >= pair[1]).count();
            assert!(falls <= 1, "{about}: {file} is out of order: {ordinals:?}");
            next_ordinal = end;
        }
        assert_eq!(next_ordinal, self.listed.len() as u64, "{about}: the parts' accounts");
    }

    #[track_caller]
    fn ensure_manifest_agrees(&self, snapshot: &Snapshot, about: &str) {
        let manifest = snapshot.manifest();
        let counts = &manifest["counts"];
        assert_eq!(counts["rows"], self.rows.len(), "{about}: {counts}");
        assert_eq!(counts["failed"], self.failed.len(), "{about}: {counts}");
        assert_eq!(counts["rejected_values"], self.rejected.len(), "{about}: {counts}");
        let rows_of_parts: u64 = manifest["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["rows"].as_u64().unwrap())
            .sum();
        assert_eq!(counts["rows"], rows_of_parts, "{about}: {manifest}");
        if self.can_fail_by_call {
            return;
        }
        let mut by_reason: BTreeMap<(String, Option<i64>), u64> = BTreeMap::new();
        for (category, code) in self.failed.values() {
            *by_reason.entry(((*category).to_owned(), *code)).or_default() += 1;
        }
        let published: BTreeMap<(String, Option<i64>), u64> = manifest["failures"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|failure| failure["category"] != "invalid_account")
            .map(|failure| {
                let category = failure["category"].as_str().unwrap().to_owned();
                let accounts = failure["accounts"].as_u64().unwrap();
                ((category, failure["error_code"].as_i64()), accounts)
            })
            .collect();
        assert_eq!(published, by_reason, "{about}: the manifest's failures");
    }
}

/// Removes the replacement of an invalid byte from the start of a text.
fn strip_replacement_character(cell: &mut Cell) {
    if let Some(text) = cell.as_mut().filter(|text| text.starts_with('\u{fffd}')) {
        text.remove(0);
    }
}

fn expected_failure(outcome: ExpectedOutcome, settings: &Json) -> Option<Failure> {
    let behavior = &settings["open_questions"];
    match outcome {
        ExpectedOutcome::Exported => None,
        // The only information about the account is that it failed, or there is none.
        ExpectedOutcome::NotFound if behavior["unknown"] == "omitted" => {
            Some(match behavior["unknown_in_fail_account"] == "account" {
                true => ("internal_error", None),
                false => ("no_answer", None),
            })
        }
        ExpectedOutcome::NotFound => {
            let code = settings["faults"]["unknown"]["codes"][0].as_i64();
            Some(("not_found", Some(code.unwrap_or(40003))))
        }
        ExpectedOutcome::NeverReturned => Some(("no_answer", None)),
        ExpectedOutcome::Contradicted => Some(("internal_error", None)),
        ExpectedOutcome::AlwaysFails { code } | ExpectedOutcome::Poison { code } => {
            let category = match (code, ErrorCodeRule::for_code(code).class) {
                (40003 | 70107, _) => "not_found",
                (_, Class::Retry) => "internal_error",
                (_, Class::Permanent | Class::BadBatch) => "rejected",
                (_, class) => panic!("code {code} is {class:?}: no account ends with it"),
            };
            Some((category, Some(code)))
        }
    }
}

/// The value as the service sends it.
fn sent_value(
    value: Option<ProfileValue>,
    column: &Column,
    settings: &Json,
) -> Option<ProfileValue> {
    let behavior = &settings["open_questions"];
    match value {
        None if behavior["unset_tag"] == "empty" => {
            // An account whose profile is null has no values, not even empty ones.
            let is_null = &settings["oddities"]["null_profile_item"];
            assert_eq!(is_null, 0.0, "the two cannot be distinguished");
            Some(match is_number(&column.tag, settings) {
                true => ProfileValue::Number(0),
                false => ProfileValue::Text(String::new()),
            })
        }
        Some(ProfileValue::Text(text))
            if *custom_kind(&column.tag, settings) == "bytes" && behavior["bytes"] == "base64" =>
        {
            Some(ProfileValue::Text(STANDARD.encode(text)))
        }
        other => other,
    }
}

fn custom_kind<'s>(tag: &str, settings: &'s Json) -> &'s Json {
    &settings["population"]["custom_tags"][tag]
}

fn is_number(tag: &str, settings: &Json) -> bool {
    const NUMBERS: [&str; 8] = [
        "Tag_Profile_IM_BirthDay",
        "Tag_Profile_IM_Language",
        "Tag_Profile_IM_Level",
        "Tag_Profile_IM_Role",
        "Tag_Profile_IM_MsgSettings",
        "Tag_Profile_Custom_Points",
        "Tag_Profile_Custom_Coins",
        "Tag_Profile_Custom_Score",
    ];
    match custom_kind(tag, settings) {
        Json::Null => NUMBERS.contains(&tag),
        kind => kind == "number",
    }
}

/// The cell of a value; `None` if the value does not fit the type.
fn cell(value: &ProfileValue, column_type: ColumnType) -> Cell {
    let text = text_of(value);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match column_type {
        ColumnType::String | ColumnType::Bytes => Some(text),
        ColumnType::Int64 => {
            let unsigned = text.strip_prefix('-').unwrap_or(&text);
            let digits = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i64>().ok().filter(|_| digits).map(|number| number.to_string())
        }
        ColumnType::Uint32 if digits => text.parse::<u32>().ok().map(|number| number.to_string()),
        ColumnType::Uint64 if digits => text.parse::<u64>().ok().map(|number| number.to_string()),
        ColumnType::Date if digits && text.len() == 8 => {
            Date::strptime("%Y%m%d", &text).ok().map(|day| day.to_string())
        }
        ColumnType::Uint32 | ColumnType::Uint64 | ColumnType::Date => None,
    }
}

fn rejected(account: &str, column: &Column, value: &ProfileValue) -> RejectedValue {
    RejectedValue {
        account: account.to_owned(),
        tag: column.tag.clone(),
        expected_type: column.column_type.name().to_owned(),
        value: text_of(value),
    }
}

fn text_of(value: &ProfileValue) -> String {
    match value {
        ProfileValue::Number(number) => number.to_string(),
        ProfileValue::Text(text) => text.clone(),
    }
}
