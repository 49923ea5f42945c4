//! Responses of 100 accounts as the emulator writes them, for tests and benches that count or time what reading them costs.

#![allow(dead_code)] // Each bench and the tests use a part of it.

use std::sync::LazyLock;

use arrow_array::RecordBatch;
use im_profiles::emulator::{Credentials, Emulator, Profiles, Settings};
use im_profiles::internals::{Column, RowBuilder};
use im_profiles::internals::{RequestedTags, decode_response as decode};
use im_profiles::internals::{request_body, tag_list};
use im_profiles::internals::{standard_tags, supported_types};

/// The five columns of a typical job.
pub const FIVE_TAGS: [&str; 5] = [
    "Tag_Profile_IM_Nick",
    "Tag_Profile_IM_Gender",
    "Tag_Profile_IM_BirthDay",
    "Tag_Profile_IM_SelfSignature",
    "Tag_Profile_IM_Image",
];

static EMULATOR: LazyLock<Emulator> = LazyLock::new(|| {
    Emulator::new(Settings::default(), Credentials::built_in(), Profiles::generated())
});

/// A response and what was requested.
pub struct Response {
    /// The accounts of the call.
    pub accounts: Vec<String>,
    /// The body.
    pub body: String,
}

/// The tags of a typical job, or all twelve standard tags.
fn tags_of(count: usize) -> Vec<&'static str> {
    if count == FIVE_TAGS.len() {
        FIVE_TAGS.to_vec()
    } else {
        standard_tags().take(count).collect()
    }
}

/// Five or twelve tags as columns.
pub fn columns(count: usize) -> Vec<Column> {
    let column = |tag: &str| {
        let column_type = supported_types(tag).unwrap()[0];
        Column { tag: tag.to_owned(), name: tag.to_owned(), column_type }
    };
    tags_of(count).into_iter().map(column).collect()
}

/// The response for the accounts from number `first` on, with five or twelve tags. One in eight escapes all non-ASCII
/// characters.
pub fn answer(first: usize, tags: usize) -> Response {
    let accounts: Vec<String> = (first..first + 100).map(|n| format!("user_{n:09}")).collect();
    let request =
        request_body(accounts.iter().map(String::as_str), &tag_list(tags_of(tags).into_iter()));
    let body = EMULATOR.portrait_get(request.as_bytes()).unwrap();
    Response { accounts, body: String::from_utf8(body).unwrap() }
}

/// The first response that does not escape non-ASCII characters, or the first that does.
pub fn first_answer(is_escaped: bool, tags: usize) -> Response {
    let mut answers = (0..).map(|call| answer(call * 100, tags));
    answers.find(|answer| answer.body.is_ascii() == is_escaped).unwrap()
}

/// The rows of an answer.
pub fn rows_of(answer: &Response, requested: &RequestedTags, rows: &mut RowBuilder) -> RecordBatch {
    let decoded = decode(&answer.body, requested).unwrap();
    for item in &decoded.items {
        rows.push(&item.account, &decoded.values[item.values.clone()], |_, _| {});
    }
    rows.finish().unwrap()
}
