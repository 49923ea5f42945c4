//! Whether a UserSig that was signed elsewhere fits the job and the time.

use jiff::Timestamp;

use crate::api::signer::SigSource;
use crate::api::usersig::{SigError, UserSig, decode};
use crate::job::{ApiSettings, SecretSource};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::human::duration_text;

/// Why the service would refuse a UserSig. Each text ends with the fix, and none contains the UserSig.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserSigError {
    #[error(
        "{variable}, which api.usersig_env names, is not a valid UserSig: {error}; sign a new one for {identifier}"
    )]
    Invalid { variable: String, error: SigError, identifier: String },
    #[error(
        "{variable} holds a UserSig of SDKAppID {found}, but api.sdkappid is {expected}; correct api.sdkappid, or sign a new UserSig"
    )]
    App { variable: String, found: u64, expected: u64 },
    #[error(
        "{variable} holds a UserSig of {found:?}, but api.identifier is {expected:?}; correct api.identifier, or sign a new UserSig"
    )]
    Identifier { variable: String, found: String, expected: String },
    #[error(
        "{variable} holds a UserSig that expired {age} ago by this machine's clock; sign a new one"
    )]
    Expired { variable: String, age: String },
    /// The rest is kept: the same command resumes with a new UserSig.
    #[error(
        "{variable} holds a UserSig that expires in {left}, but the calls take at least {needed}; sign one that is valid for longer, or the run stops and the same command resumes it with a new one"
    )]
    ExpiresEarly { variable: String, left: String, needed: String },
}

impl HasExitCode for UserSigError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::RefusedByService
    }
}

/// A UserSig of the job's app and administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUserSig {
    /// The environment variable that holds it.
    pub variable: String,
    /// In Unix seconds.
    pub expires_at: u64,
}

impl GivenUserSig {
    /// Compares the UserSig of a job with the job; `None` if the job signs its own.
    ///
    /// # Errors
    /// Whatever the service would refuse at any time.
    pub fn of(api: &ApiSettings, source: &SigSource) -> Result<Option<GivenUserSig>, UserSigError> {
        match (&api.secret, source) {
            (SecretSource::UserSigEnv(variable), SigSource::Ready(sig)) => {
                read(variable, sig, api.sdkappid, &api.identifier).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Whether the UserSig is valid for calls that take this long from `now` on, in Unix seconds.
    ///
    /// # Errors
    /// When it expires before, by this machine's clock.
    pub fn ensure_lasts(&self, now: u64, needed_seconds: f64) -> Result<(), UserSigError> {
        let variable = self.variable.clone();
        if self.expires_at < now {
            let age = duration_text((now - self.expires_at) as f64);
            return Err(UserSigError::Expired { variable, age });
        }
        let left = (self.expires_at - now) as f64;
        if left >= needed_seconds {
            return Ok(());
        }
        let (left, needed) = (duration_text(left), duration_text(needed_seconds));
        Err(UserSigError::ExpiresEarly { variable, left, needed })
    }

    /// When it expires, as messages show it.
    pub fn expiry_text(&self, now: u64) -> String {
        let seconds = i64::try_from(self.expires_at).ok();
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        let time = time.map_or_else(|| "after the year 9999".to_owned(), |time| time.to_string());
        format!("{time} (in {})", duration_text(self.expires_at.saturating_sub(now) as f64))
    }
}

fn read(
    variable: &str,
    sig: &UserSig,
    sdkappid: u64,
    identifier: &str,
) -> Result<GivenUserSig, UserSigError> {
    let variable = variable.to_owned();
    let claims = match decode(sig.as_str()) {
        Ok(claims) => claims,
        Err(error) => {
            let identifier = identifier.to_owned();
            return Err(UserSigError::Invalid { variable, error, identifier });
        }
    };
    if claims.sdkappid != sdkappid {
        return Err(UserSigError::App { variable, found: claims.sdkappid, expected: sdkappid });
    }
    if claims.identifier != identifier {
        let expected = identifier.to_owned();
        return Err(UserSigError::Identifier { variable, found: claims.identifier, expected });
    }
    Ok(GivenUserSig { variable, expires_at: claims.expires_at() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::usersig::{SecretKey, sign};

    const NOW: u64 = 1_700_000_000;

    fn read_signed(
        sdkappid: u64,
        identifier: &str,
        time: u64,
        lifetime: u64,
    ) -> Result<GivenUserSig, UserSigError> {
        let key = SecretKey::new("k".to_owned());
        let sig = sign(&key, sdkappid, identifier, time, lifetime);
        let given = read("IM_USERSIG", &sig, 14, "administrator");
        assert!(!format!("{given:?}").contains(sig.as_str()));
        given
    }

    #[test]
    fn a_usersig_lasts_until_it_expires() {
        let given = read_signed(14, "administrator", NOW - 60, 3_660).unwrap();
        insta::assert_snapshot!(given.expiry_text(NOW), @"2023-11-14T23:13:20Z (in 1 h)");
        assert_eq!(given.ensure_lasts(NOW, 3_600.0), Ok(()));
        let texts = [(NOW, 7_200.0), (NOW + 3_700, 0.0)]
            .map(|(now, needed)| given.ensure_lasts(now, needed).unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n"), @"
        IM_USERSIG holds a UserSig that expires in 1 h, but the calls take at least 2 h; sign one that is valid for longer, or the run stops and the same command resumes it with a new one
        IM_USERSIG holds a UserSig that expired 1 min 40 s ago by this machine's clock; sign a new one
        ");
        let forever = read_signed(14, "administrator", 0, u64::MAX).unwrap();
        assert_eq!(forever.ensure_lasts(NOW, 1e12), Ok(()));
        assert!(forever.expiry_text(NOW).starts_with("after the year 9999"));
    }

    #[test]
    fn a_usersig_of_another_app_or_account_is_refused() {
        let no_sig = UserSig::new("eJnotone".to_owned());
        let texts = [
            read_signed(15, "administrator", NOW, 60),
            read_signed(14, "joe\u{1b}", NOW, 60),
            read("IM_USERSIG", &no_sig, 14, "administrator"),
        ]
        .map(|given| given.unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n"), @r#"
        IM_USERSIG holds a UserSig of SDKAppID 15, but api.sdkappid is 14; correct api.sdkappid, or sign a new UserSig
        IM_USERSIG holds a UserSig of "joe\u{1b}", but api.identifier is "administrator"; correct api.identifier, or sign a new UserSig
        IM_USERSIG, which api.usersig_env names, is not a valid UserSig: the UserSig is not compressed with zlib; sign a new one for administrator
        "#);
    }
}
