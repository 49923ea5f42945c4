//! UserSig (TLSSigAPIv2, `TLS.ver` "2.0"): signed for the exporter's calls, decoded and verified by the emulator.
//!
//! A UserSig is a JSON object of claims with an HMAC-SHA256 over them, compressed with zlib and encoded in a base64 whose
//! three special characters need no escape in a URL. Times are Unix seconds. Source: 1047/34385, the official signers, and
//! `docs/im-rest-api.md` section 2. Invariant: `Debug` never shows a key or a UserSig.

mod claims;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub use self::claims::{Claims, SigError, decode};

/// The secret key of an app, as the console shows it. Its text is the HMAC key; the hex digits are not decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// The caller removes surrounding white space.
    pub fn new(text: String) -> SecretKey {
        SecretKey(text)
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes())
            .expect("HMAC takes a key of any length (RFC 2104)");
        mac.update(text.as_bytes());
        mac
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(hidden)")
    }
}

/// A UserSig, ready for the `usersig` parameter: no character needs an escape in a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct UserSig(String);

impl UserSig {
    /// A UserSig that was signed elsewhere.
    pub fn new(text: String) -> UserSig {
        UserSig(text)
    }

    /// The text to send. Never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for UserSig {
    fn from(text: String) -> UserSig {
        UserSig::new(text)
    }
}

impl fmt::Debug for UserSig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserSig(hidden)")
    }
}

/// Signs a UserSig for `identifier`, an administrator of the app, valid from `unix_time_seconds` for `lifetime_seconds`.
pub fn sign(
    key: &SecretKey,
    sdkappid: u64,
    identifier: &str,
    unix_time_seconds: u64,
    lifetime_seconds: u64,
) -> UserSig {
    Claims::new(sdkappid, identifier, unix_time_seconds, lifetime_seconds).sign(key)
}

#[cfg(test)]
mod tests;
