//! `usersig`: signs a UserSig for a tool that needs one, or explains one. Neither the key nor, when one is explained,
//! the UserSig is ever repeated.

mod explain;

use std::io::{self, Read};

use jiff::Timestamp;

use self::explain::{Expected, explain};
use super::print::print;
use crate::accounts::MAX_ACCOUNT_BYTES;
use crate::api::signer::SigSource;
use crate::api::usersig::{SecretKey, SigError, decode, sign};
use crate::cli::{Flags, UsersigArgs};
use crate::export::load_job;
use crate::export::secret;
use crate::job::{self, DEFAULT_IDENTIFIER};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// Most of standard input that is read: more than the longest UserSig, so that a longer one is refused as such.
const MAX_INPUT_BYTES: u64 = 128 * 1024;

/// Why there is nothing to sign with, or nothing to explain. No text repeats a secret.
#[derive(Debug, thiserror::Error)]
enum UsersigError {
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
    #[error("standard input could not be read")]
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

/// Signs or explains.
pub fn usersig(args: &UsersigArgs, flags: &Flags) -> Result<(), Failure> {
    let expected = expected_of(args, flags)?;
    let now = Timestamp::now();
    if args.inspect {
        return inspect(args, &expected, now);
    }
    let flag = UsersigError::NothingToSignWith;
    let sdkappid = expected.sdkappid.ok_or_else(|| flag("--sdkappid"))?;
    let key = match &expected.key {
        Some(key) => key,
        None if args.job.is_some() => return Err(UsersigError::JobHasNoKey.into()),
        None => return Err(flag("--secret-key-env").into()),
    };
    let identifier = expected.identifier.as_deref().unwrap_or(DEFAULT_IDENTIFIER);
    let unix_seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let sig = sign(key, sdkappid, identifier, unix_seconds, args.expire.as_secs());
    print(format!("{}\n", sig.as_str()))
}

/// What the job or the flags say of app, account and key.
fn expected_of(args: &UsersigArgs, flags: &Flags) -> Result<Expected, Failure> {
    let Some(path) = &args.job else {
        let key = match &args.secret_key_env {
            None => None,
            Some(name) => {
                let text = secret::from_env(name, "--secret-key-env", "app's secret key");
                Some(SecretKey::new(text?))
            }
        };
        let bytes = args.identifier.as_ref().map_or(1, String::len);
        if !(1..=MAX_ACCOUNT_BYTES).contains(&bytes) {
            return Err(UsersigError::Identifier { bytes }.into());
        }
        if args.sdkappid == Some(0) {
            return Err(UsersigError::Sdkappid.into());
        }
        return Ok(Expected { sdkappid: args.sdkappid, identifier: args.identifier.clone(), key });
    };
    if job::looks_like_a_secret(&path.to_string_lossy()) {
        return Err(UsersigError::SecretAsArgument.into());
    }
    let (job, _) = load_job(path, &flags.overrides, flags.date)?;
    let source = secret::read(&job.api.secret)?;
    let key = match source {
        SigSource::Key(key) => Some(key),
        SigSource::Ready(_) => None,
    };
    let sdkappid = Some(job.api.sdkappid);
    Ok(Expected { sdkappid, identifier: Some(job.api.identifier), key })
}

fn inspect(args: &UsersigArgs, expected: &Expected, now: Timestamp) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_INPUT_BYTES)
        .read_to_end(&mut bytes)
        .map_err(UsersigError::Unreadable)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.trim().is_empty() {
        return Err(UsersigError::Empty.into());
    }
    let claims = decode(text.trim()).map_err(UsersigError::NotReadable)?;
    let explanation = explain(&claims, expected, now);
    print(if args.json { explanation.to_json() } else { explanation.to_text() })?;
    match explanation.refusal() {
        None => Ok(()),
        Some(refusal) => Err(Failure::new(ExitCode::RefusedByService, refusal)),
    }
}
