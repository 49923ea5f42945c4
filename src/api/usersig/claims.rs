//! The claims of a UserSig, and their encoding.

use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::Mac;
use serde::{Deserialize, Serialize};

use super::{SecretKey, UserSig};

/// The only version of the claims.
const VERSION: &str = "2.0";

/// Longest UserSig that is decoded, and most bytes of its decompressed claims. A real one has about 200 of each.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// The claims in JSON; the order of keys differs between the official signers.
#[derive(Serialize, Deserialize)]
struct ClaimsJson {
    #[serde(rename = "TLS.ver")]
    version: String,
    #[serde(rename = "TLS.identifier", default)]
    identifier: String,
    #[serde(rename = "TLS.sdkappid", default)]
    sdkappid: u64,
    #[serde(rename = "TLS.time", default)]
    time: u64,
    #[serde(rename = "TLS.expire", default)]
    expire: u64,
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    userbuf: Option<String>,
    #[serde(rename = "TLS.sig")]
    sig: String,
}

/// The content of a UserSig, untrusted until verified with [`Claims::is_signed_by`].
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The account that calls.
    pub identifier: String,
    /// The app it belongs to.
    pub sdkappid: u64,
    /// When it was signed, in Unix seconds.
    pub time: u64,
    /// Lifetime in seconds.
    pub expire: u64,
    /// Base64 of the room rights of a sibling product; covered by the signature.
    pub(super) userbuf: Option<String>,
    /// Base64 of the HMAC.
    pub(super) sig: String,
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("identifier", &self.identifier)
            .field("sdkappid", &self.sdkappid)
            .field("time", &self.time)
            .field("expire", &self.expire)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a valid UserSig; the service returns 70003 for all of them. No message repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// The text or its decompressed claims.
    #[error("the UserSig is larger than 64 KiB")]
    TooLong,
    #[error(
        "the UserSig is not base64 with '*', '-' and '_' for '+', '/' and '='; it may be cut off"
    )]
    Base64,
    /// Often from a signer without compression.
    #[error("the UserSig is not compressed with zlib")]
    Zlib,
    #[error("the UserSig does not hold the claims of a UserSig")]
    Json,
    #[error("the UserSig is not of version 2.0")]
    Version,
}

/// Decodes a UserSig without verifying it: any order of keys, any zlib level (stored blocks too), any white space.
pub fn decode(sig: &str) -> Result<Claims, SigError> {
    if sig.len() > MAX_BYTES {
        return Err(SigError::TooLong);
    }
    let plain: Vec<u8> = sig.bytes().map(from_url_character).collect();
    let packed = STANDARD.decode(plain).map_err(|_| SigError::Base64)?;
    let mut json = Vec::with_capacity(512);
    ZlibDecoder::new(packed.as_slice())
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|_| SigError::Zlib)?;
    if json.len() > MAX_BYTES {
        return Err(SigError::TooLong);
    }
    let claims: ClaimsJson = serde_json::from_slice(&json).map_err(|_| SigError::Json)?;
    if claims.version != VERSION {
        return Err(SigError::Version);
    }
    let ClaimsJson { identifier, sdkappid, time, expire, userbuf, sig, .. } = claims;
    Ok(Claims { identifier, sdkappid, time, expire, userbuf, sig })
}

impl Claims {
    pub(super) fn new(sdkappid: u64, identifier: &str, time: u64, expire: u64) -> Claims {
        let (identifier, userbuf, sig) = (identifier.to_owned(), None, String::new());
        Claims { identifier, sdkappid, time, expire, userbuf, sig }
    }

    pub(super) fn sign(mut self, key: &SecretKey) -> UserSig {
        self.sig = STANDARD.encode(key.mac(&self.signed_text()).finalize().into_bytes());
        self.pack()
    }

    /// The last Unix second at which the UserSig is valid.
    pub fn expires_at(&self) -> u64 {
        self.time.saturating_add(self.expire)
    }

    /// Whether the signature covers room rights of a sibling product.
    pub fn has_userbuf(&self) -> bool {
        self.userbuf.is_some()
    }

    /// Whether the HMAC can be decoded.
    pub fn has_base64_sig(&self) -> bool {
        STANDARD.decode(&self.sig).is_ok()
    }

    /// Whether the HMAC was made with this key; takes the same time for every wrong one.
    pub fn is_signed_by(&self, key: &SecretKey) -> bool {
        STANDARD
            .decode(&self.sig)
            .is_ok_and(|mac| key.mac(&self.signed_text()).verify_slice(&mac).is_ok())
    }

    /// The signed text: fixed order, each line terminated by LF, whatever the order in the JSON.
    pub(super) fn signed_text(&self) -> String {
        let Claims { identifier, sdkappid, time, expire, .. } = self;
        let mut text = format!(
            "TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n"
        );
        if let Some(userbuf) = &self.userbuf {
            text.push_str("TLS.userbuf:");
            text.push_str(userbuf);
            text.push('\n');
        }
        text
    }

    pub(super) fn pack(self) -> UserSig {
        let Claims { identifier, sdkappid, time, expire, userbuf, sig } = self;
        let version = VERSION.to_owned();
        let claims = ClaimsJson { version, identifier, sdkappid, time, expire, userbuf, sig };
        let json = serde_json::to_vec(&claims).expect("strings and numbers always serialize");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&json).expect("writing into memory cannot fail");
        let packed = zlib.finish().expect("writing into memory cannot fail");
        UserSig::new(STANDARD.encode(packed).chars().map(to_url_character).collect())
    }
}

/// Not base64url: here `-` stands for `/` and `*` for `+`.
pub(super) fn to_url_character(character: char) -> char {
    match character {
        '+' => '*',
        '/' => '-',
        '=' => '_',
        other => other,
    }
}

fn from_url_character(byte: u8) -> u8 {
    match byte {
        b'*' => b'+',
        b'-' => b'/',
        b'_' => b'=',
        other => other,
    }
}
