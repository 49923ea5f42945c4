//! The input of `usersig`: app, account and key of the job or the flags, and the UserSig on standard input.

use std::io::{self, Read};

use crate::accounts::MAX_ACCOUNT_BYTES;
use crate::api::signer::SigSource;
use crate::api::usersig::SigError;
use crate::cli::{Flags, UsersigArgs};
use crate::export::{load_job, secret};
use crate::job::looks_like_a_secret;
use crate::report::usersig::Expected;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// Longest standard input that is read, in bytes: more than the longest UserSig, so that a longer one is refused as such.
const MAX_INPUT_BYTES: u64 = 128 * 1024;

/// Why nothing can be signed or explained. No text repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum UsersigError {
    #[error(
        "the job looks like a UserSig or a key; neither belongs on a command line, so give the UserSig on standard \
         input: im-profiles usersig --inspect < FILE"
    )]
    SecretAsArgument,
    #[error(
        "neither a job nor {0} is given; write im-profiles usersig JOB, or give --sdkappid and --secret-key-env"
    )]
    NothingToSignWith(&'static str),
    #[error(
        "the job has a UserSig (api.usersig_env) and no key, so nothing can be signed; name the key with \
         --set api.secret_key_env=NAME"
    )]
    JobHasNoKey,
    #[error(
        "--identifier has {bytes} bytes, but an account has 1 to {MAX_ACCOUNT_BYTES}; correct it"
    )]
    Identifier { bytes: usize },
    #[error("--sdkappid is 0; write the SDKAppID that the console shows for the app")]
    Sdkappid,
    #[error(
        "standard input could not be read; give the UserSig on it, such as: im-profiles usersig --inspect < FILE"
    )]
    Unreadable(#[source] io::Error),
    #[error(
        "standard input is empty; give it the UserSig to explain, such as: im-profiles usersig --inspect < FILE"
    )]
    Empty,
    #[error(
        "the service would refuse the UserSig (70003): {0}; give all of it on standard input, as the signer printed it, \
         or sign another one with im-profiles usersig"
    )]
    NotReadable(SigError),
}

impl HasExitCode for UsersigError {
    fn exit_code(&self) -> ExitCode {
        match self {
            UsersigError::NotReadable(_) => ExitCode::RefusedByService,
            _ => ExitCode::BadUsage,
        }
    }
}

/// Returns app, account and key of the job, else those of the flags.
pub fn expected_claims(args: &UsersigArgs, flags: &Flags) -> Result<Expected, Failure> {
    let Some(path) = &args.job else { return claims_of_flags(args) };
    if looks_like_a_secret(&path.to_string_lossy()) {
        return Err(UsersigError::SecretAsArgument.into());
    }
    let (job, _) = load_job(path, &flags.overrides, flags.date)?;
    let key = match secret::read(&job.api.secret)? {
        SigSource::Key(key) => Some(key),
        SigSource::Ready(_) => None,
    };
    if let Some(warning) = secret::exposure(&job.api.secret) {
        warning.log();
    }
    let sdkappid = Some(job.api.sdkappid);
    Ok(Expected { sdkappid, identifier: Some(job.api.identifier), key })
}

fn claims_of_flags(args: &UsersigArgs) -> Result<Expected, Failure> {
    let key = args.secret_key_env.as_deref().map(secret::key_from_flag).transpose()?;
    let bytes = args.identifier.as_ref().map_or(1, String::len);
    if !(1..=MAX_ACCOUNT_BYTES).contains(&bytes) {
        return Err(UsersigError::Identifier { bytes }.into());
    }
    if args.sdkappid == Some(0) {
        return Err(UsersigError::Sdkappid.into());
    }
    Ok(Expected { sdkappid: args.sdkappid, identifier: args.identifier.clone(), key })
}

/// Reads the UserSig to explain.
pub fn read_usersig() -> Result<String, UsersigError> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock().take(MAX_INPUT_BYTES);
    stdin.read_to_end(&mut bytes).map_err(UsersigError::Unreadable)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.trim().is_empty() { Err(UsersigError::Empty) } else { Ok(text) }
}
