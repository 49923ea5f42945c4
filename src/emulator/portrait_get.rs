//! `v4/profile/portrait_get`: requests are read without copies, responses are written directly to bytes.
//!
//! Every random decision is a function of the account or of the first account of the call, so the same call gets the
//! same bytes, except for temporary faults.

mod response_writer;

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::Emulator;
use super::draw::{account_hash, falls_within, mix, salt};
use super::request_body::{AccountLocation, read_object};
use super::service_error::ServiceError;
use super::settings::{Settings, TagErrors, TooManyAccounts, UnknownAccount};
use super::tags::{Tag, TagKind};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use response_writer::ResponseWriter;

/// Limits that bound the memory of a response; the first one applies even if `too_many_accounts` accepts more than 100.
const MAX_ACCEPTED_ACCOUNTS: usize = 1_000;
const MAX_TAGS: usize = 100;

/// A JSON string, borrowed from the body unless it contains escapes.
#[derive(Deserialize)]
struct BorrowedText<'b>(#[serde(borrow)] Cow<'b, str>);

#[derive(Deserialize)]
struct RequestBody<'b> {
    #[serde(borrow, default, rename = "To_Account")]
    accounts: Vec<BorrowedText<'b>>,
    #[serde(borrow, default, rename = "TagList")]
    tags: Vec<BorrowedText<'b>>,
}

/// A well-formed request.
pub struct PortraitGetRequest<'b> {
    accounts: Vec<BorrowedText<'b>>,
    tags: Vec<BorrowedText<'b>>,
}

/// Reads a body and checks that it is well-formed.
pub fn read<'b>(
    body: &'b [u8],
    settings: &Settings,
) -> Result<PortraitGetRequest<'b>, ServiceError> {
    let RequestBody { mut accounts, tags } =
        read_object(body, &[AccountLocation::List("To_Account")])?;
    if accounts.is_empty() {
        return Err(40002.into());
    }
    if tags.is_empty() || tags.len() > MAX_TAGS {
        return Err(ServiceError::invalid_parameters("Err_Profile_TagList_Invalid"));
    }
    if accounts.len() > MAX_ACCOUNTS_PER_CALL {
        match settings.undocumented_behavior.too_many_accounts {
            TooManyAccounts::Truncate => accounts.truncate(MAX_ACCOUNTS_PER_CALL),
            TooManyAccounts::Accept if accounts.len() <= MAX_ACCEPTED_ACCOUNTS => {}
            _ => {
                return Err(ServiceError::invalid_parameters("Err_Profile_To_Account_Too_Many"));
            }
        }
    }
    Ok(PortraitGetRequest { accounts, tags })
}

impl PortraitGetRequest<'_> {
    /// The basis of all random decisions about the call.
    pub fn hash(&self, seed: u64) -> u64 {
        self.accounts.first().map_or(0, |account| account_hash(seed, &account.0))
    }

    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The distinct readable tags, and the code with which a bad tag fails every account.
    fn tags(&self, settings: &Settings) -> Result<(Vec<Tag<'_>>, Option<i64>), ServiceError> {
        let mut seen = HashSet::new();
        let mut tags = Vec::with_capacity(self.tags.len());
        let mut code = None;
        for BorrowedText(name) in &self.tags {
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
        match settings.undocumented_behavior.tag_errors {
            TagErrors::Call => code.map_or(Ok((tags, None)), |code| Err(code.into())),
            TagErrors::Account => Ok((tags, code)),
            TagErrors::Ignored => Ok((tags, None)),
        }
    }
}

/// The response to a call, or the error of the whole call.
pub fn respond(
    emulator: &Emulator,
    request: &PortraitGetRequest<'_>,
) -> Result<Vec<u8>, ServiceError> {
    let settings = emulator.settings();
    let (tags, tag_error) = request.tags(settings)?;
    let view = emulator.population().view();
    let accounts: Vec<(&str, u64)> = ordered_accounts(request, settings);
    for &(account, hash) in &accounts {
        if let Some(code) = view.poison(account, hash) {
            return Err(code.into());
        }
        if settings.undocumented_behavior.unknown == UnknownAccount::Call
            && let Err(code) = view.profile(account, hash)
        {
            return Err(code.into());
        }
    }
    let call = request.hash(settings.seed);
    Ok(ResponseWriter::new(emulator, &view, &tags, tag_error, call).write(&accounts))
}

/// The accounts with their hashes, in the order of the response.
fn ordered_accounts<'r>(
    request: &'r PortraitGetRequest<'_>,
    settings: &Settings,
) -> Vec<(&'r str, u64)> {
    let accounts = request.accounts.iter().map(|BorrowedText(account)| account.as_ref());
    let mut accounts: Vec<(&str, u64)> =
        accounts.map(|account| (account, account_hash(settings.seed, account))).collect();
    if settings.undocumented_behavior.collapse_duplicates {
        let mut seen = HashSet::new();
        accounts.retain(|&(account, _)| seen.insert(account));
    }
    let random = mix(request.hash(settings.seed), salt("reorder"));
    if falls_within(random, settings.quirks.reorder) {
        fastrand::Rng::with_seed(random).shuffle(&mut accounts);
    }
    accounts
}

#[cfg(test)]
mod tests;
