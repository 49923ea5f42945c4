//! The answer of `portrait_get`, written into one buffer: no tree, no copy, no allocation for an account.

mod contradictory;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::Emulator;
use super::super::answer::{
    Status, TextStyle, push_formatted, push_number, push_status, push_text, words_of,
};
use super::super::faults::{falls_within, mix, salt_of};
use super::super::generated;
use super::super::population::{Profile, View};
use super::super::profiles::ValueRef;
use super::super::settings::{
    AllUnset, BytesEncoding, FailAccount, Quirks, Settings, UndocumentedBehavior, Unknown,
    UnknownProfile, UnsetTag,
};
use super::super::tags::{Tag, TagKind};
use crate::api::response::NOT_FOUND_MARKER;

/// Room for one value in the answer; a guess that saves most reallocations.
const BYTES_PER_VALUE: usize = 88;

/// What stands for `ResultCode` in an item.
#[derive(Debug, Clone, Copy)]
enum ItemCode {
    /// Nothing, not even the key.
    Missing,
    /// JSON that is not a code.
    Json(&'static str),
    Number(i64),
}

/// Writes one answer.
pub(super) struct Writer<'w> {
    emulator: &'w Emulator,
    view: &'w View<'w>,
    questions: &'w UndocumentedBehavior,
    oddities: &'w Quirks,
    tags: &'w [Tag<'w>],
    /// For each tag what comes before its value.
    tag_prefixes: Vec<Vec<u8>>,
    /// The code that a bad tag gives every account.
    tag_error: Option<i64>,
    style: TextStyle,
    codes_as_strings: bool,
    scratch: String,
    out: Vec<u8>,
    /// `Fail_Account`, as JSON without brackets.
    failed: Vec<u8>,
    is_marker_written: bool,
}

impl<'w> Writer<'w> {
    pub(super) fn new(
        emulator: &'w Emulator,
        view: &'w View<'w>,
        tags: &'w [Tag<'w>],
        tag_error: Option<i64>,
    ) -> Writer<'w> {
        let Settings { open_questions: questions, oddities, .. } = emulator.settings();
        let style = TextStyle {
            escape_non_ascii: questions.escape_non_ascii,
            lone_surrogates: oddities.lone_surrogates > 0.0,
        };
        let prefix_of = |tag: &Tag<'_>| {
            let mut prefix = b"{\"Tag\":".to_vec();
            push_text(&mut prefix, tag.name, style);
            prefix.extend_from_slice(b",\"Value\":");
            prefix
        };
        Writer {
            emulator,
            view,
            questions,
            oddities,
            tags,
            tag_prefixes: tags.iter().map(prefix_of).collect(),
            tag_error,
            style,
            codes_as_strings: false,
            scratch: String::with_capacity(512),
            out: Vec::new(),
            failed: Vec::new(),
            is_marker_written: false,
        }
    }

    /// The whole answer for accounts with their hashes; `call` is what chance is drawn from.
    pub(super) fn write(mut self, accounts: &[(&str, u64)], call: u64) -> Vec<u8> {
        self.out.reserve(accounts.len() * (80 + self.tags.len() * BYTES_PER_VALUE) + 256);
        let happens = |purpose, rate| falls_within(mix(call, salt_of(purpose)), rate);
        self.codes_as_strings = happens("codes_as_strings", self.oddities.codes_as_strings);
        if happens("byte_order_mark", self.oddities.byte_order_mark) {
            self.out.extend_from_slice(b"\xef\xbb\xbf");
        }
        self.out.extend_from_slice(b"{\"UserProfileItem\":[");
        for &(account, hash) in accounts {
            self.write_account(account, hash);
        }
        if happens("extra", self.oddities.extra) {
            self.write_extra(call);
        }
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.extend_from_slice(b"],");
        self.write_tail(happens("missing_status", self.oddities.missing_status));
        self.out
    }

    /// One account's item, with a comma after it; or two, or none.
    fn write_account(&mut self, account: &str, hash: u64) {
        if self.emulator.drops(hash) {
            return;
        }
        let start = self.out.len();
        match self.view.profile(account, hash) {
            Err(code) => self.write_unknown(account, code),
            Ok(profile) => self.write_known(account, hash, &profile),
        }
        if falls_within(mix(hash, salt_of("repeat")), self.oddities.repeat) {
            self.out.extend_from_within(start..);
        }
    }

    fn write_known(&mut self, account: &str, hash: u64, profile: &Profile<'_>) {
        if let Some(code) = self.tag_error {
            self.write_failed(account, code);
        } else if let Some(contradiction) = self.emulator.contradiction(hash) {
            self.write_contradiction(contradiction, account, hash, profile);
        } else if let Some(code) = self.failure_of(account, hash) {
            self.write_failed(account, code);
        } else {
            self.write_profile(account, hash, profile);
            let is_missing =
                falls_within(mix(hash, salt_of("missing_code")), self.oddities.missing_code);
            self.end_item(if is_missing { ItemCode::Missing } else { ItemCode::Number(0) });
        }
    }

    fn failure_of(&self, account: &str, hash: u64) -> Option<i64> {
        self.view
            .permanent(account, hash)
            .or_else(|| self.emulator.transient_failure(account, hash))
    }

    /// An item of a known account up to its code.
    fn write_profile(&mut self, account: &str, hash: u64, profile: &Profile<'_>) {
        self.start_item(account);
        let start = self.out.len();
        self.out.extend_from_slice(b"\"ProfileItem\":[");
        let before_values = self.out.len();
        if !profile.is_null() {
            for index in 0..self.tags.len() {
                self.write_value(index, profile);
            }
        }
        if self.out.len() > before_values {
            self.out.pop();
            self.out.extend_from_slice(b"],");
        } else {
            self.out.truncate(start);
            self.out.extend_from_slice(match self.questions.all_unset {
                _ if profile.is_null() => b"\"ProfileItem\":null,".as_slice(),
                AllUnset::EmptyList => b"\"ProfileItem\":[],",
                AllUnset::Absent => b"",
                AllUnset::Null => b"\"ProfileItem\":null,",
            });
        }
        if falls_within(mix(hash, salt_of("unknown_keys")), self.oddities.unknown_keys) {
            self.out.extend_from_slice(b"\"New_Key\":{\"a\":[1,\"]}\",null]},\"\":-1.5e3,");
        }
    }

    /// One `{"Tag":…,"Value":…}` with a comma after it, or nothing for a tag that is not set.
    fn write_value(&mut self, index: usize, profile: &Profile<'_>) {
        let tag = &self.tags[index];
        let value = match profile.value(tag, &mut self.scratch) {
            Some(value) => value,
            None if self.questions.unset_tag == UnsetTag::Omitted => return,
            None if tag.kind.is_number() => ValueRef::Number(0),
            None => ValueRef::Text(""),
        };
        self.out.extend_from_slice(&self.tag_prefixes[index]);
        match value {
            ValueRef::Number(number) => {
                let as_string = self.questions.numbers_as_strings
                    || falls_within(
                        mix(profile.drawn(tag), 0x6e61),
                        self.oddities.numbers_as_strings,
                    );
                push_number(&mut self.out, number, as_string);
            }
            ValueRef::Text(text) if tag.kind == TagKind::Bytes => {
                push_bytes(&mut self.out, text, self.questions.bytes, self.style);
            }
            ValueRef::Text(text) if comes_as_number(text, profile.drawn(tag), self.oddities) => {
                self.out.extend_from_slice(text.as_bytes());
            }
            ValueRef::Text(text) => push_text(&mut self.out, text, self.style),
        }
        self.out.extend_from_slice(b"},");
    }

    fn write_failed(&mut self, account: &str, code: i64) {
        self.start_item(account);
        self.end_item(ItemCode::Number(code));
        self.push_failed(account);
    }

    fn write_unknown(&mut self, account: &str, code: i64) {
        self.push_unknown_as_failed(account);
        let name = match self.questions.unknown {
            Unknown::Echo => account,
            Unknown::Empty => "",
            Unknown::Omitted => return,
            Unknown::Collapsed if self.is_marker_written => return,
            Unknown::Marker | Unknown::Collapsed | Unknown::Call => NOT_FOUND_MARKER,
        };
        self.is_marker_written = true;
        self.start_item(name);
        self.out.extend_from_slice(match self.questions.unknown_profile_item {
            UnknownProfile::Absent => b"".as_slice(),
            UnknownProfile::EmptyList => b"\"ProfileItem\":[],",
            UnknownProfile::Null => b"\"ProfileItem\":null,",
        });
        self.end_item(ItemCode::Number(code));
    }

    /// Names an account whose item does not, as the settings say.
    fn push_unknown_as_failed(&mut self, account: &str) {
        match self.questions.unknown_in_fail_account {
            FailAccount::Account => self.push_failed(account),
            FailAccount::Marker => self.push_failed(NOT_FOUND_MARKER),
            FailAccount::Nothing => {}
        }
    }

    fn write_extra(&mut self, call: u64) {
        self.start_item(&format!("stranger-{call:016x}"));
        self.out.extend_from_slice(b"\"ProfileItem\":[],");
        self.end_item(ItemCode::Number(0));
    }

    fn start_item(&mut self, account: &str) {
        self.out.extend_from_slice(b"{\"To_Account\":");
        push_text(&mut self.out, account, self.style);
        self.out.push(b',');
    }

    fn end_item(&mut self, code: ItemCode) {
        match code {
            ItemCode::Missing => {}
            ItemCode::Json(json) => {
                push_formatted(&mut self.out, format_args!("\"ResultCode\":{json},"));
            }
            ItemCode::Number(code) => {
                self.out.extend_from_slice(b"\"ResultCode\":");
                push_number(&mut self.out, code, self.codes_as_strings);
                self.out.push(b',');
            }
        }
        self.out.extend_from_slice(b"\"ResultInfo\":");
        let words = match code {
            ItemCode::Number(code) => words_of(code, None, self.questions),
            ItemCode::Missing | ItemCode::Json(_) => "",
        };
        push_text(&mut self.out, words, self.style);
        self.out.extend_from_slice(b"},");
    }

    fn push_failed(&mut self, account: &str) {
        if !self.failed.is_empty() {
            self.failed.push(b',');
        }
        push_text(&mut self.failed, account, self.style);
    }

    fn write_tail(&mut self, is_bare: bool) {
        if !self.failed.is_empty() || self.questions.invalid_account {
            self.out.extend_from_slice(b"\"Fail_Account\":[");
            self.out.append(&mut self.failed);
            self.out.extend_from_slice(b"],");
        }
        if self.questions.invalid_account {
            self.out.extend_from_slice(b"\"Invalid_Account\":[],");
        }
        if self.questions.current_standard_sequence {
            push_formatted(&mut self.out, format_args!("\"CurrentStandardSequence\":{},", 3));
        }
        let status = Status {
            code: 0,
            with_display: true,
            is_bare,
            codes_as_strings: self.codes_as_strings,
        };
        push_status(&mut self.out, status, "", self.questions);
        self.out.push(b'}');
    }
}

/// Only texts that a number cannot be told from, or the oddity would change what is meant.
fn comes_as_number(text: &str, drawn: u64, oddities: &Quirks) -> bool {
    generated::comes_as_number(drawn, oddities)
        && text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
}

fn push_bytes(out: &mut Vec<u8>, text: &str, encoding: BytesEncoding, style: TextStyle) {
    match encoding {
        BytesEncoding::Text => push_text(out, text, style),
        BytesEncoding::Base64 => push_text(out, &STANDARD.encode(text), style),
    }
}
