//! `usersig`: signs a UserSig for another tool, or explains one. Output never repeats the key nor an explained UserSig.

mod input;

use jiff::Timestamp;

use self::input::{UsersigError, expected_claims, read_usersig};
use super::print::print;
use crate::api::usersig::{decode, sign};
use crate::cli::{Flags, UsersigArgs};
use crate::job::DEFAULT_IDENTIFIER;
use crate::report::usersig::{Expected, explain};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;

/// Signs or explains a UserSig.
pub fn usersig(args: &UsersigArgs, flags: &Flags) -> Result<(), Failure> {
    let expected = expected_claims(args, flags)?;
    let now = Timestamp::now();
    if args.inspect {
        return inspect(args, &expected, now);
    }
    let missing = UsersigError::NothingToSignWith;
    let sdkappid = expected.sdkappid.ok_or_else(|| missing("--sdkappid"))?;
    let key = match &expected.key {
        Some(key) => key,
        None if args.job.is_some() => return Err(UsersigError::JobHasNoKey.into()),
        None => return Err(missing("--secret-key-env").into()),
    };
    let identifier = expected.identifier.as_deref().unwrap_or(DEFAULT_IDENTIFIER);
    let unix_seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let sig = sign(key, sdkappid, identifier, unix_seconds, args.expire.as_secs());
    print(format!("{}\n", sig.as_str()))
}

fn inspect(args: &UsersigArgs, expected: &Expected, now: Timestamp) -> Result<(), Failure> {
    let text = read_usersig()?;
    let claims = decode(text.trim()).map_err(UsersigError::NotReadable)?;
    let explanation = explain(&claims, expected, now);
    print(if args.json { explanation.to_json() } else { explanation.to_text() })?;
    match explanation.refusal() {
        None => Ok(()),
        Some(refusal) => Err(Failure::new(ExitCode::RefusedByService, refusal)),
    }
}
