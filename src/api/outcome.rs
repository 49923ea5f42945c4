//! What an answer means: for the call as a whole, and for each account of its chunk.
//!
//! Answers are matched to accounts **by name**. Unknown accounts come back under a marker, so an account that is not
//! answered by name is resolved by set difference. Source: `reference/im-rest-api.md` sections 3, 5 and 9.

use std::collections::HashMap;
use std::time::Duration;

use super::codes::{Class, Rule, rule_of};
use super::wire::{Answer, NOT_FOUND_MARKER};

/// How a call failed on its way, before there was an answer to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// No connection, or it broke. The text never holds the URL.
    #[error("{0}")]
    Connection(String),
    /// No answer within the job's `timeout`.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// An HTTP status that is no success.
    #[error("HTTP status {0}")]
    Status(u16),
    /// A body that is not a JSON object.
    #[error("the answer is not JSON")]
    NotJson,
    /// A body beyond the cap.
    #[error("the answer is larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(usize),
}

impl TransportFailure {
    /// What the failure means to the run.
    pub fn class(&self) -> Class {
        match self {
            TransportFailure::Connection(_)
            | TransportFailure::Timeout(_)
            | TransportFailure::NotJson
            | TransportFailure::Status(408 | 425 | 500..=599) => Class::Retry,
            TransportFailure::Status(429) => Class::Throttle,
            TransportFailure::Status(_) => Class::Fatal,
            TransportFailure::TooLarge(_) => Class::BadBatch,
        }
    }
}

/// Why a whole call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// It never came to an answer.
    Transport(TransportFailure),
    /// The service refused the call.
    Refused {
        /// How its code is dealt with.
        rule: Rule,
        /// `ErrorInfo`, cut to a length that fits a log line.
        info: String,
    },
}

impl CallFailure {
    /// The code the service gave, if it came to that.
    pub fn code(&self) -> Option<i64> {
        match self {
            CallFailure::Transport(_) => None,
            CallFailure::Refused { rule, .. } => Some(rule.code),
        }
    }

    /// The text for `error_info`.
    pub fn info(&self) -> String {
        match self {
            CallFailure::Transport(failure) => failure.to_string(),
            CallFailure::Refused { info, .. } => info.clone(),
        }
    }

    /// What it means to a chunk that has been asked `tries_so_far` times.
    pub fn class_after(&self, tries_so_far: u32) -> Class {
        match self {
            CallFailure::Transport(failure) => failure.class(),
            CallFailure::Refused { rule, .. } => rule.class_after(tries_so_far),
        }
    }

    /// Whether the answer was beyond the cap.
    pub fn is_too_large(&self) -> bool {
        matches!(self, CallFailure::Transport(TransportFailure::TooLarge(_)))
    }

    /// Whether signing anew may mend it.
    pub fn wants_resign(&self) -> bool {
        matches!(self, CallFailure::Refused { rule, .. } if rule.resign)
    }
}

impl std::fmt::Display for CallFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CallFailure::Transport(failure) => failure.fmt(f),
            CallFailure::Refused { rule, info } => {
                write!(f, "code {}, {}", rule.code, rule.meaning)?;
                if info.is_empty() { Ok(()) } else { write!(f, " (the service says: {info})") }
            }
        }
    }
}

impl From<TransportFailure> for CallFailure {
    fn from(failure: TransportFailure) -> Self {
        CallFailure::Transport(failure)
    }
}

/// Whether the answer is a failure of the whole call. Both `ActionStatus` and `ErrorCode` are looked at, since the
/// service is known to send `OK` with a code; a `FAIL` without one is as good as no answer.
pub fn call_failure(answer: &Answer<'_>) -> Option<CallFailure> {
    match answer.error_code {
        None | Some(0) if answer.status_is_fail => Some(TransportFailure::NotJson.into()),
        None if answer.items.is_empty() => Some(TransportFailure::NotJson.into()),
        None | Some(0) => None,
        Some(code) => {
            Some(CallFailure::Refused { rule: rule_of(code), info: short(&answer.error_info) })
        }
    }
}

/// Longest text of the service that is kept, in bytes; it comes from outside and may be of any length.
const INFO_MAX_BYTES: usize = 300;

/// A text of the service as it may be kept and shown: in one line, since it comes from outside and ends up on terminals;
/// without the UserSig, which a gateway may repeat with the URL of the call; cut to [`INFO_MAX_BYTES`].
pub fn short(info: &str) -> String {
    let mut shown = without_user_sigs(info).replace(char::is_control, " ");
    shown.truncate(shown.floor_char_boundary(INFO_MAX_BYTES));
    shown
}

/// The text with each UserSig, percent-encoded ones too, taken out.
fn without_user_sigs(text: &str) -> String {
    /// Every UserSig begins so: the base64 of the first bytes of a zlib stream.
    const START: &str = "eJ";
    /// A real one has more than 150; no code or request id is as long.
    const SHORTEST_BYTES: usize = 64;
    let may_be_in_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-_+/=%".contains(byte);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let bytes = rest[start..].bytes().take_while(may_be_in_one).count();
        let is_one = bytes >= SHORTEST_BYTES;
        let end = start + if is_one { bytes } else { START.len() };
        shown.push_str(&rest[..if is_one { start } else { end }]);
        if is_one {
            shown.push_str("(UserSig not shown)");
        }
        rest = &rest[end..];
    }
    shown + rest
}

/// What the answer means for one account of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountOutcome {
    /// A row: the item at this position of [`Answer::items`].
    Row(usize),
    /// The item at this position has a code other than 0.
    Code(usize),
    /// Returned under the marker: the service does not know it.
    NotFound,
    /// Not answered, and the markers do not say why.
    Unanswered,
}

/// The outcome of every account of a chunk.
#[derive(Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// By position in the chunk.
    pub outcomes: Vec<AccountOutcome>,
    /// Whether there were markers, but not as many as unanswered accounts: then a smaller chunk tells more.
    pub markers_disagree: bool,
}

/// Matches an answer to the accounts that were asked. Extra and repeated items are passed over; of repeated ones the
/// first counts.
pub fn reconcile(accounts: &[impl AsRef<str>], answer: &Answer<'_>) -> Reconciled {
    let mut outcomes = vec![AccountOutcome::Unanswered; accounts.len()];
    let mut markers = 0_usize;
    let mut places = Places::new(accounts);
    for (item_index, item) in answer.items.iter().enumerate() {
        if item.account == NOT_FOUND_MARKER || item.account.is_empty() {
            markers += 1;
            continue;
        }
        let Some(at) = places.find(&item.account) else { continue };
        if outcomes[at] == AccountOutcome::Unanswered {
            outcomes[at] = match item.result_code {
                0 => AccountOutcome::Row(item_index),
                _ => AccountOutcome::Code(item_index),
            };
        }
    }
    let unanswered =
        outcomes.iter().filter(|outcome| **outcome == AccountOutcome::Unanswered).count();
    // Asked alone, an account with any marker is not found, however many there are.
    let markers_agree = markers == unanswered || (accounts.len() == 1 && markers > 0);
    if markers_agree {
        for outcome in &mut outcomes {
            if *outcome == AccountOutcome::Unanswered {
                *outcome = AccountOutcome::NotFound;
            }
        }
    }
    Reconciled { outcomes, markers_disagree: markers > 0 && unanswered > 0 && !markers_agree }
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

    use super::AccountOutcome::{Code, NotFound, Row, Unanswered};
    use super::*;
    use crate::api::usersig::{SecretKey, sign};
    use crate::api::wire::{AskedTags, decode};

    fn no_tags() -> AskedTags {
        AskedTags::new([])
    }

    fn reconciled(accounts: &[&str], items: &[(&str, i64)]) -> Reconciled {
        let items: Vec<String> = items
            .iter()
            .map(|(account, code)| format!(r#"{{"To_Account":"{account}","ResultCode":{code}}}"#))
            .collect();
        let body = format!(r#"{{"UserProfileItem":[{}],"ErrorCode":0}}"#, items.join(","));
        reconcile(accounts, &decode(&body, &no_tags()).unwrap())
    }

    #[test]
    fn in_order_out_of_order_extra_and_repeated() {
        assert_eq!(reconciled(&["a", "b"], &[("a", 0), ("b", 0)]).outcomes, [Row(0), Row(1)]);
        assert_eq!(reconciled(&["a", "b"], &[("b", 0), ("a", 0)]).outcomes, [Row(1), Row(0)]);
        let odd = reconciled(&["a", "b"], &[("x", 0), ("b", 40006), ("b", 0), ("a", 0), ("a", 0)]);
        assert_eq!(odd.outcomes, [Row(3), Code(1)]);
    }

    #[test]
    fn as_many_markers_as_unanswered_accounts_are_not_found() {
        let answer =
            reconciled(&["a", "b", "c"], &[("b", 0), ("@TLS#NOT_FOUND", 40003), ("", 40003)]);
        assert_eq!(answer.outcomes, [NotFound, Row(0), NotFound]);
        assert!(!answer.markers_disagree);
    }

    #[test]
    fn other_numbers_of_markers_say_nothing() {
        let fewer = reconciled(&["a", "b", "c"], &[("@TLS#NOT_FOUND", 40003), ("c", 0)]);
        assert_eq!(fewer.outcomes, [Unanswered, Unanswered, Row(1)]);
        assert!(fewer.markers_disagree);
        let none = reconciled(&["a", "b"], &[("b", 0)]);
        assert_eq!(none.outcomes, [Unanswered, Row(0)]);
        assert!(!none.markers_disagree);
    }

    #[test]
    fn an_account_asked_alone_is_not_found_by_any_marker() {
        let markers = [("@TLS#NOT_FOUND", 40003), ("@TLS#NOT_FOUND", 40003)];
        assert_eq!(reconciled(&["a"], &markers).outcomes, [NotFound]);
        assert_eq!(reconciled(&["a"], &[]).outcomes, [Unanswered]);
    }

    #[test]
    fn failure_of_the_call_needs_status_and_code() {
        let failure = |body| call_failure(&decode(body, &no_tags()).unwrap());
        assert_eq!(failure(r#"{"ErrorCode":0,"ActionStatus":"OK"}"#), None);
        assert_eq!(failure(r#"{"UserProfileItem":[{}]}"#), None);
        let code = |body| failure(body).unwrap().code();
        assert_eq!(code(r#"{"ErrorCode":60007,"ActionStatus":"OK"}"#), Some(60007));
        assert_eq!(code(r#"{"ErrorCode":"70001","ActionStatus":"FAIL"}"#), Some(70001));
        for no_answer in
            ["{}", r#"{"ActionStatus":"FAIL"}"#, r#"{"ActionStatus":"FAIL","ErrorCode":0}"#]
        {
            assert_eq!(failure(no_answer), Some(TransportFailure::NotJson.into()), "{no_answer}");
        }
    }

    #[test]
    fn transport_failures_have_the_class_of_the_reference() {
        let status = |code| TransportFailure::Status(code).class();
        for code in [408, 425, 500, 502, 503, 504] {
            assert_eq!(status(code), Class::Retry, "{code}");
        }
        for code in [301, 302, 400, 401, 403, 404, 413] {
            assert_eq!(status(code), Class::Fatal, "{code}");
        }
        assert_eq!(status(429), Class::Throttle);
        assert_eq!(TransportFailure::NotJson.class(), Class::Retry);
        assert_eq!(TransportFailure::TooLarge(1).class(), Class::BadBatch);
        assert_eq!(TransportFailure::Timeout(Duration::from_secs(1)).class(), Class::Retry);
    }

    #[test]
    fn long_texts_of_the_service_are_cut_between_characters() {
        let info = "张".repeat(1000);
        assert_eq!(short(&info).len(), 300);
        assert!(short(&"é".repeat(1000)).len() <= INFO_MAX_BYTES);
    }

    #[test]
    fn a_usersig_that_is_echoed_is_not_kept() {
        let sig = sign(&SecretKey::new("k".to_owned()), 1_400_000_000, "administrator", 1, 86_400);
        let encoded = sig.as_str().replace(['*', '-', '_'], "%2A");
        let echoed = format!("eJ no: usersig={}&random=1, again {encoded}", sig.as_str());
        assert_eq!(
            short(&echoed),
            "eJ no: usersig=(UserSig not shown)&random=1, again (UserSig not shown)"
        );
        assert!(!short(&format!("{}{}", "x".repeat(280), sig.as_str())).contains("eJ"));
    }

    #[test]
    fn a_text_of_the_service_cannot_reach_the_terminal() {
        assert_eq!(short("no\x1b[31m\nerror: forged\u{9b}"), "no [31m error: forged ");
    }

    proptest! {
        /// Whatever comes, each account gets one outcome, and a row only from an item of its own name.
        #[test]
        fn every_account_has_an_outcome_and_rows_bear_its_name(
            asked in proptest::collection::hash_set("[a-d]{1,2}", 1..12),
            items in proptest::collection::vec(("([a-d]{1,2})|(@TLS#NOT_FOUND)|()", prop_oneof![Just(0i64), Just(40006)]), 0..16),
        ) {
            let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
            let items: Vec<(&str, i64)> = items.iter().map(|(account, code)| (account.as_str(), *code)).collect();
            let answer = reconciled(&asked, &items);
            prop_assert_eq!(answer.outcomes.len(), asked.len());
            let mut first_of: HashMap<&str, usize> = HashMap::new();
            for (index, (account, _)) in items.iter().enumerate() {
                first_of.entry(account).or_insert(index);
            }
            for (account, outcome) in asked.iter().zip(&answer.outcomes) {
                match outcome {
                    Row(index) => prop_assert!(first_of[account] == *index && items[*index].1 == 0),
                    Code(index) => prop_assert!(first_of[account] == *index && items[*index].1 != 0),
                    NotFound | Unanswered => prop_assert!(!first_of.contains_key(account)),
                }
            }
        }
    }
}
