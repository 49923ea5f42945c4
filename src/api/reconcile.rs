//! What a response means for each account of its chunk.
//!
//! Items are matched to accounts **by name**. The outcome of an account follows from everything that the response says about
//! it: its item, the items under a marker, and `Fail_Account`. A row needs positive evidence: an item of that name with code 0,
//! or with a profile and no code, that nothing else in the response contradicts. Source: `docs/im-rest-api.md` sections 3,
//! 5 and 9.

use std::collections::{HashMap, HashSet};

use super::error_codes::ErrorCodeRule;
use super::response::{Code, Item, NOT_FOUND_MARKER, ProfileItem, Response};

/// Names under which the service returns an account that it does not know or cannot read, instead of the account's own.
const MARKERS: [&str; 3] = [NOT_FOUND_MARKER, "@TLS#ERROR", ""];

/// What the response means for one account of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOutcome {
    /// A row: the item at this position of [`Response::items`].
    Row(usize),
    /// The item at this position has a code other than 0. It is the item of the account, or a marker that can only mean it.
    Code(usize),
    /// The response does not decide: the account has to be retried.
    Doubtful(Doubt),
    /// A marker may mean the account; a smaller chunk shows which one does.
    Ambiguous,
    /// The response does not mention the account.
    Unmentioned,
}

/// Why a response does not decide an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("the response lists the account in Fail_Account and gives no error code for it")]
    FailedWithoutCode,
    #[error("the ResultCode of the account is not a number")]
    UnreadableCode,
    #[error("the response gives neither a ResultCode nor a ProfileItem for the account")]
    NoEvidence,
    /// A damaged key may have been one that decides.
    #[error("the response is not valid UTF-8 where it describes the account")]
    Damaged,
    /// Several items that differ, or one that contradicts itself.
    #[error("the response contradicts itself about the account")]
    Contradiction,
}

/// Decides the outcome of every account, by position in the chunk.
pub fn reconcile(accounts: &[impl AsRef<str>], response: &Response<'_>) -> Vec<AccountOutcome> {
    let mut chunk_index = ChunkIndex::new(accounts);
    let mut outcomes = vec![AccountOutcome::Unmentioned; accounts.len()];
    let mut markers = Vec::new();
    let mut is_clean = response.dropped_items == 0 && !response.failed_accounts_are_unreadable;
    for (item_index, item) in response.items.iter().enumerate() {
        if is_marker(&item.account) {
            markers.push(item_index);
            continue;
        }
        let Some(at) = chunk_index.find(&item.account) else {
            is_clean = false;
            continue;
        };
        outcomes[at] = match outcomes[at] {
            AccountOutcome::Unmentioned => item_outcome(item_index, item),
            earlier => {
                is_clean = false;
                match earlier {
                    AccountOutcome::Row(index) | AccountOutcome::Code(index)
                        if is_same(response, &response.items[index], item) =>
                    {
                        earlier
                    }
                    _ => AccountOutcome::Doubtful(Doubt::Contradiction),
                }
            }
        };
    }
    if outcomes.contains(&AccountOutcome::Unmentioned) {
        give_twins_one_outcome(accounts, &mut outcomes);
    }
    // Allocates nothing if empty, which it nearly always is.
    let failed: Vec<usize> = match response.failed_accounts.as_slice() {
        [] => Vec::new(),
        names => {
            let names: HashSet<&str> = names.iter().map(|name| &**name).collect();
            (0..accounts.len()).filter(|at| names.contains(accounts[*at].as_ref())).collect()
        }
    };
    if !markers.is_empty() {
        attribute_markers(response, &markers, is_clean, &failed, &mut outcomes);
    }
    for at in failed {
        if matches!(outcomes[at], AccountOutcome::Row(_) | AccountOutcome::Unmentioned) {
            outcomes[at] = AccountOutcome::Doubtful(Doubt::FailedWithoutCode);
        }
    }
    if response.failed_accounts_are_unreadable {
        // Any account may be in it.
        let rows = outcomes.iter_mut().filter(|outcome| matches!(outcome, AccountOutcome::Row(_)));
        rows.for_each(|row| *row = AccountOutcome::Doubtful(Doubt::FailedWithoutCode));
    }
    outcomes
}

/// An account that is several times in the chunk may be only once in the response, which then counts for all of them.
fn give_twins_one_outcome(accounts: &[impl AsRef<str>], outcomes: &mut [AccountOutcome]) {
    let mentioned: HashMap<&str, AccountOutcome> = accounts
        .iter()
        .zip(outcomes.iter())
        .filter(|(_, outcome)| **outcome != AccountOutcome::Unmentioned)
        .map(|(account, outcome)| (account.as_ref(), *outcome))
        .collect();
    for (account, outcome) in accounts.iter().zip(outcomes) {
        if *outcome == AccountOutcome::Unmentioned
            && let Some(of_twin) = mentioned.get(account.as_ref())
        {
            *outcome = *of_twin;
        }
    }
}

fn is_marker(name: &str) -> bool {
    // Most names are excluded by their first byte.
    matches!(name.as_bytes().first(), None | Some(b'@')) && MARKERS.contains(&name)
}

/// What an item by itself says about its account.
fn item_outcome(item_index: usize, item: &Item<'_>) -> AccountOutcome {
    if item.is_damaged {
        return AccountOutcome::Doubtful(Doubt::Damaged);
    }
    match (item.result_code, item.profile) {
        (Code::Number(0), _) | (Code::Absent, ProfileItem::Array) => {
            AccountOutcome::Row(item_index)
        }
        (Code::Number(code), _)
            if ErrorCodeRule::for_code(code).is_not_found() && !item.values.is_empty() =>
        {
            AccountOutcome::Doubtful(Doubt::Contradiction)
        }
        (Code::Number(_), _) => AccountOutcome::Code(item_index),
        (Code::Unreadable(_), _) => AccountOutcome::Doubtful(Doubt::UnreadableCode),
        (Code::Absent, _) => AccountOutcome::Doubtful(Doubt::NoEvidence),
    }
}

/// Whether two items of an account are equal.
fn is_same(response: &Response<'_>, one: &Item<'_>, other: &Item<'_>) -> bool {
    let values = |item: &Item<'_>| &response.values[item.values.clone()];
    let (values_of_one, values_of_other) = (values(one), values(other));
    one.result_code == other.result_code
        && one.profile == other.profile
        && values_of_one.len() == values_of_other.len()
        && values_of_one.iter().all(|value| {
            values_of_other
                .iter()
                .any(|twin| twin.tag_index == value.tag_index && twin.value.is_same(&value.value))
        })
}

/// Decides which of the accounts without an item of their own the markers mean.
///
/// These are the accounts that `Fail_Account` names. If it names none of them, the markers mean all of them, provided that
/// there are as many markers, that `Fail_Account` names no other account, and that nothing in the response was repeated,
/// foreign or unreadable (`is_clean`): otherwise items may be missing.
/// If one account was requested, any number of markers can only mean that one.
/// Markers that all say "not found" decide all of their accounts; any other marker decides only a single account.
fn attribute_markers(
    response: &Response<'_>,
    markers: &[usize],
    is_clean: bool,
    failed: &[usize],
    outcomes: &mut [AccountOutcome],
) {
    let unmentioned: Vec<usize> =
        (0..outcomes.len()).filter(|at| outcomes[*at] == AccountOutcome::Unmentioned).collect();
    let named: Vec<usize> = unmentioned.iter().copied().filter(|at| failed.contains(at)).collect();
    let names_others = response.failed_accounts.iter().any(|name| !is_marker(name));
    let (meant, is_certain) = if !named.is_empty() {
        (&named, markers.len() >= named.len())
    } else {
        let is_alone = outcomes.len() == 1;
        let numbers_agree = is_alone || markers.len() == unmentioned.len();
        (&unmentioned, is_clean && numbers_agree && !names_others)
    };
    let code = response.items[markers[0]].result_code;
    let is_one_code = markers.iter().all(|index| response.items[*index].result_code == code);
    let outcome = match code {
        _ if !is_certain || !is_one_code => None,
        Code::Number(number) if ErrorCodeRule::for_code(number).is_not_found() => {
            Some(AccountOutcome::Code(markers[0]))
        }
        _ if meant.len() > 1 => None,
        Code::Number(0) | Code::Absent => Some(AccountOutcome::Doubtful(Doubt::NoEvidence)),
        Code::Number(_) => Some(AccountOutcome::Code(markers[0])),
        Code::Unreadable(_) => Some(AccountOutcome::Doubtful(Doubt::UnreadableCode)),
    };
    match outcome {
        Some(outcome) => meant.iter().for_each(|at| outcomes[*at] = outcome),
        // The chunk cannot be split further.
        None if outcomes.len() == 1 => {
            unmentioned
                .iter()
                .for_each(|at| outcomes[*at] = AccountOutcome::Doubtful(Doubt::Contradiction));
        }
        None => unmentioned.iter().for_each(|at| outcomes[*at] = AccountOutcome::Ambiguous),
    }
}

/// Finds accounts in their chunk: by position while the response keeps the order of the request, otherwise by hash.
struct ChunkIndex<'c, A> {
    accounts: &'c [A],
    /// Position of the next account if the response keeps the order.
    expected: usize,
    /// Created for the first account out of order.
    by_name: Option<HashMap<&'c str, usize>>,
}

impl<'c, A: AsRef<str>> ChunkIndex<'c, A> {
    fn new(accounts: &'c [A]) -> Self {
        ChunkIndex { accounts, expected: 0, by_name: None }
    }

    fn find(&mut self, account: &str) -> Option<usize> {
        /// Number of omitted accounts in a row that does not require hashing.
        const LOOK_AHEAD: usize = 4;
        let rest = &self.accounts[self.expected..];
        let ahead = rest.iter().take(LOOK_AHEAD).position(|next| next.as_ref() == account);
        let at = match ahead {
            Some(offset) => self.expected + offset,
            None => *self.by_name().get(account)?,
        };
        self.expected = at + 1;
        Some(at)
    }

    fn by_name(&mut self) -> &HashMap<&'c str, usize> {
        let accounts = self.accounts.iter().enumerate();
        self.by_name.get_or_insert_with(|| accounts.map(|(at, name)| (name.as_ref(), at)).collect())
    }
}

#[cfg(test)]
mod tests;
