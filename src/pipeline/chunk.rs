//! The accounts of the list, cut into chunks. A chunk never crosses a part boundary.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use super::capacities::CHUNKS_PER_BLOCK;
use super::source::{AccountSource, SourceError};
use crate::accounts::AccountName;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::snapshot::checkpoint::RoundEnd;

/// An account to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account id.
    pub name: AccountName,
    /// Its position among the distinct valid accounts, from 0.
    pub ordinal: u64,
    /// Its line in the list.
    pub line: u64,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The code it failed with last, and how often in a row: the class of some codes depends on it.
    pub last_code: Option<(i64, u32)>,
}

impl Account {
    /// An account that has not been requested yet.
    pub fn new(name: AccountName, ordinal: u64, line: u64) -> Account {
        Account { name, ordinal, line, attempts: 0, last_code: None }
    }

    /// How often in a row it has failed with `code`.
    pub fn times_in_a_row(&self, code: i64) -> u32 {
        self.last_code.filter(|(last, _)| *last == code).map_or(0, |(_, times)| times)
    }

    /// Counts a failed attempt and the code it failed with, if any.
    pub fn count_attempt(&mut self, code: Option<i64>) {
        self.attempts += 1;
        self.last_code = code.map(|code| (code, self.times_in_a_row(code) + 1));
    }
}

impl AsRef<str> for Account {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

/// Accounts that are requested together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// At most `MAX_ACCOUNTS_PER_CALL`, in ordinal order.
    pub accounts: Vec<Account>,
    /// Whether these are requested for the first time. Their rows have a reserved place in the part; those of retried
    /// accounts are appended to it.
    pub is_first: bool,
}

impl Chunk {
    /// A chunk of accounts that are requested again.
    pub fn retry(mut accounts: Vec<Account>) -> Chunk {
        accounts.sort_unstable_by_key(|account| account.ordinal);
        Chunk { accounts, is_first: false }
    }

    /// The ordinals of a first chunk, which are contiguous.
    pub fn ordinals(&self) -> std::ops::Range<u64> {
        match (self.accounts.first(), self.accounts.last()) {
            (Some(first), Some(last)) => first.ordinal..last.ordinal + 1,
            _ => 0..0,
        }
    }

    /// How often in a row each of its accounts has failed with `code`, at least.
    pub fn min_times_in_a_row(&self, code: i64) -> u32 {
        self.accounts.iter().map(|account| account.times_in_a_row(code)).min().unwrap_or(0)
    }
}

/// Cuts accounts into chunks and sends them in blocks until the list ends or the receiver is dropped. Accounts of parts
/// that are `committed` (by first ordinal) are counted but not sent.
pub fn send_chunks(
    mut accounts: AccountSource,
    accounts_per_part: u64,
    committed: &BTreeSet<u64>,
    blocks: &mpsc::Sender<Vec<Chunk>>,
) -> Result<RoundEnd, SourceError> {
    let mut ordinal = 0;
    let mut collected = Vec::with_capacity(MAX_ACCOUNTS_PER_CALL);
    let mut block = Vec::with_capacity(CHUNKS_PER_BLOCK);
    let mut add = |collected: &mut Vec<Account>, is_last: bool| {
        let next = Vec::with_capacity(MAX_ACCOUNTS_PER_CALL);
        let accounts = std::mem::replace(collected, next);
        if !accounts.is_empty() {
            block.push(Chunk { accounts, is_first: true });
        }
        if block.is_empty() || !(is_last || block.len() == CHUNKS_PER_BLOCK) {
            return ControlFlow::Continue(());
        }
        let next = Vec::with_capacity(CHUNKS_PER_BLOCK);
        match blocks.blocking_send(std::mem::replace(&mut block, next)) {
            Ok(()) => ControlFlow::Continue(()),
            // The run has stopped and reports why.
            Err(_) => ControlFlow::Break(()),
        }
    };
    accounts.for_each(|name, line| {
        let part_start = ordinal - ordinal % accounts_per_part;
        if !committed.contains(&part_start) {
            collected.push(Account::new(name, ordinal, line));
        }
        ordinal += 1;
        let is_full = collected.len() == MAX_ACCOUNTS_PER_CALL;
        let ends_part = ordinal % accounts_per_part == 0 && !collected.is_empty();
        if is_full || ends_part { add(&mut collected, false) } else { ControlFlow::Continue(()) }
    })?;
    let _ = add(&mut collected, true);
    Ok(RoundEnd { accounts: ordinal, duplicates: accounts.duplicates() })
}
