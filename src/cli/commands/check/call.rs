//! What the calls of a check mean: of the call, of the tags and of the clock.

use jiff::Timestamp;

use super::finding::Finding;
use super::probe_client::{Answered, Calls, TRIES, is_about_the_request, make_calls, names_tags};
use crate::api::error_codes::Class;
use crate::api::outcome::CallFailure;
use crate::api::signer::SigSource;
use crate::export::service::connect;
use crate::job::{Job, Target};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::human::duration_text;
use crate::util::runtime::runtime;

/// Clocks this close are taken to agree: the service tells whole seconds, and its servers are not of one clock.
const CLOCK_TOLERANCE_SECONDS: u64 = 5;

/// Calls the service; gives back what is to be said of the call, the tags and the clock.
pub fn check_service(
    job: &Job,
    sig_source: SigSource,
    account: &str,
) -> Result<[Finding; 3], Failure> {
    let connection = connect(job, sig_source)?;
    let runtime = runtime()?;
    let calls = runtime.block_on(make_calls(job, &connection.client, account, Timestamp::now));
    let service = match &job.api.target {
        Target::Endpoint(endpoint) => endpoint.base_url.as_str(),
        Target::Emulator => "the emulator",
    };
    Ok([of_call(&calls, service, account), of_tags(&calls), of_clock(&calls)])
}

fn of_call(calls: &Calls, service: &str, account: &str) -> Finding {
    let lets_in = format!("{service} answers, and takes the signature and the administrator");
    match &calls.all_tags {
        Ok(Answered::Profile { .. }) => Finding::passed(lets_in),
        Ok(Answered::NotFound) => {
            Finding::note(format!("{lets_in}; it does not know the account {account:?}"))
        }
        Ok(Answered::Refused(why)) => {
            Finding::note(format!("{lets_in}; the account {account:?} would have no row: {why}"))
        }
        Err(_) if blames_tags(calls) => Finding::passed(lets_in),
        Err(failure) => of_failed_call(failure, service, account),
    }
}

fn of_failed_call(failure: &CallFailure, service: &str, account: &str) -> Finding {
    let class = failure.class_after(TRIES);
    let (code, remedy) = match (class, failure) {
        (Class::Retry, CallFailure::Transport(_) | CallFailure::Unusable { .. }) => {
            (ExitCode::TryAgainLater, "see that it can be reached from here")
        }
        (Class::Throttle, CallFailure::Transport(_) | CallFailure::Unusable { .. }) => {
            (ExitCode::TryAgainLater, "check again later")
        }
        (Class::Retry | Class::Throttle, CallFailure::Refused { rule, .. }) => {
            (ExitCode::TryAgainLater, rule.remedy)
        }
        (Class::Fatal | Class::BadBatch | Class::Permanent, _) => {
            (ExitCode::RefusedByService, failure.remedy())
        }
    };
    let whom = match class {
        Class::BadBatch | Class::Permanent => format!(" for the account {account:?}"),
        _ => String::new(),
    };
    let fault = fault_of(failure);
    Finding::failed(code, format!("{fault} at {service}{whom}: {failure}; {remedy}"))
}

/// Whether single tags are at fault. When each one is refused for whatever is in the request, it is not them.
fn blames_tags(calls: &Calls) -> bool {
    let refused = &calls.refused_tags;
    refused.iter().any(|(_, failure)| names_tags(failure))
        || (!refused.is_empty() && refused.len() < calls.tags)
}

/// What is wrong, in the fewest words.
fn fault_of(failure: &CallFailure) -> &'static str {
    let code = match failure {
        CallFailure::Refused { rule, .. } => rule.code,
        CallFailure::Unusable { .. } => return "no usable response",
        CallFailure::Transport(failure) => {
            return match failure.class() {
                Class::Retry => "no answer",
                Class::Throttle => "too fast",
                Class::Fatal | Class::BadBatch | Class::Permanent => "no answer of the service",
            };
        }
    };
    match code {
        60026 => "wrong region",
        60006 | 60012 | 70016 | 70020 => "wrong SDKAppID or region",
        70009 => "wrong key",
        40004 | 60010 | 70051 | 70403 => "no administrator",
        70001 | 70052 => "UserSig not valid now",
        70013 => "UserSig of another identifier",
        70014 => "UserSig of another SDKAppID",
        60004 | 60005 | 70002..=70010 | 70050 | 70346 => "bad UserSig",
        60016 | 60017 | 60020 | 60027 | 60028 | 70398 | 72000..=72002 | 72011 | 72012 | 80005 => {
            "plan or state of the app"
        }
        60021 => "address not allowed",
        60007 | 60011 | 60018 | 60019 | 70114 | 72010 => "too fast",
        _ => "refused",
    }
}

fn of_tags(calls: &Calls) -> Finding {
    let Calls { tags: asked, refused_tags: refused, .. } = calls;
    match &calls.all_tags {
        Ok(Answered::Profile { absent }) if absent.is_empty() => {
            Finding::passed(format!("{asked} of {asked} came back"))
        }
        Ok(Answered::Profile { absent }) => Finding::note(format!(
            "{} of {asked} came back; {} did not: not set for this account, or not there in the console",
            asked - absent.len(),
            absent.join(", ")
        )),
        Ok(_) => Finding::skipped("no profile came back to see them in"),
        Err(_) if blames_tags(calls) => {
            let texts: Vec<String> = refused
                .iter()
                .map(|(tag, failure)| format!("{tag}: {failure}; {}", failure.remedy()))
                .collect();
            Finding::failed(ExitCode::RefusedByService, texts.join(". "))
        }
        Err(failure) if is_about_the_request(failure) && refused.is_empty() => {
            Finding::note("each one is answered when it is asked for alone")
        }
        Err(failure) if is_about_the_request(failure) => {
            Finding::note("each one is refused alike when it is asked for alone")
        }
        Err(_) => Finding::skipped("the call failed"),
    }
}

fn of_clock(calls: &Calls) -> Finding {
    let Some(ahead) = calls.clock_ahead_seconds else {
        return Finding::skipped("no answer told the service's time");
    };
    if ahead.unsigned_abs() <= CLOCK_TOLERANCE_SECONDS {
        return Finding::passed("agrees with the service's to a few seconds");
    }
    let difference = duration_text(ahead.unsigned_abs() as f64);
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let text =
        format!("this machine's clock is {difference} {way} the service's; set it, as with NTP");
    let is_refused_for_the_time =
        calls.all_tags.as_ref().is_err_and(|failure| failure.code() == Some(70001));
    if is_refused_for_the_time {
        return Finding::failed(ExitCode::RefusedByService, text);
    }
    Finding::note(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error_codes::ErrorCodeRule;
    use crate::api::transport::TransportFailure;
    use crate::report::check::Status;

    fn code(code: i64) -> CallFailure {
        CallFailure::Refused { rule: ErrorCodeRule::for_code(code), info: "words".to_owned() }
    }

    fn failed(failure: CallFailure) -> Calls {
        Calls {
            tags: 3,
            all_tags: Err(failure),
            refused_tags: Vec::new(),
            clock_ahead_seconds: None,
        }
    }

    fn line(finding: &Finding) -> String {
        let Finding { status, text, code } = finding;
        let code = code.map_or(String::new(), |code| code.number().to_string());
        format!("{} {code} {text}", status.name())
    }

    #[test]
    fn each_fault_has_a_name_and_a_mend() {
        let told = |failure| line(&of_call(&failed(failure), "https://a.example", "u1"));
        let texts = [
            told(code(60026)),
            told(code(70020)),
            told(code(70009)),
            told(code(60010)),
            told(code(70001)),
            told(code(60007)),
            told(code(40001)),
            told(TransportFailure::Connection("no route".to_owned()).into()),
            told(TransportFailure::Timeout(std::time::Duration::from_secs(10)).into()),
            told(TransportFailure::Status(302).into()),
            told(TransportFailure::Status(429).into()),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r#"
failed 4 wrong region at https://a.example: code 60026, the app lives in another data centre (the service says: words); set api.region to the app's data centre
failed 4 wrong SDKAppID or region at https://a.example: code 70020, the SDKAppID was not found (the service says: words); check api.sdkappid, and that api.region is the app's data centre
failed 4 wrong key at https://a.example: code 70009, the UserSig was made with another app's key (the service says: words); check that api.sdkappid and the secret key belong to the same app
failed 4 no administrator at https://a.example: code 60010, administrator needed (the service says: words); set api.identifier to an administrator account of the app
failed 4 UserSig not valid now at https://a.example: code 70001, the UserSig has expired (the service says: words); check this machine's clock, and that the secret key is the app's current one; a UserSig that api.usersig_env names has to be made anew
failed 75 too fast at https://a.example: code 60007, call frequency over the limit (the service says: words); lower api.calls_per_second, or raise the app's limit in the console
failed 4 refused at https://a.example for the account "u1": code 40001, a request parameter is wrong (the service says: words); look at the account, and at the text the service gave
failed 75 no answer at https://a.example: no route; see that it can be reached from here
failed 75 no answer at https://a.example: no answer within 10000 ms; see that it can be reached from here
failed 4 no answer of the service at https://a.example: HTTP status 302; check api.region or api.base_url, and proxies or gateways on the way
failed 75 too fast at https://a.example: HTTP status 429; check again later
"#);
    }

    #[test]
    fn tags_at_fault_are_named_and_others_are_not() {
        let refused_tags = vec![
            ("Tag_Profile_Custom_A".to_owned(), code(40009)),
            ("Tag_Profile_Custom_B".to_owned(), code(40007)),
        ];
        let calls = Calls { refused_tags, ..failed(code(40009)) };
        let texts = [line(&of_call(&calls, "it", "u1")), line(&of_tags(&calls))];
        insta::assert_snapshot!(texts.join("\n"), @"
passed  it answers, and takes the signature and the administrator
failed 4 Tag_Profile_Custom_A: code 40009, a tag does not exist (the service says: words); check the tags in [[columns]]; a new custom field takes 5 minutes to appear. Tag_Profile_Custom_B: code 40007, no right to read a field (the service says: words); give the tag the app-admin read right in the console, or drop the column
");
    }

    #[test]
    fn an_account_refused_with_each_tag_is_no_fault_of_the_tags() {
        let refused_tags = vec![
            ("Tag_Profile_Custom_A".to_owned(), code(40001)),
            ("Tag_Profile_Custom_B".to_owned(), code(40001)),
        ];
        let calls = Calls { refused_tags, ..failed(code(40001)) };
        // The third one is answered.
        assert_eq!(of_call(&calls, "it", "u1").status, Status::Passed);
        assert_eq!(of_tags(&calls).status, Status::Failed);
        let calls = Calls { tags: 2, ..calls };
        assert_eq!(of_call(&calls, "it", "u1").status, Status::Failed);
        assert_eq!(of_tags(&calls).status, Status::Note);
        let calls = failed(code(40001));
        assert_eq!(of_call(&calls, "it", "u1").status, Status::Failed);
        assert_eq!(of_tags(&calls).status, Status::Note);
    }

    #[test]
    fn what_came_back_is_compared_with_what_was_asked() {
        let answered = |answered| Calls { all_tags: Ok(answered), ..failed(code(1)) };
        let texts: Vec<String> = [
            Answered::Profile { absent: vec![] },
            Answered::Profile { absent: vec!["Tag_Profile_Custom_A".to_owned()] },
            Answered::NotFound,
            Answered::Refused("code 40601, too long".to_owned()),
        ]
        .into_iter()
        .map(|found| {
            let calls = answered(found);
            format!("{}\n{}", line(&of_call(&calls, "it", "u1")), line(&of_tags(&calls)))
        })
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r#"
passed  it answers, and takes the signature and the administrator
passed  3 of 3 came back
passed  it answers, and takes the signature and the administrator
note  2 of 3 came back; Tag_Profile_Custom_A did not: not set for this account, or not there in the console
note  it answers, and takes the signature and the administrator; it does not know the account "u1"
skipped  no profile came back to see them in
note  it answers, and takes the signature and the administrator; the account "u1" would have no row: code 40601, too long
skipped  no profile came back to see them in
"#);
    }

    #[test]
    fn a_clock_that_is_off_is_a_fault_when_the_usersig_is_refused_for_it() {
        let told = |ahead, all_tags| {
            let calls = Calls { all_tags, clock_ahead_seconds: ahead, ..failed(code(1)) };
            line(&of_clock(&calls))
        };
        let answered = || Ok(Answered::NotFound);
        let texts = [
            told(None, answered()),
            told(Some(5), answered()),
            told(Some(-6), answered()),
            told(Some(7_260), answered()),
            told(Some(7_260), Err(code(70009))),
            told(Some(-180_000), Err(code(70001))),
        ];
        insta::assert_snapshot!(texts.join("\n"), @"
skipped  no answer told the service's time
passed  agrees with the service's to a few seconds
note  this machine's clock is 6 s behind the service's; set it, as with NTP
note  this machine's clock is 2 h 1 min ahead of the service's; set it, as with NTP
note  this machine's clock is 2 h 1 min ahead of the service's; set it, as with NTP
failed 4 this machine's clock is 2 d 2 h behind the service's; set it, as with NTP
");
    }
}
