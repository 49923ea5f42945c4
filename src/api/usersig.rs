//! UserSig (TLSSigAPIv2, `TLS.ver` "2.0"): made for the exporter's calls, read and checked by the emulator.
//!
//! A UserSig is a few JSON claims with an HMAC-SHA256 over them, packed with zlib and a base64 whose three
//! special characters survive a URL. Times are Unix seconds. Source: 1047/34385, the official signers, and
//! `docs/im-rest-api.md` section 2. Promise: neither key nor UserSig is ever shown by `Debug`.

use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The only version of the claims there is.
const VERSION: &str = "2.0";

/// Longest UserSig that is read, and most bytes its claims may unpack to. A real one has some 200 of each.
const MAX_BYTES: usize = 64 * 1024;

/// The secret key of an app, as the console shows it. Its text is the HMAC key, the hex digits are not decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// The key as written; spaces around it are the caller's to remove.
    pub fn new(text: String) -> SecretKey {
        SecretKey(text)
    }

    fn mac_of(&self, text: &str) -> Hmac<Sha256> {
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

/// A UserSig, ready for the `usersig` parameter; all its characters may stand in a URL as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct UserSig(String);

impl UserSig {
    /// A UserSig that was made elsewhere.
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

/// The claims as they stand in the JSON; the order of keys differs between the official signers.
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

/// What a UserSig says. Nothing of it may be believed before [`Claims::is_signed_by`].
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The account that calls.
    pub identifier: String,
    /// The app it belongs to.
    pub sdkappid: u64,
    /// When it was signed, in Unix seconds.
    pub time: u64,
    /// How long it holds from then, in seconds.
    pub expire: u64,
    /// Base64 of the room rights of a sibling product; part of what is signed.
    userbuf: Option<String>,
    /// Base64 of the HMAC.
    sig: String,
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

/// Why a text is no UserSig; the service answers all of them with 70003. The text itself is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigError {
    /// Longer than any UserSig, or its claims unpack to more than any claims.
    #[error("the UserSig is larger than 64 KiB")]
    TooLong,
    /// Not the base64 of a UserSig.
    #[error(
        "the UserSig is not base64 with '*', '-' and '_' for '+', '/' and '='; it may be cut off"
    )]
    Base64,
    /// Not zlib: often a signer that left the compression out.
    #[error("the UserSig does not unpack with zlib")]
    Zlib,
    /// Not the JSON of the claims.
    #[error("the UserSig does not hold the claims of a UserSig")]
    Json,
    /// Made by an older or newer algorithm.
    #[error("the UserSig is not of version 2.0")]
    Version,
}

/// Makes a UserSig for `identifier`, an administrator of the app, that holds from `unix_time_seconds` for
/// `lifetime_seconds`.
pub fn sign(
    key: &SecretKey,
    sdkappid: u64,
    identifier: &str,
    unix_time_seconds: u64,
    lifetime_seconds: u64,
) -> UserSig {
    let mut claims = Claims {
        identifier: identifier.to_owned(),
        sdkappid,
        time: unix_time_seconds,
        expire: lifetime_seconds,
        userbuf: None,
        sig: String::new(),
    };
    claims.sig = STANDARD.encode(key.mac_of(&claims.signed_text()).finalize().into_bytes());
    claims.pack()
}

/// Reads a UserSig without judging it: any order of keys, any zlib level (stored blocks too), any white space.
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
    /// The last Unix second at which the UserSig still holds.
    pub fn expires_at(&self) -> u64 {
        self.time.saturating_add(self.expire)
    }

    /// Whether room rights of a sibling product are part of what is signed.
    pub fn has_userbuf(&self) -> bool {
        self.userbuf.is_some()
    }

    /// Whether the HMAC can be read at all.
    pub fn has_base64_sig(&self) -> bool {
        STANDARD.decode(&self.sig).is_ok()
    }

    /// Whether the HMAC was made with this key; takes as long for a near miss as for any other.
    pub fn is_signed_by(&self, key: &SecretKey) -> bool {
        STANDARD
            .decode(&self.sig)
            .is_ok_and(|mac| key.mac_of(&self.signed_text()).verify_slice(&mac).is_ok())
    }

    /// The string to sign: fixed order, each line ended by LF, whatever the order in the JSON.
    fn signed_text(&self) -> String {
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

    fn pack(self) -> UserSig {
        let Claims { identifier, sdkappid, time, expire, userbuf, sig } = self;
        let version = VERSION.to_owned();
        let claims = ClaimsJson { version, identifier, sdkappid, time, expire, userbuf, sig };
        let json = serde_json::to_vec(&claims).expect("strings and numbers always serialize");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&json).expect("writing into memory cannot fail");
        let packed = zlib.finish().expect("writing into memory cannot fail");
        UserSig(STANDARD.encode(packed).chars().map(to_url_character).collect())
    }
}

/// Not base64url: here `-` stands for `/` and `*` for `+`.
fn to_url_character(character: char) -> char {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
    const TIME: u64 = 1_700_000_000;

    const V1_PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RQXZ6aDLKn0cUzVLjcPD00NLS1MCrPM0A*JMLcoNTLMD3HP1M60jCowLDUOKMiLNDOwVaoFAD4PNPI_";
    const V1_NODE: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwokpuZl5mcUlRYkl*UVQBcUp2YkFBZkpSlaGJgZQAJEpycxNVbIyNEcVTa0oyCxKVbKyMDOBCRVnpitZKVX6OKZql5uHh6aGlhYmhVlm6IdEmFuUGhnmh7hnamdaRhUYlhoHFORFmhnYKtUCAK0SM5I_";
    const V1_STORED: &str = "eAEBrwBQ-3siVExTLnZlciI6IjIuMCIsIlRMUy5pZGVudGlmaWVyIjoiYWRtaW5pc3RyYXRvciIsIlRMUy5zZGthcHBpZCI6MTQwMDAwMDAwMCwiVExTLnRpbWUiOjE3MDAwMDAwMDAsIlRMUy5leHBpcmUiOjg2NDAwLCJUTFMuc2lnIjoieUxBZSt3N1dVZVV1cWJWOWgvVFg3OHUyMW9UR2kraTlacDF1M1Bwblk2MD0ifQrgrjOc";
    const V2_PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkSotTi3RjSk3TjAxiSk1SDSxhyopTshMLCjJTgIoMTQwgwBAql1pRkFmUCpIxNTU1AkpAxUsyc8Gi5lD1MPHizHSQXRlOkYaeVYmWpUYp6TmBTjlVeQUBXhlF5YE*Blk*wSEWPoGBIQYRpZG*FY62SrUAGe42ZQ__";
    const V2_NODE: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwqXFqUW6T-cseLKjEypdnJKdWFCQmaJkZWhiAAGGEJmSzNxUJStDc6ioAUQ0taIgswgkbmpqagQXLc5MV7JSynCKNPSsSrQsNUpJzwl0yqnKKwjwyigqD-QxyPIJDrHwCQwMMYgojfStcLRVqgUAly01yg__";
    const V3_PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RSXFqcWJZWmgSyKDPfKgpufmQ4SskhPzSvMyUoqcE30igrzLfZMyk3LjdK3MPWrMNNPtDDISi5183AJy9IO8rVVqgUAVGk8JA__";
    const V3_NODE: &str = "eJxVjMsOgjAURP-lbjU8DGLTxB0aJeJCDUZ2xRZyq8XaFkNi-HcThIWzm3Mm84bT7ui9hAEKMy*Aad*Ri8ZhhT1mXGGD1hnmHmYYWH5jWiMHGkbBkJ9xqATQcPFPRafRCKAkjkbUWmHKtgIKl3Mqx1*sgQKpRfO8y1KvWFrkmd2WqlKFT*b7LvYZCeS1XW*SXE4O2RI*X0HFOoQ_";

    fn key() -> SecretKey {
        SecretKey::new(KEY.to_owned())
    }

    #[test]
    fn vectors_of_the_official_signers_decode_and_verify() {
        let v1 = ("administrator", 1_400_000_000, 86_400, None);
        let v2 = ("user-张三", 1_400_000_001, 15_552_000, None);
        let v3 = ("administrator", 1_400_000_000, 86_400, Some("YWJj"));
        for (sig, (identifier, sdkappid, expire, userbuf)) in [
            (V1_PYTHON, v1),
            (V1_NODE, v1),
            (V1_STORED, v1),
            (V2_PYTHON, v2),
            (V2_NODE, v2),
            (V3_PYTHON, v3),
            (V3_NODE, v3),
        ] {
            let claims = decode(sig).unwrap();
            assert_eq!(claims.identifier, identifier);
            assert_eq!(claims.sdkappid, sdkappid);
            assert_eq!((claims.time, claims.expire), (TIME, expire));
            assert_eq!(claims.userbuf.as_deref(), userbuf);
            assert_eq!(claims.expires_at(), TIME + expire);
            assert!(claims.is_signed_by(&key()), "{sig}");
            assert!(!claims.is_signed_by(&SecretKey::new(KEY.to_uppercase())));
        }
    }

    #[test]
    fn signed_text_and_mac_equal_the_vectors() {
        let v1 = decode(sign(&key(), 1_400_000_000, "administrator", TIME, 86_400).as_str());
        let v1 = v1.unwrap();
        assert_eq!(
            v1.signed_text(),
            "TLS.identifier:administrator\nTLS.sdkappid:1400000000\nTLS.time:1700000000\nTLS.expire:86400\n"
        );
        assert_eq!(v1.sig, "yLAe+w7WUeUuqbV9h/TX78u21oTGi+i9Zp1u3PpnY60=");
        let v2 = decode(sign(&key(), 1_400_000_001, "user-张三", TIME, 15_552_000).as_str());
        let v2 = v2.unwrap();
        assert_eq!(v2.signed_text().len(), 91);
        assert_eq!(v2.sig, "hBY1Iza9u2dglQBlznpPJhrwQL0jLST8LQQT0XuYMxA=");
        let v3 = decode(V3_NODE).unwrap();
        assert_eq!(v3.signed_text().len(), 107);
        assert_eq!(v3.sig, "8genqljbpEaJZVMsIbmfmZ/85Nx6/a80jcuFHDVj+RM=");
    }

    #[test]
    fn no_claim_can_be_changed() {
        let genuine = decode(V3_PYTHON).unwrap();
        let changes: [fn(&mut Claims); 7] = [
            |claims| claims.identifier.push('2'),
            |claims| claims.sdkappid += 1,
            |claims| claims.time += 1,
            |claims| claims.expire += 1,
            |claims| claims.userbuf = None,
            |claims| claims.userbuf = Some("YWJk".to_owned()),
            |claims| claims.sig.clear(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut claims = genuine.clone();
            change(&mut claims);
            let sent = decode(claims.pack().as_str()).unwrap();
            assert!(!sent.is_signed_by(&key()), "change {number}");
        }
    }

    fn packed(bytes: &[u8]) -> String {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(bytes).unwrap();
        STANDARD.encode(zlib.finish().unwrap()).chars().map(to_url_character).collect()
    }

    #[test]
    fn each_broken_layer_is_told_apart() {
        let json = br#"{"TLS.ver":"2.0","TLS.identifier":"a"}"#;
        assert_eq!(decode("not base64!"), Err(SigError::Base64));
        assert_eq!(decode(&V1_NODE[..150]), Err(SigError::Base64));
        assert_eq!(decode(&V1_NODE[..148]), Err(SigError::Zlib));
        assert_eq!(decode(&STANDARD.encode(json)), Err(SigError::Zlib));
        assert_eq!(decode(&packed(json)), Err(SigError::Json));
        assert_eq!(decode(&packed(br#"{"TLS.ver":"1.0","TLS.sig":""}"#)), Err(SigError::Version));
        assert_eq!(decode(&packed(&vec![b' '; MAX_BYTES + 1])), Err(SigError::TooLong));
        assert_eq!(decode(&"A".repeat(MAX_BYTES + 1)), Err(SigError::TooLong));
        assert_eq!(decode(""), Err(SigError::Zlib));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?} {:?} {:?}", key(), UserSig::from("hush".to_owned()), {
            decode(V1_NODE).unwrap()
        });
        assert!(shown.contains("administrator"), "{shown}");
        for secret in [KEY, "hush", "yLAe"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn what_we_sign_decodes_and_verifies(
            key in ".{0,80}", identifier in ".{0,40}", sdkappid: u64, time: u64, lifetime: u64
        ) {
            let key = SecretKey::new(key);
            let sig = sign(&key, sdkappid, &identifier, time, lifetime);
            prop_assert!(sig.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"*-_".contains(&b)));
            let claims = decode(sig.as_str()).unwrap();
            prop_assert!(claims.is_signed_by(&key));
            prop_assert_eq!(claims.expires_at(), time.saturating_add(lifetime));
            prop_assert_eq!((claims.identifier, claims.sdkappid), (identifier, sdkappid));
            prop_assert_eq!((claims.time, claims.expire), (time, lifetime));
        }

        #[test]
        fn no_text_makes_decode_panic(text in ".{0,200}", inner in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&text);
            prop_assert!(decode(&packed(&inner)).is_err());
        }
    }
}
