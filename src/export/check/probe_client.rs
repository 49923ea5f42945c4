//! The calls of `check`: one with every tag and, if the service refuses its content, one for each tag; within the rate.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::client::Client;
use crate::api::error_codes::Class;
use crate::api::interpret::{ResponseText, interpret};
use crate::api::outcome::CallFailure;
use crate::api::reconcile::AccountOutcome;
use crate::api::request::{request_body, tag_list};
use crate::api::response::RequestedTags;
use crate::job::Job;
use crate::pipeline::retry_queue::backoff;

/// Number of tries of a call that fails for a transient reason.
pub const TRIES: u32 = 3;

/// Shortest pause after a throttled call.
const THROTTLE_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two tries, whatever the server demands.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What the service returns for the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountProbe {
    /// Its profile.
    Profile {
        /// The requested tags that are not in it, in the order of the job.
        absent: Vec<String>,
    },
    NotFound,
    /// It is refused or not mentioned, for this reason; an export would have no row for it.
    Refused(String),
    /// Only this account failed, and may not the next time.
    Transient(CallFailure),
}

/// The results of all calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceProbe {
    /// Number of requested tags.
    pub tags: usize,
    /// The call with every tag.
    pub all_tags: Result<AccountProbe, CallFailure>,
    /// Tags that are refused when requested alone; tried only if the call with all of them is refused for its content.
    pub refused_tags: Vec<(String, CallFailure)>,
    /// By how much this machine's clock is at least ahead of the service's; negative if behind. From the last response that
    /// has a date.
    pub clock_ahead_seconds: Option<i64>,
}

/// Makes the calls of a check.
pub async fn probe_service(
    job: &Job,
    client: &Client,
    account: &str,
    clock: fn() -> Timestamp,
) -> ServiceProbe {
    let mut probe = ProbeClient {
        job,
        client,
        account,
        clock,
        pause_before_next: Duration::ZERO,
        retry_after: Duration::ZERO,
        clock_ahead_seconds: None,
    };
    let tags: Vec<&str> = job.columns.iter().map(|column| column.tag.as_str()).collect();
    let mut all_tags = probe.call_with_retry(&tags).await;
    let mut refused_tags = match &all_tags {
        Err(failure) if failure.is_about_request(TRIES) => {
            probe.find_refused_tags(&tags, failure).await
        }
        _ => Vec::new(),
    };
    let is_of_all_tags = refused_tags.len() == tags.len()
        && !refused_tags.iter().any(|(_, failure)| failure.names_tag());
    if let Err(failure) = &all_tags
        && (is_of_all_tags || failure.class_after(TRIES) == Class::Retry)
        && probe.is_administrator_accepted(&tags).await
    {
        // An export omits such an account, and publishes the others.
        all_tags = Ok(AccountProbe::Refused(failure.to_string()));
        refused_tags.clear();
    }
    let clock_ahead_seconds = probe.clock_ahead_seconds;
    ServiceProbe { tags: tags.len(), all_tags, refused_tags, clock_ahead_seconds }
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
    /// The tags that are refused when requested alone; `failure` is that of all together.
    async fn find_refused_tags(
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
                Err(failure) if failure.is_about_request(TRIES) => {
                    refused.push(((*tag).to_owned(), failure));
                }
                Err(_) | Ok(_) => {}
            }
        }
        refused
    }

    /// Whether the service accepts the same request for another account.
    async fn is_administrator_accepted(&mut self, tags: &[&str]) -> bool {
        let administrator = &self.job.api.identifier;
        if self.account == administrator {
            return false;
        }
        self.account = administrator;
        self.call_with_retry(tags).await.is_ok()
    }

    /// Retries transient failures, and once with a renewed UserSig, as an export does.
    async fn call_with_retry(&mut self, tags: &[&str]) -> Result<AccountProbe, CallFailure> {
        let mut was_renewed = false;
        let mut tries = 0;
        loop {
            let (failure, is_of_account) = match self.call(tags).await {
                Ok(AccountProbe::Transient(failure)) => (failure, true),
                Ok(account) => return Ok(account),
                Err(failure) => (failure, false),
            };
            if failure.needs_renewed_signature() && !was_renewed && self.client.signer().renew() {
                was_renewed = true;
                continue;
            }
            tries += 1;
            let class = failure.class_after(tries);
            if tries >= TRIES || !matches!(class, Class::Retry | Class::Throttle) {
                let refused = AccountProbe::Refused(failure.to_string());
                return if is_of_account { Ok(refused) } else { Err(failure) };
            }
            tokio::time::sleep(self.pause_after(&failure, class, tries)).await;
        }
    }

    fn pause_after(&self, failure: &CallFailure, class: Class, tries: u32) -> Duration {
        let demanded = match failure {
            CallFailure::Refused { rule, .. } => rule.min_pause.max(self.retry_after),
            CallFailure::Transport(_) | CallFailure::Unusable { .. } => self.retry_after,
        };
        let least = if class == Class::Throttle { THROTTLE_PAUSE } else { Duration::ZERO };
        let pause = backoff(&self.job.retry, tries, fastrand::f64()).max(least).max(demanded);
        pause.min(LONGEST_PAUSE).min(self.job.retry.outage_patience)
    }

    async fn call(&mut self, tags: &[&str]) -> Result<AccountProbe, CallFailure> {
        // From the end of one call to the start of the next, so that the rate holds however long calls take.
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
        read_account(&result.body?, self.account, tags)
    }
}

/// By how much this machine's clock is at least ahead of the service's; negative if behind. The service took its `date`
/// between `sent` and `received`.
fn clock_ahead_seconds(sent: Timestamp, received: Timestamp, date: Timestamp) -> i64 {
    let at_most = received.as_second() - date.as_second();
    let at_least = sent.as_second() - date.as_second();
    if at_least > 0 { at_least } else { at_most.min(0) }
}

/// What the response to a request for one account says about it.
fn read_account(body: &[u8], account: &str, tags: &[&str]) -> Result<AccountProbe, CallFailure> {
    let text = ResponseText::new(body);
    let requested = RequestedTags::new(tags.iter().copied());
    let interpretation = interpret(&text, &[account], &requested)?;
    let response = &interpretation.response;
    match interpretation.outcomes.first() {
        Some(AccountOutcome::Row(index)) => {
            let values = &response.values[response.items[*index].values.clone()];
            let is_there = |tag_index| values.iter().any(|value| value.tag_index == tag_index);
            let absent = tags.iter().enumerate().filter(|(tag_index, _)| !is_there(*tag_index));
            let absent = absent.map(|(_, tag)| (*tag).to_owned()).collect();
            Ok(AccountProbe::Profile { absent })
        }
        Some(AccountOutcome::Code(index)) => {
            let Some(refusal) = interpretation.refusal(*index) else {
                return Ok(AccountProbe::Refused("the response gives no code for it".to_owned()));
            };
            let rule = refusal.rule;
            let failure = CallFailure::from(refusal);
            match rule.class {
                _ if rule.is_not_found() => Ok(AccountProbe::NotFound),
                // A code of one account that can only mean all of them.
                Class::Fatal => Err(failure),
                Class::Retry | Class::Throttle => Ok(AccountProbe::Transient(failure)),
                Class::BadBatch | Class::Permanent => {
                    Ok(AccountProbe::Refused(failure.to_string()))
                }
            }
        }
        Some(AccountOutcome::Doubtful(doubt)) => Ok(AccountProbe::Refused(doubt.to_string())),
        Some(AccountOutcome::Ambiguous | AccountOutcome::Unmentioned) | None => {
            Ok(AccountProbe::Refused("the response does not mention it".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error_codes::ErrorCodeRule;
    use crate::api::transport::TransportFailure;

    const TAGS: [&str; 2] = ["Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"];

    fn read_item(item: &str) -> Result<AccountProbe, CallFailure> {
        let body = format!(r#"{{"UserProfileItem":[{item}],"ErrorCode":0}}"#);
        read_account(body.as_bytes(), "a", &TAGS)
    }

    #[test]
    fn a_slow_call_does_not_shift_the_clock_difference() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let ahead = |date| clock_ahead_seconds(at(100), at(130), at(date));
        assert_eq!([ahead(100), ahead(115), ahead(130)], [0, 0, 0]);
        assert_eq!([ahead(90), ahead(150)], [10, -20]);
    }

    #[test]
    fn absent_tags_are_named() {
        let read_values = |values: &str| {
            read_item(&format!(r#"{{"To_Account":"a","ProfileItem":[{values}],"ResultCode":0}}"#))
        };
        let absent = |tags: &[&str]| {
            Ok(AccountProbe::Profile { absent: tags.iter().map(|tag| (*tag).to_owned()).collect() })
        };
        let level = r#"{"Tag":"Tag_Profile_IM_Level","Value":1}"#;
        assert_eq!(read_values(level), absent(&TAGS[..1]));
        assert_eq!(read_values(""), absent(&TAGS));
        let nick = r#"{"Tag":"Tag_Profile_IM_Nick","Value":""}"#;
        assert_eq!(read_values(&format!("{level},{nick}")), absent(&[]));
    }

    #[test]
    fn an_account_code_is_a_refusal_or_a_failure_of_the_call() {
        let read_code =
            |code: i64| read_item(&format!(r#"{{"To_Account":"a","ResultCode":{code}}}"#));
        assert_eq!(read_code(40003), Ok(AccountProbe::NotFound));
        assert!(matches!(read_code(40601), Ok(AccountProbe::Refused(_))));
        assert!(matches!(read_code(40006), Ok(AccountProbe::Transient(_))));
        for code in [40007, 40009] {
            assert_eq!(read_code(code).unwrap_err().code(), Some(code));
        }
        let marker = r#"{"To_Account":"@TLS#NOT_FOUND","ResultCode":40003}"#;
        assert_eq!(read_item(marker), Ok(AccountProbe::NotFound));
        assert!(matches!(read_item(""), Err(_) | Ok(AccountProbe::Refused(_))));
        assert_eq!(read_account(b"<html>", "a", &TAGS), Err(TransportFailure::NotJson.into()));
    }

    #[test]
    fn codes_about_the_request_differ_from_codes_about_the_caller() {
        let is_about = |code| {
            CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info: String::new() }
                .is_about_request(TRIES)
        };
        for code in [40001, 40007, 40009, 40610, 60003] {
            assert!(is_about(code), "{code}");
        }
        for code in [60006, 60026, 70001, 70009, 60007, 40006] {
            assert!(!is_about(code), "{code}");
        }
        assert!(!CallFailure::from(TransportFailure::Status(403)).is_about_request(TRIES));
    }
}
