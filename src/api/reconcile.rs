//! What an answer means for each account of its chunk.
//!
//! Answers are matched to accounts **by name**. An account's outcome is decided from all that the answer says of it: its
//! item, the items under a marker, and `Fail_Account`. A row needs positive evidence: an item of that name with code 0, or
//! with a profile and no code, that nothing else in the answer contradicts. Source: `reference/im-rest-api.md` sections 3,
//! 5 and 9.

use std::collections::HashMap;

use super::codes::rule_of;
use super::wire::{Answer, Code, Item, NOT_FOUND_MARKER, ProfileItem};

/// Names under which the service returns an account that it does not know or cannot read. The account's own name is lost.
const MARKERS: [&str; 3] = [NOT_FOUND_MARKER, "@TLS#ERROR", ""];

/// What the answer means for one account of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOutcome {
    /// A row: the item at this position of [`Answer::items`].
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
    /// Several items, and they do not say the same.
    #[error("the response contradicts itself about the account")]
    Contradiction,
}

/// Decides the outcome of every account, by position in the chunk.
pub fn reconcile(accounts: &[impl AsRef<str>], answer: &Answer<'_>) -> Vec<AccountOutcome> {
    let mut places = Places::new(accounts);
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
    match (item.result_code, item.profile) {
        (Code::Number(0), _) | (Code::Absent, ProfileItem::Array) => {
            AccountOutcome::Row(item_index)
        }
        (Code::Number(_), _) => AccountOutcome::Code(item_index),
        (Code::Unreadable(_), _) => AccountOutcome::Doubtful(Doubt::UnreadableCode),
        (Code::Absent, _) => AccountOutcome::Doubtful(Doubt::NoEvidence),
    }
}

/// Whether two items of an account say the same.
fn is_same(answer: &Answer<'_>, one: &Item<'_>, other: &Item<'_>) -> bool {
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
/// `Fail_Account` says so where it names any of them. Else it must be all of them, and only if there are as many markers
/// and nothing in the answer was repeated, foreign or unreadable (`is_clean`): what is missing may otherwise have been lost.
/// An account that was requested alone is the only one that any number of markers can mean.
/// Markers of one code that says "not found" decide their accounts. Any other marker decides only the one account that
/// it can mean.
fn attribute_markers(
    answer: &Answer<'_>,
    markers: &[usize],
    is_clean: bool,
    failed: &[usize],
    outcomes: &mut [AccountOutcome],
) {
    let unanswered: Vec<usize> =
        (0..outcomes.len()).filter(|at| outcomes[*at] == AccountOutcome::Unanswered).collect();
    let named: Vec<usize> = unanswered.iter().copied().filter(|at| failed.contains(at)).collect();
    let (meant, is_certain) = if named.is_empty() {
        let is_alone = outcomes.len() == 1;
        (&unanswered, is_clean && (is_alone || markers.len() == unanswered.len()))
    } else {
        (&named, markers.len() >= named.len())
    };
    let code = answer.items[markers[0]].result_code;
    let is_one_code = markers.iter().all(|index| answer.items[*index].result_code == code);
    let outcome = match code {
        _ if !is_certain || !is_one_code => None,
        Code::Number(number) if rule_of(number).is_not_found() => {
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
struct Places<'c, A> {
    accounts: &'c [A],
    /// Where the next account of an answer in order stands.
    expected: usize,
    /// Made when an answer is out of order.
    by_name: Option<HashMap<&'c str, usize>>,
}

impl<'c, A: AsRef<str>> Places<'c, A> {
    fn new(accounts: &'c [A]) -> Self {
        Places { accounts, expected: 0, by_name: None }
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
mod tests {
    use proptest::prelude::*;

    use super::AccountOutcome::{Ambiguous, Code as HasCode, Doubtful, Row, Unanswered};
    use super::*;
    use crate::api::wire::{AskedTags, decode};

    /// The outcomes of a response with these parts of JSON.
    fn outcomes(accounts: &[&str], items: &[&str], more: &str) -> Vec<AccountOutcome> {
        let body = format!(r#"{{"UserProfileItem":[{}],"ErrorCode":0{more}}}"#, items.join(","));
        reconcile(accounts, &decode(&body, &AskedTags::new(["T"])).unwrap())
    }

    fn item(account: &str, code: i64) -> String {
        format!(r#"{{"To_Account":"{account}","ResultCode":{code}}}"#)
    }

    fn with_codes(accounts: &[&str], items: &[(&str, i64)], more: &str) -> Vec<AccountOutcome> {
        let items: Vec<String> = items.iter().map(|(account, code)| item(account, *code)).collect();
        outcomes(accounts, &items.iter().map(String::as_str).collect::<Vec<_>>(), more)
    }

    const NOT_FOUND: (&str, i64) = ("@TLS#NOT_FOUND", 40003);
    const CONTRADICTION: AccountOutcome = Doubtful(Doubt::Contradiction);
    const FAILED: AccountOutcome = Doubtful(Doubt::FailedWithoutCode);

    #[test]
    fn items_in_order_out_of_order_and_foreign() {
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], ""), [Row(0), Row(1)]);
        assert_eq!(with_codes(&["a", "b"], &[("b", 0), ("a", 0)], ""), [Row(1), Row(0)]);
        assert_eq!(with_codes(&["a", "b"], &[("x", 0), ("a", 0)], ""), [Row(1), Unanswered]);
        assert_eq!(with_codes(&["a"], &[("A", 0)], ""), [Unanswered]);
    }

    #[test]
    fn a_row_needs_a_code_of_0_or_a_profile_without_a_code() {
        let outcome =
            |item: &str| outcomes(&["a"], &[&format!(r#"{{"To_Account":"a"{item}}}"#)], "")[0];
        assert_eq!(outcome(r#","ResultCode":0"#), Row(0));
        assert_eq!(outcome(r#","ResultCode":0,"ProfileItem":null"#), Row(0));
        assert_eq!(outcome(r#","ResultCode":0,"ProfileItem":"x""#), Row(0));
        assert_eq!(outcome(r#","ProfileItem":[]"#), Row(0));
        assert_eq!(outcome(r#","ProfileItem":[{"Tag":"T","Value":1}]"#), Row(0));
        for item in ["", r#","ProfileItem":null"#, r#","ProfileItem":"x""#, r#","ProfileItem":{}"#]
        {
            assert_eq!(outcome(item), Doubtful(Doubt::NoEvidence), "{item}");
        }
        for code in ["null", "true", r#""OK""#, "[]", "0.5"] {
            let item = format!(r#","ProfileItem":[],"ResultCode":{code}"#);
            assert_eq!(outcome(&item), Doubtful(Doubt::UnreadableCode), "{code}");
        }
        assert_eq!(outcome(r#","ProfileItem":[],"ResultCode":40006"#), HasCode(0));
    }

    #[test]
    fn an_account_in_fail_account_is_never_a_row() {
        let failed = r#","Fail_Account":["b"]"#;
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], failed), [Row(0), FAILED]);
        assert_eq!(
            with_codes(&["a", "b"], &[("a", 0), ("b", 40006)], failed),
            [Row(0), HasCode(1)]
        );
        assert_eq!(with_codes(&["a", "b"], &[("a", 0)], failed), [Row(0), FAILED]);
        let without_code = r#"{"To_Account":"b","ProfileItem":[]}"#;
        assert_eq!(outcomes(&["a", "b"], &[&item("a", 0), without_code], failed), [Row(0), FAILED]);
        let old = r#","Invalid_Account":["b"]"#;
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0)], old), [Row(0), FAILED]);
    }

    #[test]
    fn a_list_of_failed_accounts_that_cannot_be_read_may_name_anybody() {
        for failed in [r#"{"0":"a"}"#, r#""a""#, "[null]", "7"] {
            let more = format!(r#","Fail_Account":{failed}"#);
            assert_eq!(
                with_codes(&["a", "b"], &[("a", 0), ("b", 40006)], &more),
                [FAILED, HasCode(1)]
            );
        }
    }

    #[test]
    fn items_of_one_account_must_agree() {
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), ("b", 0), ("a", 0)], ""), [Row(0), Row(1)]);
        for codes in [[0, 40006], [40006, 0], [40006, 40003]] {
            let items = [("a", codes[0]), ("b", 0), ("a", codes[1])];
            assert_eq!(with_codes(&["a", "b"], &items, ""), [CONTRADICTION, Row(1)], "{codes:?}");
        }
        let with_value = |value: &str| {
            format!(
                r#"{{"To_Account":"a","ResultCode":0,"ProfileItem":[{{"Tag":"T","Value":{value}}}]}}"#
            )
        };
        let two =
            |one: &str, other: &str| outcomes(&["a"], &[&with_value(one), &with_value(other)], "");
        assert_eq!(two("7", "7"), [Row(0)]);
        assert_eq!(two(r#""x""#, r#""\u0078""#), [Row(0)]);
        assert_eq!(two("7", "8"), [CONTRADICTION]);
        let three = [("a", 0), ("a", 40006), ("a", 0)];
        assert_eq!(with_codes(&["a"], &three, ""), [CONTRADICTION]);
    }

    #[test]
    fn as_many_markers_as_unanswered_accounts_are_not_found() {
        let accounts = ["a", "b", "c"];
        let answer = with_codes(&accounts, &[("b", 0), NOT_FOUND, ("", 40003)], "");
        assert_eq!(answer, [HasCode(1), Row(0), HasCode(1)]);
        let answer = with_codes(&accounts, &[("b", 0), ("@TLS#ERROR", 70107), ("", 70107)], "");
        assert_eq!(answer, [HasCode(1), Row(0), HasCode(1)]);
        // An old key that is always there changes nothing.
        let empty = r#","Fail_Account":[],"Invalid_Account":[]"#;
        assert_eq!(with_codes(&["a"], &[NOT_FOUND], empty), [HasCode(0)]);
        // Failed accounts under the marker's name say nothing of whom they mean.
        let markers = r#","Fail_Account":["@TLS#NOT_FOUND"]"#;
        assert_eq!(with_codes(&["a", "b"], &[("a", 0), NOT_FOUND], markers), [Row(0), HasCode(1)]);
    }

    #[test]
    fn fail_account_says_which_accounts_the_markers_mean() {
        let accounts = ["a", "b", "c"];
        let failed = r#","Fail_Account":["b"]"#;
        let answer = with_codes(&accounts, &[("a", 0), NOT_FOUND], failed);
        assert_eq!(answer, [Row(0), HasCode(1), Unanswered]);
        let repeated = with_codes(&accounts, &[("a", 0), NOT_FOUND, NOT_FOUND], failed);
        assert_eq!(repeated, [Row(0), HasCode(1), Unanswered]);
        let both = with_codes(&accounts, &[("a", 0), NOT_FOUND], r#","Fail_Account":["b","c"]"#);
        assert_eq!(both, [Row(0), Ambiguous, Ambiguous]);
    }

    #[test]
    fn numbers_that_disagree_and_a_response_that_is_not_clean_decide_nothing() {
        let accounts = ["a", "b", "c"];
        let fewer = with_codes(&accounts, &[NOT_FOUND, ("c", 0)], "");
        assert_eq!(fewer, [Ambiguous, Ambiguous, Row(1)]);
        let more = with_codes(&accounts, &[NOT_FOUND, NOT_FOUND, ("b", 0), ("c", 0)], "");
        assert_eq!(more, [Ambiguous, Row(2), Row(3)]);
        for disturbing in [r#"{"To_Account":"x","ResultCode":0}"#, &item("b", 0), "7", "{}"] {
            let items = [&item("@TLS#NOT_FOUND", 40003), &item("b", 0), &item("c", 0), disturbing];
            assert_eq!(
                outcomes(&accounts, &items, ""),
                [Ambiguous, Row(1), Row(2)],
                "{disturbing}"
            );
        }
    }

    #[test]
    fn a_marker_with_another_code_decides_only_the_one_account_it_can_mean() {
        let error = ("@TLS#ERROR", 40006);
        assert_eq!(with_codes(&["a", "b"], &[error, ("b", 0)], ""), [HasCode(0), Row(1)]);
        assert_eq!(with_codes(&["a", "b"], &[error, error], ""), [Ambiguous, Ambiguous]);
        assert_eq!(with_codes(&["a", "b"], &[error, NOT_FOUND], ""), [Ambiguous, Ambiguous]);
        assert_eq!(with_codes(&["a"], &[error, NOT_FOUND], ""), [CONTRADICTION]);
        let without_code = r#"{"To_Account":"@TLS#NOT_FOUND"}"#;
        assert_eq!(outcomes(&["a"], &[without_code], ""), [Doubtful(Doubt::NoEvidence)]);
        assert_eq!(with_codes(&["a"], &[("", 0)], ""), [Doubtful(Doubt::NoEvidence)]);
        let unreadable = r#"{"To_Account":"","ResultCode":"x"}"#;
        assert_eq!(outcomes(&["a"], &[unreadable], ""), [Doubtful(Doubt::UnreadableCode)]);
    }

    #[test]
    fn alone_there_is_no_smaller_chunk() {
        assert_eq!(with_codes(&["a"], &[NOT_FOUND], ""), [HasCode(0)]);
        assert_eq!(with_codes(&["a"], &[NOT_FOUND, NOT_FOUND], ""), [HasCode(0)]);
        assert_eq!(with_codes(&["a"], &[NOT_FOUND, ("x", 0)], ""), [CONTRADICTION]);
        assert_eq!(with_codes(&["a"], &[], ""), [Unanswered]);
    }

    /// An item of a response: its name, its code and its profile, both as JSON or absent.
    type ItemParts = (String, Option<&'static str>, Option<&'static str>);

    fn any_item() -> impl Strategy<Value = ItemParts> {
        let name = prop_oneof![6 => "[a-e]", 1 => Just("@TLS#NOT_FOUND".to_owned()),
            1 => Just("@TLS#ERROR".to_owned()), 1 => Just(String::new()), 1 => Just("x".to_owned())];
        let code = proptest::sample::select(vec![
            None,
            Some("0"),
            Some("0"),
            Some("\"0\""),
            Some("40003"),
            Some("70107"),
            Some("40006"),
            Some("40009"),
            Some("null"),
            Some("false"),
            Some("\"OK\""),
        ]);
        let profile = proptest::sample::select(vec![
            None,
            Some("[]"),
            Some("null"),
            Some("\"x\""),
            Some(r#"[{"Tag":"T","Value":1}]"#),
            Some(r#"[{"Tag":"T","Value":2}]"#),
        ]);
        (name, code, profile)
    }

    fn written((name, code, profile): &ItemParts) -> String {
        let code = code.map_or_else(String::new, |code| format!(r#","ResultCode":{code}"#));
        let profile = profile.map_or_else(String::new, |it| format!(r#","ProfileItem":{it}"#));
        format!(r#"{{"To_Account":"{name}"{profile}{code}}}"#)
    }

    fn is_not_found_code(code: Option<&str>) -> bool {
        matches!(code, Some("40003" | "70107"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever comes: no account that the response reports as failed becomes a row, none becomes one without
        /// evidence, and none is "not found" without evidence.
        #[test]
        fn success_and_not_found_need_evidence(
            asked in proptest::collection::hash_set("[a-e]", 1..6),
            items in proptest::collection::vec(any_item(), 0..8),
            failed in proptest::collection::vec("([a-e]|x|@TLS#NOT_FOUND)", 0..3),
        ) {
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            let texts: Vec<String> = items.iter().map(written).collect();
            let failed_accounts = serde_json::to_string(&failed).unwrap();
            let body = format!(
                r#"{{"UserProfileItem":[{}],"Fail_Account":{failed_accounts},"ErrorCode":0}}"#, texts.join(","));
            let answer = decode(&body, &AskedTags::new(["T"])).unwrap();
            let outcomes = reconcile(&asked, &answer);
            prop_assert_eq!(outcomes.len(), asked.len());
            for (account, outcome) in asked.iter().zip(outcomes) {
                let own: Vec<&ItemParts> = items.iter().filter(|(name, ..)| name == account).collect();
                let is_success = |(_, code, profile): &ItemParts| match code {
                    Some(code) => matches!(*code, "0" | "\"0\""),
                    None => profile.is_some_and(|profile| profile.starts_with('[')),
                };
                match outcome {
                    Row(index) => {
                        prop_assert!(items[index].0 == *account);
                        prop_assert!(!own.is_empty() && own.iter().all(|item| is_success(item)));
                        prop_assert!(!failed.iter().any(|name| name == account));
                    }
                    HasCode(index) if items[index].0 == *account => {
                        prop_assert!(own.iter().all(|item| item.1 == items[index].1));
                    }
                    HasCode(index) => {
                        prop_assert!(own.is_empty());
                        let markers: Vec<&ItemParts> =
                            items.iter().filter(|(name, ..)| MARKERS.contains(&&**name)).collect();
                        if is_not_found_code(items[index].1) {
                            prop_assert!(markers.iter().all(|(_, code, _)| is_not_found_code(*code)));
                            let silent = |name: &&&str| !items.iter().any(|(item, ..)| item == **name);
                            let silent = asked.iter().filter(silent).count();
                            let is_named = failed.iter().any(|name| name == account);
                            prop_assert!(is_named || asked.len() == 1 || markers.len() == silent);
                        } else {
                            let is_named = failed.iter().any(|name| name == account);
                            prop_assert!(is_named || asked.len() == 1 || markers.len() == 1);
                        }
                    }
                    Doubtful(_) | Ambiguous | Unanswered => {}
                }
            }
        }
    }
}
