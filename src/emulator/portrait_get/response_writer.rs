//! Writes the response of `portrait_get` to one buffer, without an allocation per account.

mod contradictory;
mod shuffled_keys;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::Emulator;
use super::super::draw::{falls_within, mix, salt};
use super::super::generated;
use super::super::json_text::{TextStyle, push_code, push_formatted, push_number, push_text};
use super::super::population::{AccountProfile, PopulationView};
use super::super::profiles::ProfileValueRef;
use super::super::response_body::{ResponseStatus, push_status};
use super::super::service_error::error_info;
use super::super::settings::{
    AllUnset, BytesEncoding, FailAccountContent, Quirks, Settings, UndocumentedBehavior,
    UnknownAccount, UnknownProfileItem, UnsetTag,
};
use super::super::tags::{Tag, TagKind};
use crate::api::response::NOT_FOUND_MARKER;

/// Estimated size of one value in the response, to avoid most reallocations.
const BYTES_PER_VALUE: usize = 88;

/// `ResultCode` of an item.
#[derive(Debug, Clone, Copy)]
enum ItemCode {
    /// The key is absent.
    Missing,
    /// A JSON value that is not a number.
    Json(&'static str),
    Number(i64),
}

/// Writes one response.
pub struct ResponseWriter<'w> {
    emulator: &'w Emulator,
    view: &'w PopulationView<'w>,
    behavior: &'w UndocumentedBehavior,
    quirks: &'w Quirks,
    tags: &'w [Tag<'w>],
    /// The JSON before the value of each tag.
    tag_prefixes: Vec<Vec<u8>>,
    /// The code with which a bad tag fails every account.
    tag_error: Option<i64>,
    /// The hash of the call.
    call: u64,
    style: TextStyle,
    codes_as_strings: bool,
    scratch: String,
    out: Vec<u8>,
    /// The items of `Fail_Account` in JSON.
    failed_accounts: Vec<u8>,
    is_marker_written: bool,
}

impl<'w> ResponseWriter<'w> {
    pub fn new(
        emulator: &'w Emulator,
        view: &'w PopulationView<'w>,
        tags: &'w [Tag<'w>],
        tag_error: Option<i64>,
        call: u64,
    ) -> ResponseWriter<'w> {
        let Settings { undocumented_behavior: behavior, quirks, .. } = emulator.settings();
        let encoder = mix(call, salt("encoder"));
        let style = TextStyle {
            escape_non_ascii: falls_within(encoder, quirks.escape_non_ascii),
            escape_slashes: falls_within(encoder, quirks.escape_slashes),
            lone_surrogates: quirks.lone_surrogates > 0.0,
        };
        let prefix_of = |tag: &Tag<'_>| {
            let mut prefix = b"{\"Tag\":".to_vec();
            push_text(&mut prefix, tag.name, style);
            prefix.extend_from_slice(b",\"Value\":");
            prefix
        };
        ResponseWriter {
            emulator,
            view,
            behavior,
            quirks,
            tags,
            tag_prefixes: tags.iter().map(prefix_of).collect(),
            tag_error,
            call,
            style,
            codes_as_strings: false,
            scratch: String::with_capacity(512),
            out: Vec::new(),
            failed_accounts: Vec::new(),
            is_marker_written: false,
        }
    }

    /// Writes the response for accounts with their hashes.
    pub fn write(mut self, accounts: &[(&str, u64)]) -> Vec<u8> {
        self.out.reserve(accounts.len() * (80 + self.tags.len() * BYTES_PER_VALUE) + 256);
        let call = self.call;
        let is_selected = |purpose, rate| falls_within(mix(call, salt(purpose)), rate);
        self.codes_as_strings = is_selected("codes_as_strings", self.quirks.codes_as_strings);
        if is_selected("byte_order_mark", self.quirks.byte_order_mark) {
            self.out.extend_from_slice(b"\xef\xbb\xbf");
        }
        self.out.extend_from_slice(b"{\"UserProfileItem\":[");
        for &(account, hash) in accounts {
            self.write_account(account, hash);
        }
        if is_selected("extra", self.quirks.extra) {
            self.write_extra(call);
        }
        if self.out.last() == Some(&b',') {
            self.out.pop();
        }
        self.out.extend_from_slice(b"],");
        self.write_tail(is_selected("missing_status", self.quirks.missing_status));
        if is_selected("shuffle_keys", self.quirks.shuffle_keys) {
            return shuffled_keys::shuffle(&self.out, call);
        }
        self.out
    }

    /// Writes the items of one account, usually one, each followed by a comma.
    fn write_account(&mut self, account: &str, hash: u64) {
        if self.emulator.omits_item(hash) {
            return;
        }
        let start = self.out.len();
        match self.view.profile(account, hash) {
            Err(code) => self.write_unknown(account, code),
            Ok(profile) => self.write_known(account, hash, &profile),
        }
        if falls_within(mix(hash, salt("repeat")), self.quirks.repeat) {
            self.out.extend_from_within(start..);
        }
    }

    fn write_known(&mut self, account: &str, hash: u64, profile: &AccountProfile<'_>) {
        if let Some(code) = self.tag_error {
            self.write_failed(account, code);
        } else if let Some(contradiction) = self.emulator.contradiction(hash) {
            self.write_contradiction(contradiction, account, hash, profile);
        } else if let Some(code) = self.account_failure(account, hash) {
            self.write_failed(account, code);
        } else {
            self.write_profile(account, hash, profile);
            let is_missing =
                falls_within(mix(hash, salt("missing_code")), self.quirks.missing_code);
            self.end_item(if is_missing { ItemCode::Missing } else { ItemCode::Number(0) });
        }
    }

    fn account_failure(&self, account: &str, hash: u64) -> Option<i64> {
        self.view
            .permanent_failure(account, hash)
            .or_else(|| self.emulator.transient_failure(account, hash))
    }

    /// Writes the item of a known account up to its code.
    fn write_profile(&mut self, account: &str, hash: u64, profile: &AccountProfile<'_>) {
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
            self.out.extend_from_slice(match self.behavior.all_unset {
                _ if profile.is_null() => b"\"ProfileItem\":null,".as_slice(),
                AllUnset::EmptyList => b"\"ProfileItem\":[],",
                AllUnset::Absent => b"",
                AllUnset::Null => b"\"ProfileItem\":null,",
            });
        }
        if falls_within(mix(hash, salt("unknown_keys")), self.quirks.unknown_keys) {
            self.out.extend_from_slice(b"\"New_Key\":{\"a\":[1,\"]}\",null]},\"\":-1.5e3,");
        }
    }

    /// Writes `{"Tag":…,"Value":…},`, or nothing if the tag is not set.
    fn write_value(&mut self, index: usize, profile: &AccountProfile<'_>) {
        let tag = &self.tags[index];
        let value = match profile.value(tag, &mut self.scratch) {
            Some(value) => value,
            None if self.behavior.unset_tag == UnsetTag::Omitted => return,
            None if tag.kind.is_number() => ProfileValueRef::Number(0),
            None => ProfileValueRef::Text(""),
        };
        self.out.extend_from_slice(&self.tag_prefixes[index]);
        match value {
            ProfileValueRef::Number(number) => {
                let as_string = self.behavior.numbers_as_strings
                    || falls_within(
                        mix(profile.tag_hash(tag), 0x6e61),
                        self.quirks.numbers_as_strings,
                    );
                push_number(&mut self.out, number, as_string);
            }
            ProfileValueRef::Text(text) if tag.kind == TagKind::Bytes => {
                push_bytes(&mut self.out, text, self.behavior.bytes, self.style);
            }
            ProfileValueRef::Text(text)
                if is_sent_as_number(text, profile.tag_hash(tag), self.quirks) =>
            {
                self.out.extend_from_slice(text.as_bytes());
            }
            ProfileValueRef::Text(text) => push_text(&mut self.out, text, self.style),
        }
        self.out.extend_from_slice(b"},");
    }

    fn write_failed(&mut self, account: &str, code: i64) {
        self.start_item(account);
        self.end_item(ItemCode::Number(code));
        self.push_failed_account(account);
    }

    fn write_unknown(&mut self, account: &str, code: i64) {
        self.push_unnamed_failure(account);
        let name = match self.behavior.unknown {
            UnknownAccount::Echo => account,
            UnknownAccount::Empty => "",
            UnknownAccount::Omitted => return,
            UnknownAccount::Collapsed if self.is_marker_written => return,
            UnknownAccount::Marker | UnknownAccount::Collapsed | UnknownAccount::Call => {
                NOT_FOUND_MARKER
            }
        };
        self.is_marker_written = true;
        self.start_item(name);
        self.out.extend_from_slice(match self.behavior.unknown_profile_item {
            UnknownProfileItem::Absent => b"".as_slice(),
            UnknownProfileItem::EmptyList => b"\"ProfileItem\":[],",
            UnknownProfileItem::Null => b"\"ProfileItem\":null,",
        });
        self.end_item(ItemCode::Number(code));
    }

    /// Adds an account without an item of its own to `Fail_Account`, as the settings say.
    fn push_unnamed_failure(&mut self, account: &str) {
        match self.behavior.unknown_in_fail_account {
            FailAccountContent::Account => self.push_failed_account(account),
            FailAccountContent::Marker => self.push_failed_account(NOT_FOUND_MARKER),
            FailAccountContent::Nothing => {}
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
                push_code(&mut self.out, code, self.codes_as_strings);
                self.out.push(b',');
            }
        }
        self.out.extend_from_slice(b"\"ResultInfo\":");
        let info = match code {
            ItemCode::Number(code) => error_info(code.into(), self.behavior),
            ItemCode::Missing | ItemCode::Json(_) => "",
        };
        push_text(&mut self.out, info, self.style);
        self.out.extend_from_slice(b"},");
    }

    fn push_failed_account(&mut self, account: &str) {
        if !self.failed_accounts.is_empty() {
            self.failed_accounts.push(b',');
        }
        push_text(&mut self.failed_accounts, account, self.style);
    }

    fn write_tail(&mut self, is_bare: bool) {
        if !self.failed_accounts.is_empty() || self.behavior.invalid_account {
            self.out.extend_from_slice(b"\"Fail_Account\":[");
            self.out.append(&mut self.failed_accounts);
            self.out.extend_from_slice(b"],");
        }
        if self.behavior.invalid_account {
            self.out.extend_from_slice(b"\"Invalid_Account\":[],");
        }
        if self.behavior.current_standard_sequence {
            push_formatted(&mut self.out, format_args!("\"CurrentStandardSequence\":{},", 3));
        }
        let status = ResponseStatus {
            code: 0,
            with_display: true,
            is_bare,
            codes_as_strings: self.codes_as_strings,
        };
        push_status(&mut self.out, status, "", self.behavior);
        self.out.push(b'}');
    }
}

/// Only for texts that are canonical numbers, since the quirk must not change the value.
fn is_sent_as_number(text: &str, hash: u64, quirks: &Quirks) -> bool {
    generated::is_sent_as_number(hash, quirks)
        && text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
}

fn push_bytes(out: &mut Vec<u8>, text: &str, encoding: BytesEncoding, style: TextStyle) {
    match encoding {
        BytesEncoding::Text => push_text(out, text, style),
        BytesEncoding::Base64 => push_text(out, &STANDARD.encode(text), style),
    }
}
