//! What an answer means for each account of its chunk.
//!
//! Answers are matched to accounts **by name**. An account's outcome is decided from all that the answer says of it: its
//! item, the items under a marker, and `Fail_Account`. A row needs positive evidence: an item of that name with code 0, or
//! with a profile and no code, that nothing else in the answer contradicts. Source: `docs/im-rest-api.md` sections 3,
//! 5 and 9.

use std::collections::HashMap;

use super::error_codes::ErrorCodeRule;
use super::response::{Code, Item, NOT_FOUND_MARKER, ProfileItem, Response};

/// Names under which the service returns an account that it does not know or cannot read. The account's own name is lost.
const MARKERS: [&str; 3] = [NOT_FOUND_MARKER, "@TLS#ERROR", ""];

/// What the answer means for one account of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOutcome {
    /// A row: the item at this position of [`Response::items`].
    Row(usize),
    /// The item at this position has a code other than 0. It is the account's own, or the one marker that can only mean
    /// this account.
    Code(usize),
    /// The answer says too little, or too much, to decide: the account has to be requested again.
    Doubtful(Doubt),
    /// Some of the markers may mean the account: a smaller chunk shows which.
    Ambiguous,
    /// Not mentioned.
    Unanswered,
}

/// Why an answer does not decide an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// In `Fail_Account`, and no code says why.
    #[error("the response lists the account in Fail_Account and gives no error code for it")]
    FailedWithoutCode,
    /// A code that cannot be read.
    #[error("the ResultCode of the account is not a number")]
    UnreadableCode,
    /// Neither a code nor a profile.
    #[error("the response gives neither a ResultCode nor a ProfileItem for the account")]
    NoEvidence,
    /// A key that may have decided is damaged.
    #[error("the response is not valid UTF-8 where it describes the account")]
    Damaged,
    /// Several items, and they do not say the same, or one that says two things.
    #[error("the response contradicts itself about the account")]
    Contradiction,
}

/// Decides the outcome of every account, by position in the chunk.
pub fn reconcile(accounts: &[impl AsRef<str>], answer: &Response<'_>) -> Vec<AccountOutcome> {
    let mut places = ChunkIndex::new(accounts);
    let mut outcomes = vec![AccountOutcome::Unanswered; accounts.len()];
    let mut markers = Vec::new();
    let mut is_clean = answer.dropped_items == 0 && !answer.failed_accounts_are_unreadable;
    for (item_index, item) in answer.items.iter().enumerate() {
        if MARKERS.contains(&&*item.account) {
            markers.push(item_index);
            continue;
        }
        let Some(at) = places.find(&item.account) else {
            is_clean = false;
            continue;
        };
        outcomes[at] = match outcomes[at] {
            AccountOutcome::Unanswered => outcome_of(item_index, item),
            earlier => {
                is_clean = false;
                match earlier {
                    AccountOutcome::Row(index) | AccountOutcome::Code(index)
                        if is_same(answer, &answer.items[index], item) =>
                    {
                        earlier
                    }
                    _ => AccountOutcome::Doubtful(Doubt::Contradiction),
                }
            }
        };
    }
    // Nearly always empty, and then it allocates nothing.
    let failed: Vec<usize> =
        answer.failed_accounts.iter().filter_map(|name| places.find(name)).collect();
    if !markers.is_empty() {
        attribute_markers(answer, &markers, is_clean, &failed, &mut outcomes);
    }
    for at in failed {
        if matches!(outcomes[at], AccountOutcome::Row(_) | AccountOutcome::Unanswered) {
            outcomes[at] = AccountOutcome::Doubtful(Doubt::FailedWithoutCode);
        }
    }
    if answer.failed_accounts_are_unreadable {
        // It may name any of them.
        let rows = outcomes.iter_mut().filter(|outcome| matches!(outcome, AccountOutcome::Row(_)));
        rows.for_each(|row| *row = AccountOutcome::Doubtful(Doubt::FailedWithoutCode));
    }
    outcomes
}

/// What an item says of its account by itself.
fn outcome_of(item_index: usize, item: &Item<'_>) -> AccountOutcome {
    if item.is_damaged {
        return AccountOutcome::Doubtful(Doubt::Damaged);
    }
    match (item.result_code, item.profile) {
        (Code::Number(code), _)
            if ErrorCodeRule::for_code(code).is_not_found() && !item.values.is_empty() =>
        {
            AccountOutcome::Doubtful(Doubt::Contradiction)
        }
        (Code::Number(0), _) | (Code::Absent, ProfileItem::Array) => {
            AccountOutcome::Row(item_index)
        }
        (Code::Number(_), _) => AccountOutcome::Code(item_index),
        (Code::Unreadable(_), _) => AccountOutcome::Doubtful(Doubt::UnreadableCode),
        (Code::Absent, _) => AccountOutcome::Doubtful(Doubt::NoEvidence),
    }
}

/// Whether two items of an account say the same.
fn is_same(answer: &Response<'_>, one: &Item<'_>, other: &Item<'_>) -> bool {
    let values = |item: &Item<'_>| &answer.values[item.values.clone()];
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
/// `Fail_Account` says so where it names any of them. Else it must be all of them, and only if there are as many markers,
/// `Fail_Account` names nobody else, and nothing in the answer was repeated, foreign or unreadable (`is_clean`): what is
/// missing may otherwise have been lost.
/// An account that was requested alone is the only one that any number of markers can mean.
/// Markers of one code that says "not found" decide their accounts. Any other marker decides only the one account that
/// it can mean.
fn attribute_markers(
    answer: &Response<'_>,
    markers: &[usize],
    is_clean: bool,
    failed: &[usize],
    outcomes: &mut [AccountOutcome],
) {
    let unanswered: Vec<usize> =
        (0..outcomes.len()).filter(|at| outcomes[*at] == AccountOutcome::Unanswered).collect();
    let named: Vec<usize> = unanswered.iter().copied().filter(|at| failed.contains(at)).collect();
    let names_others = answer.failed_accounts.iter().any(|name| !MARKERS.contains(&&**name));
    let (meant, is_certain) = if !named.is_empty() {
        (&named, markers.len() >= named.len())
    } else {
        let is_alone = outcomes.len() == 1;
        let numbers_agree = is_alone || markers.len() == unanswered.len();
        (&unanswered, is_clean && numbers_agree && !names_others)
    };
    let code = answer.items[markers[0]].result_code;
    let is_one_code = markers.iter().all(|index| answer.items[*index].result_code == code);
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
        // Requested alone there is no smaller chunk.
        None if outcomes.len() == 1 => {
            unanswered
                .iter()
                .for_each(|at| outcomes[*at] = AccountOutcome::Doubtful(Doubt::Contradiction));
        }
        None => unanswered.iter().for_each(|at| outcomes[*at] = AccountOutcome::Ambiguous),
    }
}

/// Finds accounts in the chunk they were asked with: first from where the next one stands when the answer keeps the order
/// of the request, else by hash.
struct ChunkIndex<'c, A> {
    accounts: &'c [A],
    /// Where the next account of an answer in order stands.
    expected: usize,
    /// Made when an answer is out of order.
    by_name: Option<HashMap<&'c str, usize>>,
}

impl<'c, A: AsRef<str>> ChunkIndex<'c, A> {
    fn new(accounts: &'c [A]) -> Self {
        ChunkIndex { accounts, expected: 0, by_name: None }
    }

    fn find(&mut self, account: &str) -> Option<usize> {
        /// So many accounts left out in a row are no reason to hash the chunk.
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
        let places = self.accounts.iter().enumerate();
        self.by_name.get_or_insert_with(|| places.map(|(at, name)| (name.as_ref(), at)).collect())
    }
}
#[cfg(test)]
mod tests;
