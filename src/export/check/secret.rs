//! The finding about the secret, or about a UserSig that was signed elsewhere.

use jiff::Timestamp;

use super::finding::Finding;
use crate::api::signer::SigSource;
use crate::api::usersig::{UserSig, decode};
use crate::export::secret;
use crate::export::service::unix_seconds;
use crate::job::{Job, SecretSource};
use crate::report::check::Status;
use crate::util::exit_code::ExitCode;
use crate::util::failure::chain;
use crate::util::human::duration_text;

/// Reads the secret of a job; returns it if a call with it makes sense.
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
        SigSource::Key(_) if secret::is_exposed(&job.api.secret) => {
            let text = format!(
                "{place} holds a key, but every user of this machine can read it; restrict the file with chmod 600"
            );
            (Finding::note(text), Some(sig_source))
        }
        SigSource::Key(_) => (Finding::passed(format!("{place} holds a key")), Some(sig_source)),
        SigSource::Ready(sig) => {
            let (sdkappid, identifier) = (job.api.sdkappid, &job.api.identifier);
            let finding = validate_usersig(&place, sig, sdkappid, identifier, unix_seconds());
            let may_be_accepted = finding.status != Status::Failed;
            (finding, may_be_accepted.then_some(sig_source))
        }
    }
}

/// Compares a UserSig with the job and the time; fails if the service would refuse it.
fn validate_usersig(
    place: &str,
    sig: &UserSig,
    sdkappid: u64,
    identifier: &str,
    now: u64,
) -> Finding {
    let failed = |text: String| Finding::failed(ExitCode::RefusedByService, text);
    let claims = match decode(sig.as_str()) {
        Ok(claims) => claims,
        Err(error) => {
            return failed(format!(
                "{place}, which api.usersig_env names, is not a valid UserSig: {error}; sign a new one for {identifier}"
            ));
        }
    };
    let holds = format!("{place} holds a UserSig");
    if claims.sdkappid != sdkappid {
        let other = claims.sdkappid;
        return failed(format!(
            "{holds} of SDKAppID {other}, but api.sdkappid is {sdkappid}; correct api.sdkappid, or sign a new UserSig"
        ));
    }
    if claims.identifier != identifier {
        let other = &claims.identifier;
        return failed(format!(
            "{holds} of {other:?}, but api.identifier is {identifier:?}; correct api.identifier, or sign a new UserSig"
        ));
    }
    if claims.expires_at() < now {
        let age = duration_text((now - claims.expires_at()) as f64);
        // Not a failure: the service's clock decides.
        return Finding::note(format!(
            "{holds} that expired {age} ago by this machine's clock; sign a new one"
        ));
    }
    let left = duration_text((claims.expires_at() - now) as f64);
    Finding::passed(format!(
        "{holds} of {identifier} for SDKAppID {sdkappid}, which expires {} (in {left})",
        date_text(claims.expires_at())
    ))
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

    const NOW: u64 = 1_700_000_000;

    fn status_and_text(sig: &UserSig) -> (Status, String) {
        let Finding { status, text, .. } =
            validate_usersig("IM_USERSIG", sig, 14, "administrator", NOW);
        (status, text)
    }

    fn signed(sdkappid: u64, identifier: &str, time: u64, lifetime: u64) -> UserSig {
        sign(&SecretKey::new("k".to_owned()), sdkappid, identifier, time, lifetime)
    }

    #[test]
    fn a_valid_usersig_reports_its_expiry() {
        let (status, text) = status_and_text(&signed(14, "administrator", NOW - 60, 3_660));
        assert_eq!(status, Status::Passed);
        insta::assert_snapshot!(text, @"IM_USERSIG holds a UserSig of administrator for SDKAppID 14, which expires 2023-11-14T23:13:20Z (in 1 h)");
        let (status, text) = status_and_text(&signed(14, "administrator", 0, u64::MAX));
        assert_eq!(status, Status::Passed, "{text}");
    }

    #[test]
    fn an_invalid_usersig_reports_the_difference() {
        let faults = [
            signed(15, "administrator", NOW, 60),
            signed(14, "joe\u{1b}", NOW, 60),
            signed(14, "administrator", NOW - 160, 60),
            UserSig::new("eJnotone".to_owned()),
        ];
        let texts = faults.iter().map(|sig| {
            let (status, text) = status_and_text(sig);
            assert_ne!(status, Status::Passed);
            assert!(!text.contains(sig.as_str()), "{text}");
            text
        });
        insta::assert_snapshot!(texts.collect::<Vec<_>>().join("\n"), @r#"
IM_USERSIG holds a UserSig of SDKAppID 15, but api.sdkappid is 14; correct api.sdkappid, or sign a new UserSig
IM_USERSIG holds a UserSig of "joe\u{1b}", but api.identifier is "administrator"; correct api.identifier, or sign a new UserSig
IM_USERSIG holds a UserSig that expired 1 min 40 s ago by this machine's clock; sign a new one
IM_USERSIG, which api.usersig_env names, is not a valid UserSig: the UserSig is not compressed with zlib; sign a new one for administrator
"#);
    }
}
