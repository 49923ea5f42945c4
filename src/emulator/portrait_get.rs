//! `v4/profile/portrait_get`: the request read without copies, the answer written straight into bytes.
//!
//! Every decision that chance takes is drawn from the account, or from the first account of the call, so the same
//! call gets the same bytes (but for failures that pass).

mod writer;

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::Emulator;
use super::faults::{falls_within, hash_of, mix, salt_of};
use super::request_body::{AccountsIn, read_object};
use super::settings::{Settings, TagErrors, TooManyAccounts, Unknown};
use super::tags::{Tag, TagKind};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use writer::Writer;

/// Most accounts even when `too_many_accounts` accepts more, and most tags: what an answer may cost in memory.
const MAX_ACCEPTED_ACCOUNTS: usize = 1_000;
const MAX_TAGS: usize = 100;

/// A JSON string, borrowed from the body when it holds no escape.
#[derive(Deserialize)]
struct Text<'b>(#[serde(borrow)] Cow<'b, str>);

#[derive(Deserialize)]
struct Body<'b> {
    #[serde(borrow, default, rename = "To_Account")]
    accounts: Vec<Text<'b>>,
    #[serde(borrow, default, rename = "TagList")]
    tags: Vec<Text<'b>>,
}

/// A request whose form is right.
pub(super) struct Request<'b> {
    accounts: Vec<Text<'b>>,
    tags: Vec<Text<'b>>,
}

/// A code for the whole call, with words of its own if it has any.
pub(super) type CallError = (i64, Option<&'static str>);

/// What an undecodable body is told (documented in the sample of `portrait_set`).
pub(super) const DECODE_FAILED: CallError = (40001, Some("Err_Profile_Comm_Decode_Fail"));

/// Reads a body and checks its form.
pub(super) fn read<'b>(body: &'b [u8], settings: &Settings) -> Result<Request<'b>, CallError> {
    let Body { mut accounts, tags } = read_object(body, &[AccountsIn::List("To_Account")])?;
    if accounts.is_empty() {
        return Err((40002, None));
    }
    if tags.is_empty() || tags.len() > MAX_TAGS {
        return Err((40001, Some("Err_Profile_TagList_Invalid")));
    }
    if accounts.len() > MAX_ACCOUNTS_PER_CALL {
        match settings.open_questions.too_many_accounts {
            TooManyAccounts::Truncate => accounts.truncate(MAX_ACCOUNTS_PER_CALL),
            TooManyAccounts::Accept if accounts.len() <= MAX_ACCEPTED_ACCOUNTS => {}
            _ => return Err((40001, Some("Err_Profile_To_Account_Too_Many"))),
        }
    }
    Ok(Request { accounts, tags })
}

impl Request<'_> {
    /// The number that all chance of this call is drawn from.
    pub(super) fn hash(&self, seed: u64) -> u64 {
        self.accounts.first().map_or(0, |account| hash_of(seed, &account.0))
    }

    pub(super) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The tags to answer, each once, or the code with which a tag fails every account.
    fn tags(&self, settings: &Settings) -> Result<(Vec<Tag<'_>>, Option<i64>), CallError> {
        let mut seen = HashSet::new();
        let mut tags = Vec::with_capacity(self.tags.len());
        let mut code = None;
        for Text(name) in &self.tags {
            let kind = TagKind::of(name, &settings.population);
            let is_unreadable =
                settings.population.unreadable_tags.iter().any(|unreadable| unreadable == name);
            match kind {
                Some(kind) if !is_unreadable => {
                    if seen.insert(name.as_ref()) {
                        tags.push(Tag::new(name, kind));
                    }
                }
                _ => code = code.or(Some(if is_unreadable { 40007 } else { 40009 })),
            }
        }
        match settings.open_questions.tag_errors {
            TagErrors::Call => code.map_or(Ok((tags, None)), |code| Err((code, None))),
            TagErrors::Account => Ok((tags, code)),
            TagErrors::Ignored => Ok((tags, None)),
        }
    }
}

/// Answers a call, or fails it as a whole.
pub(super) fn answer(emulator: &Emulator, request: &Request<'_>) -> Result<Vec<u8>, CallError> {
    let settings = emulator.settings();
    let (tags, tag_error) = request.tags(settings)?;
    let view = emulator.population().view();
    let accounts: Vec<(&str, u64)> = chosen_accounts(request, settings);
    for &(account, hash) in &accounts {
        if let Some(code) = view.poison(account, hash) {
            return Err((code, None));
        }
        if settings.open_questions.unknown == Unknown::Call
            && let Err(code) = view.profile(account, hash)
        {
            return Err((code, None));
        }
    }
    let writer = Writer::new(emulator, &view, &tags, tag_error);
    Ok(writer.write(&accounts, request.hash(settings.seed)))
}

/// The accounts in the order of the answer.
fn chosen_accounts<'r>(request: &'r Request<'_>, settings: &Settings) -> Vec<(&'r str, u64)> {
    let accounts = request.accounts.iter().map(|Text(account)| account.as_ref());
    let mut accounts: Vec<(&str, u64)> =
        accounts.map(|account| (account, hash_of(settings.seed, account))).collect();
    if settings.open_questions.collapse_duplicates {
        let mut seen = HashSet::new();
        accounts.retain(|&(account, _)| seen.insert(account));
    }
    let drawn = mix(request.hash(settings.seed), salt_of("reorder"));
    if falls_within(drawn, settings.oddities.reorder) {
        fastrand::Rng::with_seed(drawn).shuffle(&mut accounts);
    }
    accounts
}

#[cfg(test)]
mod tests;
