//! The accounts of the list, cut into chunks. A chunk never crosses a part boundary.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tokio::sync::mpsc;

use super::account_digests::{AccountDigest, SharedDigests};
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

/// The parts of a round by first ordinal: the digests that earlier processes recorded of the accounts of committed parts,
/// where a journal of version 0.1.0 has none, and those of the parts of this process.
pub struct PartDigests {
    pub committed: BTreeMap<u64, Option<String>>,
    pub new: SharedDigests,
}

impl PartDigests {
    /// Verifies the accounts of a committed part, or passes on those of a new one.
    fn end_part(&self, first_ordinal: u64, digest: AccountDigest) -> Result<(), SourceError> {
        match self.committed.get(&first_ordinal) {
            None => self.new.insert(first_ordinal, digest),
            Some(Some(recorded)) if *recorded != digest.text() => {
                return Err(SourceError::OtherList { first_ordinal });
            }
            Some(_) => {}
        }
        Ok(())
    }
}

/// Cuts accounts into chunks and sends them in blocks until the list ends or the receiver is dropped. Accounts of
/// committed parts are counted and verified but not sent.
pub fn send_chunks(
    mut accounts: AccountSource,
    accounts_per_part: u64,
    parts: &PartDigests,
    blocks: &mpsc::Sender<Vec<Chunk>>,
) -> Result<RoundEnd, SourceError> {
    let (mut ordinal, mut digest) = (0, AccountDigest::default());
    let mut verified = Ok(());
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
        digest.add(&name, line);
        if !parts.committed.contains_key(&part_start) {
            collected.push(Account::new(name, ordinal, line));
        }
        ordinal += 1;
        let ends_part = ordinal % accounts_per_part == 0;
        if ends_part {
            // Before the last chunk of the part is sent, so that it is there when the part is committed.
            verified = parts.end_part(part_start, std::mem::take(&mut digest));
            if verified.is_err() {
                return ControlFlow::Break(());
            }
        }
        let is_full = collected.len() == MAX_ACCOUNTS_PER_CALL;
        if is_full || ends_part && !collected.is_empty() {
            add(&mut collected, false)
        } else {
            ControlFlow::Continue(())
        }
    })?;
    verified?;
    if ordinal % accounts_per_part != 0 {
        parts.end_part(ordinal - ordinal % accounts_per_part, digest)?;
    }
    let _ = add(&mut collected, true);
    Ok(RoundEnd { accounts: ordinal, duplicates: accounts.duplicates() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::sidecars::{Category, FailedLine};

    /// Sends accounts in parts of 3, with these committed parts; returns the digests of the others.
    fn digests(
        names: &[&str],
        committed: BTreeMap<u64, Option<String>>,
    ) -> Result<BTreeMap<u64, Option<String>>, SourceError> {
        let line = |(index, name): (usize, &&str)| {
            Ok(FailedLine {
                account: (*name).to_owned(),
                category: Category::NoAnswer,
                input_line: index as u64 + 1,
            })
        };
        let lines: Vec<_> = names.iter().enumerate().map(line).collect();
        let parts = PartDigests { committed, new: SharedDigests::default() };
        let (sender, _blocks) = mpsc::channel(100);
        let source = AccountSource::Failed(Box::new(lines.into_iter()));
        let end = send_chunks(source, 3, &parts, &sender)?;
        assert_eq!(end.accounts, names.len() as u64);
        let starts = (0..end.accounts).step_by(3);
        Ok(starts.filter_map(|first| Some((first, Some(parts.new.take(first)?)))).collect())
    }

    #[test]
    fn committed_parts_of_another_list_are_refused() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let recorded = digests(&names, BTreeMap::new()).unwrap();
        assert_eq!(recorded.keys().copied().collect::<Vec<_>>(), [0, 3, 6]);
        assert!(digests(&names, recorded.clone()).unwrap().is_empty());
        let without = recorded.keys().map(|first| (*first, None)).collect();
        assert!(digests(&["x", "y", "z"], without).unwrap().is_empty());
        for (other, part) in [
            (["a", "x", "c", "d", "e", "f", "g"], 0),
            (["a", "c", "b", "d", "e", "f", "g"], 0),
            (["a", "b", "c", "d", "ef", "", "g"], 3),
            (["a", "b", "c", "d", "e", "f", "h"], 6),
        ] {
            let refused = digests(&other, recorded.clone());
            let is_part = matches!(refused, Err(SourceError::OtherList { first_ordinal }) if first_ordinal == part);
            assert!(is_part, "{other:?}: {refused:?}");
        }
    }
}
