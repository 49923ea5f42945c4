//! Whether there is a secret, and whether a UserSig that was made elsewhere is the job's.

use jiff::Timestamp;

use super::finding::Finding;
use crate::api::signer::SigSource;
use crate::api::usersig::{Claims, UserSig, decode};
use crate::export::secret;
use crate::export::service::unix_seconds;
use crate::job::{Job, SecretSource};
use crate::util::exit_code::ExitCode;
use crate::util::failure::chain;
use crate::util::human::duration_text;

/// Reads the secret of a job. Gives it back where a call with it can tell more.
pub fn check_secret(job: &Job) -> (Finding, Option<SigSource>) {
    let sig_source = match secret::read(&job.api.secret) {
        Ok(sig_source) => sig_source,
        Err(error) => return (Finding::failed(ExitCode::BadUsage, chain(&error)), None),
    };
    let place = match &job.api.secret {
        SecretSource::KeyEnv(name) | SecretSource::UserSigEnv(name) => name.clone(),
        SecretSource::KeyFile(path) => path.display().to_string(),
        SecretSource::EmulatorKey => {
            return (Finding::passed("not needed, the emulator has its own"), Some(sig_source));
        }
    };
    match &sig_source {
        SigSource::Key(_) => (Finding::passed(format!("{place} holds a key")), Some(sig_source)),
        SigSource::Ready(sig) => {
            let api = &job.api;
            let found =
                validate_usersig(&place, sig, api.sdkappid, &api.identifier, unix_seconds());
            let may_be_called = found.claims.is_some_and(|claims| is_of_job(&claims, job));
            (found.finding, may_be_called.then_some(sig_source))
        }
    }
}

fn is_of_job(claims: &Claims, job: &Job) -> bool {
    claims.sdkappid == job.api.sdkappid && claims.identifier == job.api.identifier
}

struct Judged {
    finding: Finding,
    claims: Option<Claims>,
}

/// Compares a UserSig with the job and the time. An export would be refused with one that does not fit.
fn validate_usersig(
    place: &str,
    sig: &UserSig,
    sdkappid: u64,
    identifier: &str,
    now: u64,
) -> Judged {
    let failed = |text: String| Finding::failed(ExitCode::RefusedByService, text);
    let claims = match decode(sig.as_str()) {
        Ok(claims) => claims,
        Err(error) => {
            let text = format!(
                "{place}, which api.usersig_env names, holds no UserSig: {error}; make it anew for {identifier}"
            );
            return Judged { finding: failed(text), claims: None };
        }
    };
    let what = format!("{place} holds a UserSig");
    let finding = if claims.sdkappid != sdkappid {
        let of = claims.sdkappid;
        failed(format!(
            "{what} of SDKAppID {of}, but api.sdkappid is {sdkappid}; correct api.sdkappid, or make the UserSig anew"
        ))
    } else if claims.identifier != identifier {
        let of = &claims.identifier;
        failed(format!(
            "{what} of {of:?}, but api.identifier is {identifier:?}; correct api.identifier, or make the UserSig anew"
        ))
    } else if claims.expires_at() < now {
        let since = duration_text((now - claims.expires_at()) as f64);
        // The service's clock has the last word.
        Finding::note(format!(
            "{what} that expired {since} ago by this machine's clock; make it anew"
        ))
    } else {
        let left = duration_text((claims.expires_at() - now) as f64);
        Finding::passed(format!(
            "{what} of {identifier} for SDKAppID {sdkappid}, which expires {} (in {left})",
            date_text(claims.expires_at())
        ))
    };
    Judged { finding, claims: Some(claims) }
}

fn date_text(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "after the year 9999".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::usersig::{SecretKey, sign};
    use crate::report::check::Status;

    const NOW: u64 = 1_700_000_000;

    fn told(sig: &UserSig) -> (Status, String) {
        let Finding { status, text, .. } =
            validate_usersig("IM_USERSIG", sig, 14, "administrator", NOW).finding;
        (status, text)
    }

    fn made(sdkappid: u64, identifier: &str, time: u64, lifetime: u64) -> UserSig {
        sign(&SecretKey::new("k".to_owned()), sdkappid, identifier, time, lifetime)
    }

    #[test]
    fn a_usersig_of_the_job_tells_when_it_expires() {
        let (status, text) = told(&made(14, "administrator", NOW - 60, 3_660));
        assert_eq!(status, Status::Passed);
        insta::assert_snapshot!(text, @"IM_USERSIG holds a UserSig of administrator for SDKAppID 14, which expires 2023-11-14T23:13:20Z (in 1 h)");
        let (status, text) = told(&made(14, "administrator", 0, u64::MAX));
        assert_eq!(status, Status::Passed, "{text}");
    }

    #[test]
    fn a_usersig_that_is_not_the_jobs_fails_with_what_differs() {
        let faults = [
            made(15, "administrator", NOW, 60),
            made(14, "joe\u{1b}", NOW, 60),
            made(14, "administrator", NOW - 160, 60),
            UserSig::new("eJnotone".to_owned()),
        ];
        let texts = faults.iter().map(|sig| {
            let (status, text) = told(sig);
            assert_ne!(status, Status::Passed);
            assert!(!text.contains(sig.as_str()), "{text}");
            text
        });
        insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n"), @r#"
IM_USERSIG holds a UserSig of SDKAppID 15, but api.sdkappid is 14; correct api.sdkappid, or make the UserSig anew
IM_USERSIG holds a UserSig of "joe\u{1b}", but api.identifier is "administrator"; correct api.identifier, or make the UserSig anew
IM_USERSIG holds a UserSig that expired 1 min 40 s ago by this machine's clock; make it anew
IM_USERSIG, which api.usersig_env names, holds no UserSig: the UserSig does not unpack with zlib; make it anew for administrator
"#);
    }
}
