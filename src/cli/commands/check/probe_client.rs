//! The calls of a check: one with every tag; where the tags are refused, one for each of them, within the rate.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::client::Client;
use crate::api::error_codes::{Class, ErrorCodeRule};
use crate::api::outcome::{CallFailure, call_failure, sanitize_and_truncate, undecodable};
use crate::api::reconcile::{AccountOutcome, reconcile};
use crate::api::request::{request_body, tag_list};
use crate::api::response::{Code, RequestedTags, decode};
use crate::job::Job;
use crate::pipeline::retry_queue::backoff;

/// How often a call is made that fails for a reason which may pass.
pub const TRIES: u32 = 3;

/// Least pause after an answer of "too fast", and the longest that a server may ask for.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the service said of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// Its profile; these tags of those asked for are not in it.
    Profile {
        /// The tags, in the order of the job.
        absent: Vec<String>,
    },
    /// It is not known.
    NotFound,
    /// It is refused, or left out, and would have no row.
    Refused(String),
}

/// What the calls brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// How many tags were asked for.
    pub tags: usize,
    /// The call with every tag.
    pub all_tags: Result<Answered, CallFailure>,
    /// Tags that are refused when they are asked for alone; looked for when the call with all of them is refused for
    /// what is in it.
    pub refused_tags: Vec<(String, CallFailure)>,
    /// How far this machine's clock is ahead of the service's at the least, below 0 behind it; by the last answer that
    /// told its time.
    pub clock_ahead_seconds: Option<i64>,
}

/// Makes the calls of a check.
pub async fn make_calls(
    job: &Job,
    client: &Client,
    account: &str,
    clock: fn() -> Timestamp,
) -> Calls {
    let mut asking = ProbeClient {
        job,
        client,
        account,
        clock,
        pause_before_next: Duration::ZERO,
        retry_after: Duration::ZERO,
        clock_ahead_seconds: None,
    };
    let tags: Vec<&str> = job.columns.iter().map(|column| column.tag.as_str()).collect();
    let mut all_tags = asking.call_with_retry(&tags).await;
    let mut refused_tags = match &all_tags {
        Err(failure) if is_about_the_request(failure) => asking.refused_alone(&tags, failure).await,
        _ => Vec::new(),
    };
    if let Err(failure) = &all_tags
        && refused_tags.len() == tags.len()
        && !refused_tags.iter().any(|(_, failure)| names_tags(failure))
        && asking.is_administrator_answered(&tags).await
    {
        // An export leaves such an account out.
        all_tags = Ok(Answered::Refused(failure.to_string()));
        refused_tags.clear();
    }
    Calls {
        tags: tags.len(),
        all_tags,
        refused_tags,
        clock_ahead_seconds: asking.clock_ahead_seconds,
    }
}

/// Whether a code blames what was asked for, and not who asks or when.
pub fn is_about_the_request(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Refused { rule, .. } => {
            names_tags(failure) || rule.class_after(TRIES) == Class::BadBatch
        }
        CallFailure::Transport(_) | CallFailure::Unusable { .. } => false,
    }
}

/// Whether a code can only mean a tag: there is none such, or no right to read it.
pub fn names_tags(failure: &CallFailure) -> bool {
    matches!(failure.code(), Some(40007 | 40009))
}

struct ProbeClient<'a> {
    job: &'a Job,
    client: &'a Client,
    account: &'a str,
    clock: fn() -> Timestamp,
    pause_before_next: Duration,
    /// `Retry-After` of the last response.
    retry_after: Duration,
    clock_ahead_seconds: Option<i64>,
}

impl ProbeClient<'_> {
    /// The tags that are refused when they are asked for one by one; `failure` is that of all together.
    async fn refused_alone(
        &mut self,
        tags: &[&str],
        failure: &CallFailure,
    ) -> Vec<(String, CallFailure)> {
        if let [tag] = tags {
            return vec![((*tag).to_owned(), failure.clone())];
        }
        let mut refused = Vec::new();
        for tag in tags {
            match self.call_with_retry(&[tag]).await {
                Err(failure) if is_about_the_request(&failure) => {
                    refused.push(((*tag).to_owned(), failure));
                }
                Err(_) | Ok(_) => {}
            }
        }
        refused
    }

    /// Whether another account than the one in question is answered.
    async fn is_administrator_answered(&mut self, tags: &[&str]) -> bool {
        let administrator = &self.job.api.identifier;
        if self.account == administrator {
            return false;
        }
        self.account = administrator;
        self.call_with_retry(tags).await.is_ok()
    }

    /// Asks again what may pass, and once more with a UserSig that is signed anew, as an export does.
    async fn call_with_retry(&mut self, tags: &[&str]) -> Result<Answered, CallFailure> {
        let mut was_signed_anew = false;
        let mut tries = 0;
        loop {
            let failure = match self.ask(tags).await {
                Ok(answered) => return Ok(answered),
                Err(failure) => failure,
            };
            if failure.needs_renewed_signature() && !was_signed_anew && self.client.signer().renew()
            {
                was_signed_anew = true;
                continue;
            }
            tries += 1;
            let class = failure.class_after(tries);
            if tries >= TRIES || !matches!(class, Class::Retry | Class::Throttle) {
                return Err(failure);
            }
            tokio::time::sleep(self.pause_after(&failure, class, tries)).await;
        }
    }

    fn pause_after(&self, failure: &CallFailure, class: Class, tries: u32) -> Duration {
        let asked_for = match failure {
            CallFailure::Refused { rule, .. } => rule.pause.max(self.retry_after),
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => self.retry_after,
        };
        let least = if class == Class::Throttle { THROTTLE_PAUSE } else { Duration::ZERO };
        let pause = backoff(&self.job.retry, tries, fastrand::f64()).max(least).max(asked_for);
        pause.min(LONGEST_PAUSE).min(self.job.retry.outage_patience)
    }

    async fn ask(&mut self, tags: &[&str]) -> Result<Answered, CallFailure> {
        // From the end of one call to the start of the next, so that they come no closer than they may.
        tokio::time::sleep(self.pause_before_next).await;
        self.pause_before_next = match self.job.api.calls_per_second {
            0 => Duration::ZERO,
            calls => Duration::from_secs(1) / calls,
        };
        let request = request_body(std::iter::once(self.account), &tag_list(tags.iter().copied()));
        let sent = (self.clock)();
        let result = self.client.fetch(request, fastrand::u32(..), ()).await;
        self.retry_after = result.retry_after.unwrap_or_default();
        if let Some(server_time) = result.server_time {
            let ahead = clock_ahead_seconds(sent, (self.clock)(), server_time);
            self.clock_ahead_seconds = Some(ahead);
        }
        read(&result.body?, self.account, tags)
    }
}

/// How far this machine's clock is ahead of the service's at the least, below 0 behind it: its `date` was made between
/// `sent` and `received`, however long the call took.
fn clock_ahead_seconds(sent: Timestamp, received: Timestamp, date: Timestamp) -> i64 {
    let at_most = received.as_second() - date.as_second();
    let at_least = sent.as_second() - date.as_second();
    if at_least > 0 { at_least } else { at_most.min(0) }
}

/// What an answer says of the account.
fn read(body: &[u8], account: &str, tags: &[&str]) -> Result<Answered, CallFailure> {
    let text = String::from_utf8_lossy(body);
    let asked = RequestedTags::new(tags.iter().copied());
    let answer = decode(&text, &asked).map_err(|_| undecodable(&text))?;
    if let Some(failure) = call_failure(&answer) {
        return Err(failure);
    }
    let outcome = reconcile(&[account], &answer).first().copied();
    match outcome {
        Some(AccountOutcome::Row(index)) => {
            let values = &answer.values[answer.items[index].values.clone()];
            let is_there = |tag_index| values.iter().any(|value| value.tag_index == tag_index);
            let absent = tags.iter().enumerate().filter(|(tag_index, _)| !is_there(*tag_index));
            Ok(Answered::Profile { absent: absent.map(|(_, tag)| (*tag).to_owned()).collect() })
        }
        Some(AccountOutcome::Code(index)) => {
            let item = &answer.items[index];
            let Code::Number(code) = item.result_code else {
                return Ok(Answered::Refused("the response gives no code for it".to_owned()));
            };
            let rule = ErrorCodeRule::for_code(code);
            let failure =
                CallFailure::Refused { rule, info: sanitize_and_truncate(&item.result_info) };
            match rule.class {
                _ if rule.is_not_found() => Ok(Answered::NotFound),
                // A code of one account that can only mean all of them, or that may pass.
                Class::Fatal | Class::Retry | Class::Throttle => Err(failure),
                Class::BadBatch | Class::Permanent => Ok(Answered::Refused(failure.to_string())),
            }
        }
        Some(AccountOutcome::Doubtful(doubt)) => Ok(Answered::Refused(doubt.to_string())),
        Some(AccountOutcome::Ambiguous | AccountOutcome::Unanswered) | None => {
            Ok(Answered::Refused("the response does not mention it".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::transport::TransportFailure;

    const TAGS: [&str; 2] = ["Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"];

    fn of_item(item: &str) -> Result<Answered, CallFailure> {
        let body = format!(r#"{{"UserProfileItem":[{item}],"ErrorCode":0}}"#);
        read(body.as_bytes(), "a", &TAGS)
    }

    #[test]
    fn a_call_that_takes_its_time_does_not_put_the_clock_off() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ahead = |date| clock_ahead_seconds(at(100), at(130), at(date));
        assert_eq!([ahead(100), ahead(115), ahead(130)], [0, 0, 0]);
        assert_eq!([ahead(90), ahead(150)], [10, -20]);
    }

    #[test]
    fn tags_that_are_not_in_the_answer_are_named() {
        let of_values = |values: &str| {
            of_item(&format!(r#"{{"To_Account":"a","ProfileItem":[{values}],"ResultCode":0}}"#))
        };
        let absent = |tags: &[&str]| {
            Ok(Answered::Profile { absent: tags.iter().map(|tag| (*tag).to_owned()).collect() })
        };
        let level = r#"{"Tag":"Tag_Profile_IM_Level","Value":1}"#;
        assert_eq!(of_values(level), absent(&TAGS[..1]));
        assert_eq!(of_values(""), absent(&TAGS));
        let nick = r#"{"Tag":"Tag_Profile_IM_Nick","Value":""}"#;
        assert_eq!(of_values(&format!("{level},{nick}")), absent(&[]));
    }

    #[test]
    fn codes_of_the_account_are_its_own_or_everybodys() {
        let of_code = |code: i64| of_item(&format!(r#"{{"To_Account":"a","ResultCode":{code}}}"#));
        assert_eq!(of_code(40003), Ok(Answered::NotFound));
        assert!(matches!(of_code(40601), Ok(Answered::Refused(_))));
        for code in [40006, 40007, 40009] {
            assert_eq!(of_code(code).unwrap_err().code(), Some(code));
        }
        let marker = r#"{"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}"#;
        assert_eq!(of_item(marker), Ok(Answered::NotFound));
        assert!(matches!(of_item(""), Err(_) | Ok(Answered::Refused(_))));
        assert_eq!(read(b"<html>", "a", &TAGS), Err(TransportFailure::NotJson.into()));
    }

    #[test]
    fn codes_that_blame_the_request_are_told_from_those_that_blame_the_caller() {
        let is_about = |code| {
            is_about_the_request(&CallFailure::Refused {
                rule: ErrorCodeRule::for_code(code),
                info: String::new(),
            })
        };
        for code in [40001, 40007, 40009, 40610, 60003] {
            assert!(is_about(code), "{code}");
        }
        for code in [60006, 60026, 70001, 70009, 60007, 40006] {
            assert!(!is_about(code), "{code}");
        }
        assert!(!is_about_the_request(&TransportFailure::Status(403).into()));
    }
}
