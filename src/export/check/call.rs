//! The findings of `check` about the call, the tags and the clock.

use jiff::Timestamp;

use super::finding::Finding;
use super::probe_client::{AccountProbe, ServiceProbe, TRIES, probe_service};
use crate::api::error_codes::{Class, Fault};
use crate::api::outcome::CallFailure;
use crate::api::signer::SigSource;
use crate::api::transport::TransportFailure;
use crate::export::service::connect;
use crate::job::{Job, Target};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::human::duration_text;
use crate::util::runtime::runtime;

/// Largest difference of two clocks that agree: dates have whole seconds, and the servers' clocks differ a little.
const CLOCK_TOLERANCE_SECONDS: u64 = 5;

/// Calls the service; returns the findings about the call, the tags and the clock.
pub fn check_service(
    job: &Job,
    sig_source: SigSource,
    account: &str,
) -> Result<[Finding; 3], Failure> {
    let connection = connect(&job.api, &job.emulator, sig_source)?;
    let runtime = runtime()?;
    let probe = runtime.block_on(probe_service(job, &connection.client, account, Timestamp::now));
    let service = match &job.api.target {
        Target::Endpoint(endpoint) => endpoint.base_url.as_str(),
        Target::Emulator => "the emulator",
    };
    Ok([check_call(&probe, service, account), check_tags(&probe), check_clock(&probe)])
}

fn check_call(probe: &ServiceProbe, service: &str, account: &str) -> Finding {
    let accepts = format!("{service} responds, and accepts the signature and the administrator");
    match &probe.all_tags {
        Ok(AccountProbe::Profile { .. }) => Finding::passed(accepts),
        Ok(AccountProbe::NotFound) => {
            Finding::note(format!("{accepts}; it does not know the account {account:?}"))
        }
        Ok(AccountProbe::Transient(failure)) => {
            Finding::note(format!("{accepts}; the account {account:?} failed: {failure}"))
        }
        Ok(AccountProbe::Refused(reason)) => {
            Finding::note(format!("{accepts}; the account {account:?} would have no row: {reason}"))
        }
        Err(_) if are_tags_refused(probe) => Finding::passed(accepts),
        Err(failure) => failed_call(failure, service, account),
    }
}

fn failed_call(failure: &CallFailure, service: &str, account: &str) -> Finding {
    let class = failure.class_after(TRIES);
    let (code, remedy) = match (class, failure) {
        (Class::Retry, CallFailure::Transport(_) | CallFailure::Unusable { .. }) => {
            (ExitCode::TryAgainLater, "check that it can be reached from this machine")
        }
        (Class::Throttle, CallFailure::Transport(_) | CallFailure::Unusable { .. }) => {
            (ExitCode::TryAgainLater, "check again later")
        }
        (Class::Retry | Class::Throttle, CallFailure::Refused { .. }) => {
            (ExitCode::TryAgainLater, failure.remedy())
        }
        (Class::Fatal | Class::BadBatch | Class::Permanent, _) => {
            (ExitCode::RefusedByService, failure.remedy())
        }
    };
    let whom = match class.splits_chunk() {
        true => format!(" for the account {account:?}"),
        false => String::new(),
    };
    if let CallFailure::Transport(transport) = failure
        && !transport.has_response()
    {
        // It names the host, and some the fix.
        let text = match transport {
            TransportFailure::Timeout(_) => format!("{service}: {failure}; {remedy}"),
            _ if failure.is_permanent() => failure.to_string(),
            _ => format!("{failure}; {remedy}"),
        };
        return Finding::failed(code, text);
    }
    let problem = short_problem(failure);
    Finding::failed(code, format!("{problem} at {service}{whom}: {failure}; {remedy}"))
}

/// Whether single tags are at fault. They are not if the service refuses every tag for a reason that names none.
fn are_tags_refused(probe: &ServiceProbe) -> bool {
    let refused = &probe.refused_tags;
    refused.iter().any(|(_, failure)| failure.names_tag())
        || (!refused.is_empty() && refused.len() < probe.tags)
}

fn short_problem(failure: &CallFailure) -> &'static str {
    match failure {
        CallFailure::Refused { rule, .. } => rule.fault.name(),
        CallFailure::Unusable { .. } => "unusable response",
        CallFailure::Transport(failure) => match failure.class() {
            Class::Retry => "no response",
            Class::Throttle => Fault::Rate.name(),
            Class::Fatal | Class::BadBatch | Class::Permanent => "unexpected response",
        },
    }
}

fn check_tags(probe: &ServiceProbe) -> Finding {
    let ServiceProbe { tags: requested, refused_tags: refused, .. } = probe;
    match &probe.all_tags {
        Ok(AccountProbe::Profile { absent }) if absent.is_empty() => {
            Finding::passed(format!("{requested} of {requested} returned"))
        }
        Ok(AccountProbe::Profile { absent }) => Finding::note(format!(
            "{} of {requested} returned; {} missing: not set for this account, or not defined in the console",
            requested - absent.len(),
            absent.join(", ")
        )),
        Ok(_) => Finding::skipped("the service returned no profile to look for them in"),
        Err(_) if are_tags_refused(probe) => {
            let texts: Vec<String> = refused
                .iter()
                .map(|(tag, failure)| format!("{tag}: {failure}; {}", failure.remedy()))
                .collect();
            Finding::failed(ExitCode::RefusedByService, texts.join(". "))
        }
        Err(failure) if failure.is_about_request(TRIES) && refused.is_empty() => {
            Finding::note("each one is accepted when requested alone")
        }
        Err(failure) if failure.is_about_request(TRIES) => {
            Finding::note("each one is refused for the same reason when requested alone")
        }
        Err(_) => Finding::skipped("the call failed"),
    }
}

fn check_clock(probe: &ServiceProbe) -> Finding {
    let Some(ahead) = probe.clock_ahead_seconds else {
        return Finding::skipped("no response contained the service's time");
    };
    if ahead.unsigned_abs() <= CLOCK_TOLERANCE_SECONDS {
        return Finding::passed("agrees with the service's to within a few seconds");
    }
    let difference = duration_text(ahead.unsigned_abs() as f64);
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!(
        "this machine's clock is {difference} {direction} the service's; correct it, for example with NTP"
    );
    let is_at_fault =
        probe.all_tags.as_ref().is_err_and(|failure| failure.fault() == Some(Fault::Clock));
    if is_at_fault {
        Finding::failed(ExitCode::RefusedByService, text)
    } else {
        Finding::note(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error_codes::ErrorCodeRule;
    use crate::report::check::Status;

    fn code(code: i64) -> CallFailure {
        CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info: "words".to_owned() }
    }

    fn failed(failure: CallFailure) -> ServiceProbe {
        ServiceProbe {
            tags: 3,
            all_tags: Err(failure),
            refused_tags: Vec::new(),
            clock_ahead_seconds: None,
        }
    }

    fn line(finding: &Finding) -> String {
        let Finding { status, text, code, .. } = finding;
        let code = code.map_or(String::new(), |code| code.number().to_string());
        format!("{} {code} {text}", status.name())
    }

    #[test]
    fn each_fault_has_a_name_and_a_remedy() {
        let text = |failure| line(&check_call(&failed(failure), "https://a.example", "u1"));
        let texts = [
            text(code(60026)),
            text(code(70020)),
            text(code(70009)),
            text(code(60010)),
            text(code(70001)),
            text(code(60007)),
            text(code(40001)),
            text(TransportFailure::Connection("no route".to_owned()).into()),
            text(TransportFailure::Timeout(std::time::Duration::from_secs(10)).into()),
            text(TransportFailure::Status(302).into()),
            text(TransportFailure::Status(429).into()),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r#"
failed 4 wrong region at https://a.example: code 60026, the app is in another data center (the service says: words); set api.region to the app's data center
failed 4 wrong SDKAppID or region at https://a.example: code 70020, the SDKAppID was not found (the service says: words); check api.sdkappid, and that api.region is the app's data center
failed 4 wrong key at https://a.example: code 70009, the UserSig was signed with another app's key (the service says: words); check that api.sdkappid and the secret key belong to the same app
failed 4 not an administrator at https://a.example: code 60010, administrator account required (the service says: words); set api.identifier to an administrator account of the app
failed 4 UserSig not valid now at https://a.example: code 70001, the UserSig has expired (the service says: words); check this machine's clock, and that the secret key is the app's current one, or put a new UserSig into the variable of api.usersig_env
failed 75 too fast at https://a.example: code 60007, call frequency above the limit (the service says: words); set api.calls_per_second to what the app's limit leaves for this job, or raise the limit in the console
failed 4 refused at https://a.example for the account "u1": code 40001, a request parameter is wrong (the service says: words); check the account, and the text that the service returned
failed 75 no route; check that it can be reached from this machine
failed 75 https://a.example: no response within 10 s; check that it can be reached from this machine
failed 4 unexpected response at https://a.example: HTTP status 302; check api.region or api.base_url, and proxies or gateways on the way
failed 75 too fast at https://a.example: HTTP status 429; check again later
"#);
    }

    #[test]
    fn only_refused_tags_are_named() {
        let refused_tags = vec![
            ("Tag_Profile_Custom_A".to_owned(), code(40009)),
            ("Tag_Profile_Custom_B".to_owned(), code(40007)),
        ];
        let probe = ServiceProbe { refused_tags, ..failed(code(40009)) };
        let texts = [line(&check_call(&probe, "it", "u1")), line(&check_tags(&probe))];
        insta::assert_snapshot!(texts.join("\n"), @"
passed  it responds, and accepts the signature and the administrator
failed 4 Tag_Profile_Custom_A: code 40009, a tag does not exist (the service says: words); check the tags in [[columns]]; a new custom field takes 5 minutes to appear. Tag_Profile_Custom_B: code 40007, no permission to read a field (the service says: words); give the tag the app-admin read right in the console, or drop the column
");
    }

    #[test]
    fn an_account_refused_with_every_tag_does_not_blame_the_tags() {
        let refused_tags = vec![
            ("Tag_Profile_Custom_A".to_owned(), code(40001)),
            ("Tag_Profile_Custom_B".to_owned(), code(40001)),
        ];
        let probe = ServiceProbe { refused_tags, ..failed(code(40001)) };
        // The third tag is accepted.
        assert_eq!(check_call(&probe, "it", "u1").status, Status::Passed);
        assert_eq!(check_tags(&probe).status, Status::Failed);
        let probe = ServiceProbe { tags: 2, ..probe };
        assert_eq!(check_call(&probe, "it", "u1").status, Status::Failed);
        assert_eq!(check_tags(&probe).status, Status::Note);
        let probe = failed(code(40001));
        assert_eq!(check_call(&probe, "it", "u1").status, Status::Failed);
        assert_eq!(check_tags(&probe).status, Status::Note);
    }

    #[test]
    fn returned_tags_are_compared_with_requested_ones() {
        let results = |account| ServiceProbe { all_tags: Ok(account), ..failed(code(1)) };
        let texts: Vec<String> = [
            AccountProbe::Profile { absent: vec![] },
            AccountProbe::Profile { absent: vec!["Tag_Profile_Custom_A".to_owned()] },
            AccountProbe::NotFound,
            AccountProbe::Refused("code 40601, too long".to_owned()),
        ]
        .into_iter()
        .map(|account| {
            let probe = results(account);
            format!("{}\n{}", line(&check_call(&probe, "it", "u1")), line(&check_tags(&probe)))
        })
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
passed  it responds, and accepts the signature and the administrator
passed  3 of 3 returned
passed  it responds, and accepts the signature and the administrator
note  2 of 3 returned; Tag_Profile_Custom_A missing: not set for this account, or not defined in the console
note  it responds, and accepts the signature and the administrator; it does not know the account "u1"
skipped  the service returned no profile to look for them in
note  it responds, and accepts the signature and the administrator; the account "u1" would have no row: code 40601, too long
skipped  the service returned no profile to look for them in
"#);
    }

    #[test]
    fn a_wrong_clock_fails_the_check_only_if_the_usersig_is_refused_for_it() {
        let text = |ahead, all_tags| {
            let probe = ServiceProbe { all_tags, clock_ahead_seconds: ahead, ..failed(code(1)) };
            line(&check_clock(&probe))
        };
        let not_found = || Ok(AccountProbe::NotFound);
        let texts = [
            text(None, not_found()),
            text(Some(5), not_found()),
            text(Some(-6), not_found()),
            text(Some(7_260), not_found()),
            text(Some(7_260), Err(code(70009))),
            text(Some(-180_000), Err(code(70001))),
        ];
        insta::assert_snapshot!(texts.join("\n"), @"
skipped  no response contained the service's time
passed  agrees with the service's to within a few seconds
note  this machine's clock is 6 s behind the service's; correct it, for example with NTP
note  this machine's clock is 2 h 1 min ahead of the service's; correct it, for example with NTP
note  this machine's clock is 2 h 1 min ahead of the service's; correct it, for example with NTP
failed 4 this machine's clock is 2 d 2 h behind the service's; correct it, for example with NTP
");
    }
}
