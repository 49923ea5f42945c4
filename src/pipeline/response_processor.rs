//! Turns the response to a chunk into rows, accounts without a row, and accounts to retry (pure).

use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use jiff::Timestamp;

use super::chunk::{Account, Chunk};
use crate::api::error_codes::{Class, ErrorCodeRule};
use crate::api::interpret::{Interpretation, Refusal, ResponseText, interpret};
use crate::api::outcome::CallFailure;
use crate::api::reconcile::{AccountOutcome, Doubt};
use crate::api::response::{Code, ProfileItem, RequestedTags, Response, TagValue};
use crate::api::service_text::sanitize_and_truncate;
use crate::snapshot::sidecars::{Category, FailedAccount, RejectedValue};
use crate::table::{Column, RowBuilder};

/// Why an account is retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The category of the account when its attempts are used up.
    pub category: Category,
    /// The service's code, if it gave one.
    pub code: Option<i64>,
    /// The text of the service, or what is wrong with the response.
    pub info: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(code) = self.code else { return formatter.write_str(&self.info) };
        write!(formatter, "code {code}, {}", ErrorCodeRule::for_code(code).meaning)?;
        match self.info.as_str() {
            "" => Ok(()),
            info => write!(formatter, " (the service says: {info})"),
        }
    }
}

/// What the response to a chunk yields. Every account of the chunk is in exactly one of `ordinals`, `failed`, `to_retry` and
/// `to_split`.
#[derive(Debug)]
pub struct ProcessedResponse {
    /// Rows, in ordinal order.
    pub rows: RecordBatch,
    /// The ordinal of each row.
    pub ordinals: Vec<u64>,
    /// The attempts of each row, this one included.
    pub attempts: Vec<u32>,
    /// Values that do not fit their column.
    pub rejected: Vec<RejectedValue>,
    /// Accounts that will have no row.
    pub failed: Vec<FailedAccount>,
    /// Accounts to retry after a backoff.
    pub to_retry: Vec<(Account, Reason)>,
    /// Accounts to request in smaller chunks.
    pub to_split: Vec<Account>,
    /// Whether the body was not UTF-8 and was read with replacement characters.
    pub was_not_utf8: bool,
}

/// Processes the responses of a run.
#[derive(Debug)]
pub struct ResponseProcessor {
    tags: RequestedTags,
    columns: Vec<Column>,
    rows: RowBuilder,
    max_attempts: u32,
    has_seen_row: bool,
}

/// A chunk whose call failed as a whole.
#[derive(Debug)]
pub struct FailedCall {
    pub chunk: Chunk,
    pub failure: CallFailure,
    /// Whether a failure that would stop the run has to be confirmed first: it may come from something on the way to the
    /// service, such as a gateway, or be about single accounts.
    pub needs_confirmation: bool,
}

/// Why a response yields nothing.
#[derive(Debug)]
pub enum ChunkError {
    /// The call failed as a whole.
    Failed(Box<FailedCall>),
    /// A bug: the rows could not be built.
    Bug(ArrowError),
}

impl ChunkError {
    /// The call for `chunk` failed as a whole.
    pub fn failed(chunk: Chunk, failure: CallFailure) -> ChunkError {
        let needs_confirmation = matches!(failure, CallFailure::Transport(_));
        ChunkError::Failed(Box::new(FailedCall { chunk, failure, needs_confirmation }))
    }
}

impl ResponseProcessor {
    /// An account is retried until it has had `max_attempts`. `has_seen_row`: whether an earlier process or round had a row
    /// for any account.
    pub fn new(columns: &[Column], max_attempts: u32, has_seen_row: bool) -> ResponseProcessor {
        let tags = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
        let rows = RowBuilder::new(columns);
        ResponseProcessor { tags, columns: columns.to_vec(), rows, max_attempts, has_seen_row }
    }

    /// An empty batch, for a call that failed.
    pub fn no_rows(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows.finish()
    }

    /// Processes the response to `chunk`, which was received at `now`.
    pub fn process(
        &mut self,
        chunk: Chunk,
        body: &[u8],
        now: Timestamp,
    ) -> Result<ProcessedResponse, ChunkError> {
        let text = ResponseText::new(body);
        let interpretation = match interpret(&text, &chunk.accounts, &self.tags) {
            Ok(interpretation) => interpretation,
            Err(failure) => return Err(ChunkError::failed(chunk, failure)),
        };
        let is_row = |outcome: &AccountOutcome| matches!(outcome, AccountOutcome::Row(_));
        self.has_seen_row |= interpretation.outcomes.iter().any(is_row);
        if !self.has_seen_row
            && let Some(failure) = fatal_refusal(&interpretation)
        {
            let call = FailedCall { chunk, failure, needs_confirmation: true };
            return Err(ChunkError::Failed(Box::new(call)));
        }
        let response = &interpretation.response;
        let accounts = chunk.accounts.len();
        let (ordinals, attempts) = (Vec::with_capacity(accounts), Vec::with_capacity(accounts));
        let mut sorted = SortedAccounts { ordinals, attempts, ..SortedAccounts::default() };
        for (account, outcome) in chunk.accounts.iter().zip(&interpretation.outcomes) {
            match *outcome {
                AccountOutcome::Row(index) => {
                    self.add_row(account, index, &interpretation, &mut sorted);
                }
                AccountOutcome::Code(index) => match interpretation.refusal(index) {
                    Some(refusal) => sorted.add_refused(account.clone(), refusal, now),
                    None => sorted.to_retry.push((account.clone(), no_answer())),
                },
                AccountOutcome::Doubtful(doubt) => {
                    let reason = doubt_reason(doubt, account, response);
                    sorted.to_retry.push((account.clone(), reason));
                }
                AccountOutcome::Ambiguous => sorted.to_split.push(account.clone()),
                AccountOutcome::Unmentioned => {
                    sorted.to_retry.push((account.clone(), no_answer()));
                }
            }
        }
        let SortedAccounts { ordinals, attempts, rejected, failed, to_retry, to_split } = sorted;
        let was_not_utf8 = interpretation.was_not_utf8;
        let rows = self.rows.finish().map_err(ChunkError::Bug)?;
        Ok(ProcessedResponse {
            rows,
            ordinals,
            attempts,
            rejected,
            failed,
            to_retry,
            to_split,
            was_not_utf8,
        })
    }

    /// Adds the row of an account; retries the account instead while its values are in doubt and it has attempts left.
    fn add_row(
        &mut self,
        account: &Account,
        item_index: usize,
        interpretation: &Interpretation<'_>,
        sorted: &mut SortedAccounts,
    ) {
        let response = &interpretation.response;
        let item = &response.items[item_index];
        let values = &response.values[item.values.clone()];
        let conflicts: Vec<TagValue<'_>> = response
            .conflicting_values
            .iter()
            .filter(|conflict| conflict.item_index == item_index)
            .map(|conflict| conflict.value)
            .collect();
        let damaged: Vec<TagValue<'_>> = if interpretation.was_not_utf8 {
            values.iter().copied().filter(has_replacement_character).collect()
        } else {
            Vec::new()
        };
        let is_last_attempt = account.attempts + 1 >= self.max_attempts;
        if !is_last_attempt && let Some(info) = values_in_doubt(&conflicts, &damaged) {
            let reason = Reason { category: Category::InternalError, code: None, info };
            sorted.to_retry.push((account.clone(), reason));
            return;
        }
        let reject = |tag: &str, expected_type: &'static str, value: &str| RejectedValue {
            ordinal: account.ordinal,
            account: account.name.to_string(),
            tag: tag.to_owned(),
            expected_type,
            value: value.to_owned(),
        };
        let rejected = &mut sorted.rejected;
        if let ProfileItem::Unreadable(written) = item.profile {
            rejected.push(reject("ProfileItem", "array", written));
        }
        let tag = |value: &TagValue<'_>| self.columns[value.tag_index].tag.as_str();
        for value in &conflicts {
            rejected.push(reject(tag(value), "one value", value.value.as_written()));
        }
        for value in &damaged {
            rejected.push(reject(tag(value), "UTF-8", value.value.as_written()));
        }
        self.rows.push(&account.name, values, |column, value| {
            rejected.push(reject(&column.tag, column.column_type.name(), value));
        });
        sorted.ordinals.push(account.ordinal);
        sorted.attempts.push(account.attempts + 1);
    }
}

/// U+FFFD replaces bytes that are not UTF-8.
fn has_replacement_character(value: &TagValue<'_>) -> bool {
    value.value.as_written().contains(char::REPLACEMENT_CHARACTER)
}

fn values_in_doubt(conflicts: &[TagValue<'_>], damaged: &[TagValue<'_>]) -> Option<String> {
    if !conflicts.is_empty() {
        return Some("the response gives several values of one tag".to_owned());
    }
    (!damaged.is_empty()).then(|| "the response is not valid UTF-8".to_owned())
}

/// The accounts of a chunk by what happens to them next.
#[derive(Debug, Default)]
struct SortedAccounts {
    ordinals: Vec<u64>,
    attempts: Vec<u32>,
    rejected: Vec<RejectedValue>,
    failed: Vec<FailedAccount>,
    to_retry: Vec<(Account, Reason)>,
    to_split: Vec<Account>,
}

impl SortedAccounts {
    /// Adds an account that the service refuses with a code of its own.
    fn add_refused(&mut self, account: Account, refusal: Refusal, now: Timestamp) {
        let Refusal { rule, info } = refusal;
        let mut reason = Reason { category: Category::InternalError, code: Some(rule.code), info };
        match rule.class_after(account.times_in_a_row(rule.code) + 1) {
            Class::Retry | Class::Throttle => self.to_retry.push((account, reason)),
            Class::BadBatch | Class::Permanent | Class::Fatal => {
                // A transient code stays a failure of the service, even when its tries are used up.
                if rule.class != Class::Retry {
                    reason.category = refusal_category(rule.is_not_found());
                }
                self.failed.push(failed_account(account, reason, now));
            }
        }
    }
}

/// The category of an account that the service refuses permanently.
pub fn refusal_category(is_not_found: bool) -> Category {
    if is_not_found { Category::NotFound } else { Category::Rejected }
}

/// An account without a row; the call that has just ended counts as an attempt.
pub fn failed_account(account: Account, reason: Reason, now: Timestamp) -> FailedAccount {
    let error_info = match reason.code {
        Some(code) if reason.info.is_empty() => ErrorCodeRule::for_code(code).meaning.to_owned(),
        _ => reason.info,
    };
    FailedAccount {
        ordinal: account.ordinal,
        account: account.name.to_string(),
        category: reason.category,
        error_code: reason.code,
        error_info,
        attempts: account.attempts + 1,
        last_attempt_at: now,
        input_line: account.line,
    }
}

fn no_answer() -> Reason {
    let info = "the response does not mention the account".to_owned();
    Reason { category: Category::NoAnswer, code: None, info }
}

/// The doubt, with what the response says about the account.
fn doubt_reason(doubt: Doubt, account: &Account, response: &Response<'_>) -> Reason {
    let mut info = doubt.to_string();
    if let Some(item) = response.items.iter().find(|item| *item.account == *account.name) {
        if let Code::Unreadable(written) = item.result_code {
            info = format!("{info} (ResultCode {written})");
        }
        if !item.result_info.is_empty() {
            info = format!("{info} (ResultInfo {})", item.result_info);
        }
    }
    Reason { category: Category::InternalError, code: None, info: sanitize_and_truncate(&info) }
}

/// The first refusal of an account that can only mean the whole run, such as a missing tag or right.
fn fatal_refusal(interpretation: &Interpretation<'_>) -> Option<CallFailure> {
    interpretation.outcomes.iter().find_map(|outcome| {
        let AccountOutcome::Code(index) = outcome else { return None };
        let refusal = interpretation.refusal(*index)?;
        (refusal.rule.class == Class::Fatal).then(|| refusal.into())
    })
}

#[cfg(test)]
mod tests;
