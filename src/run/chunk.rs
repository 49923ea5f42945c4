//! Accounts on their way: cut from the list into chunks, each within one part.

use tokio::sync::mpsc;

use crate::accounts::{DistinctAccounts, ListError};
use crate::api::wire::MAX_ACCOUNTS_PER_CALL;

/// One account on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account id.
    pub name: String,
    /// Its place among the distinct valid accounts.
    pub ordinal: u64,
    /// Where it stands in the list.
    pub line: u64,
    /// How often it has been asked in vain.
    pub attempts: u32,
}

impl AsRef<str> for Account {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

/// Accounts that are asked together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// At most [`MAX_ACCOUNTS_PER_CALL`], in ordinal order.
    pub accounts: Vec<Account>,
    /// Whether these are fresh from the list: their rows have a place of their own. Rows of others come late in
    /// their part.
    pub is_first: bool,
}

impl Chunk {
    /// A chunk of accounts that are asked again.
    pub fn again(mut accounts: Vec<Account>) -> Chunk {
        accounts.sort_unstable_by_key(|account| account.ordinal);
        Chunk { accounts, is_first: false }
    }

    /// The ordinals of a first chunk.
    pub fn ordinals(&self) -> std::ops::Range<u64> {
        match (self.accounts.first(), self.accounts.last()) {
            (Some(first), Some(last)) => first.ordinal..last.ordinal + 1,
            _ => 0..0,
        }
    }

    /// The fewest times any of its accounts has been asked in vain.
    pub fn fewest_attempts(&self) -> u32 {
        self.accounts.iter().map(|account| account.attempts).min().unwrap_or(0)
    }
}

/// What the list held, known when it has been read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListEnd {
    /// Distinct valid accounts.
    pub accounts: u64,
    /// Entries that repeat an earlier one.
    pub duplicates: u64,
}

/// Cuts the list into chunks and sends them until it ends, or until nobody listens any more.
pub fn send_chunks(
    mut list: DistinctAccounts,
    accounts_per_part: u64,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<ListEnd, ListError> {
    let mut ordinal = 0;
    let mut accounts = Vec::with_capacity(MAX_ACCOUNTS_PER_CALL);
    while let Some(account) = list.next_account()? {
        let name = account.name.to_owned();
        accounts.push(Account { name, ordinal, line: account.line, attempts: 0 });
        ordinal += 1;
        if accounts.len() == MAX_ACCOUNTS_PER_CALL || ordinal % accounts_per_part == 0 {
            let next = Vec::with_capacity(MAX_ACCOUNTS_PER_CALL);
            let accounts = std::mem::replace(&mut accounts, next);
            if chunks.blocking_send(Chunk { accounts, is_first: true }).is_err() {
                return Ok(ListEnd { accounts: ordinal, duplicates: list.duplicates() });
            }
        }
    }
    if !accounts.is_empty() {
        // Nobody listens only when the run has stopped, which then has its own reason.
        let _ = chunks.blocking_send(Chunk { accounts, is_first: true });
    }
    Ok(ListEnd { accounts: ordinal, duplicates: list.duplicates() })
}
