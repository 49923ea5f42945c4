//! An answer of 100 accounts as the service writes it, for tests and benches that count or time what reading it costs.

#![allow(dead_code)] // Each bench and the tests use a part of it.

use std::fmt::Write;

use arrow_array::RecordBatch;
use im_profiles::internals::{Column, RowBuilder};
use im_profiles::internals::{RequestedTags, decode_response as decode};
use im_profiles::internals::{standard_tags, supported_types};

/// An answer and what was asked.
pub struct Response {
    /// The accounts of the call.
    pub accounts: Vec<String>,
    /// The body.
    pub body: String,
}

/// The first `count` standard tags as columns.
pub fn columns(count: usize) -> Vec<Column> {
    let column = |tag: &str| {
        let column_type = supported_types(tag).unwrap()[0];
        Column { tag: tag.to_owned(), name: tag.to_owned(), column_type }
    };
    standard_tags().take(count).map(column).collect()
}

/// The answer for the accounts from number `first` on, with the first `tags` standard tags. An account lacks one tag in
/// nine.
pub fn answer(first: usize, tags: usize) -> Response {
    let accounts: Vec<String> = (first..first + 100).map(|n| format!("user_{n:09}")).collect();
    let items = accounts.iter().enumerate().map(|(index, account)| {
        let mut random = fastrand::Rng::with_seed((first + index) as u64);
        let values = standard_tags().take(tags).filter_map(|tag| {
            let value = value_of(tag, &mut random);
            (random.u8(..9) > 0).then(|| format!(r#"{{"Tag":"{tag}","Value":{value}}}"#))
        });
        let values: Vec<String> = values.collect();
        let values = values.join(",");
        format!(
            r#"{{"To_Account":"{account}","ProfileItem":[{values}],"ResultCode":0,"ResultInfo":""}}"#
        )
    });
    let items: Vec<String> = items.collect();
    let mut body = format!(r#"{{"UserProfileItem":[{}]"#, items.join(","));
    write!(body, r#","ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}}"#)
        .unwrap();
    Response { accounts, body }
}

/// The rows of an answer.
pub fn rows_of(answer: &Response, asked: &RequestedTags, rows: &mut RowBuilder) -> RecordBatch {
    let decoded = decode(&answer.body, asked).unwrap();
    for item in &decoded.items {
        rows.push(&item.account, &decoded.values[item.values.clone()], |_, _| {});
    }
    rows.finish().unwrap()
}

fn value_of(tag: &str, random: &mut fastrand::Rng) -> String {
    let one_of = |random: &mut fastrand::Rng, words: &[&str]| {
        format!("\"{}\"", random.choice(words).unwrap())
    };
    match tag.trim_start_matches("Tag_Profile_IM_") {
        "Nick" => format!(
            "\"{} {}\"",
            random.choice(["Lena", "韩梅梅", "李雷", "user", "Ö. B."]).unwrap(),
            random.u16(..)
        ),
        "Gender" => {
            one_of(random, &["Gender_Type_Female", "Gender_Type_Male", "Gender_Type_Unknown"])
        }
        "AllowType" => one_of(random, &["AllowType_Type_AllowAny", "AllowType_Type_NeedConfirm"]),
        "AdminForbidType" => one_of(random, &["AdminForbid_Type_None", "AdminForbid_Type_SendOut"]),
        "Image" => format!("\"https://cdn.example.com/avatar/{:016x}.png\"", random.u64(..)),
        "SelfSignature" => format!(
            "\"{}, {}\"",
            one_of(random, &["好好学习", "hello there"]).trim_matches('"'),
            random.u32(..)
        ),
        "Location" => one_of(random, &["sz", "bj", "Lisboa"]),
        "BirthDay" => {
            format!("{}{:02}{:02}", random.u16(1950..2010), random.u8(1..13), random.u8(1..29))
        }
        _ => random.u8(..).to_string(),
    }
}
