//! The explanation of a UserSig: its claims, compared with the expected ones.

use jiff::Timestamp;
use serde::Serialize;

use crate::accounts::MAX_ACCOUNT_BYTES;
use crate::api::usersig::{Claims, SecretKey};
use crate::util::human::duration_text;
use crate::util::timestamp::rfc3339_seconds;

/// The expected claims and key; those that are not given are not compared.
#[derive(Debug)]
pub struct Expected {
    pub sdkappid: Option<u64>,
    pub identifier: Option<String>,
    pub key: Option<SecretKey>,
}

/// The claims of a UserSig. The field names are those of the JSON, and stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub identifier: String,
    pub identifier_matches: Option<bool>,
    pub sdkappid: u64,
    pub sdkappid_matches: Option<bool>,
    /// None for a time beyond the year 9999.
    pub signed_at: Option<String>,
    /// None for a time beyond the year 9999.
    pub expires_at: Option<String>,
    pub lifetime_seconds: u64,
    /// Negative after the expiry.
    pub expires_in_seconds: i128,
    pub is_expired: bool,
    /// Whether it carries room rights, which belong to a sibling product.
    pub has_room_rights: bool,
    pub key_matches: Option<bool>,
    /// Whether the signature can be decoded, with any key.
    pub signature_is_base64: bool,
    /// Negative for a time in the future.
    #[serde(skip)]
    signed_ago_seconds: i128,
}

/// Compares the claims of a UserSig with the expected ones at the time `now`.
pub fn explain(claims: &Claims, expected: &Expected, now: Timestamp) -> Explanation {
    let now = i128::from(now.as_second());
    let expires_in_seconds = i128::from(claims.expires_at()) - now;
    Explanation {
        identifier: claims.identifier.clone(),
        identifier_matches: expected.identifier.as_ref().map(|one| *one == claims.identifier),
        sdkappid: claims.sdkappid,
        sdkappid_matches: expected.sdkappid.map(|one| one == claims.sdkappid),
        signed_at: rfc3339(claims.time),
        expires_at: rfc3339(claims.expires_at()),
        lifetime_seconds: claims.expire,
        expires_in_seconds,
        is_expired: expires_in_seconds < 0,
        has_room_rights: claims.has_userbuf(),
        key_matches: expected.key.as_ref().map(|key| claims.is_signed_by(key)),
        signature_is_base64: claims.has_base64_sig(),
        signed_ago_seconds: now - i128::from(claims.time),
    }
}

fn rfc3339(unix_seconds: u64) -> Option<String> {
    let seconds = i64::try_from(unix_seconds).ok()?;
    Timestamp::from_second(seconds).ok().map(rfc3339_seconds)
}

impl Explanation {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string(self).expect("texts, numbers and flags always serialize");
        json + "\n"
    }

    /// One line for each claim, for people.
    pub fn to_text(&self) -> String {
        let beyond = || "beyond the year 9999".to_owned();
        let signed_at = self.signed_at.clone().unwrap_or_else(beyond);
        let signed = match self.signed_ago_seconds {
            ago @ 0.. => format!("{signed_at}, {} ago", duration_text(ago as f64)),
            until => {
                format!("{signed_at}, in {}: a clock is off", duration_text((-until) as f64))
            }
        };
        let expires_at = self.expires_at.clone().unwrap_or_else(beyond);
        let expires = match self.expires_in_seconds {
            left @ 0.. => format!("{expires_at}, in {}", duration_text(left as f64)),
            since => format!("{expires_at}, {} ago", duration_text((-since) as f64)),
        };
        // Escaped, because it is untrusted input.
        let identifier: String = self.identifier.escape_debug().collect();
        let rights =
            if self.has_room_rights { "room rights yes, of a sibling product\n" } else { "" };
        format!(
            "identifier  {identifier}{}\nsdkappid    {}{}\nsigned      {signed}\nexpires     {expires}\n{rights}key         {}\n",
            not_expected(self.identifier_matches),
            self.sdkappid,
            not_expected(self.sdkappid_matches),
            match self.key_matches {
                Some(true) => "matches",
                Some(false) => "does not match",
                None => "not compared, because none is given",
            },
        )
    }

    /// Why the service would refuse the UserSig, and the fix; none if it would not.
    pub fn refusal(&self) -> Option<String> {
        let no = Some(false);
        let identifier_bytes = self.identifier.len();
        let has_identifier = (1..=MAX_ACCOUNT_BYTES).contains(&identifier_bytes);
        let reasons = [
            (self.is_expired, "has expired"),
            (self.sdkappid == 0, "names no app"),
            (self.sdkappid != 0 && self.sdkappid_matches == no, "is for another app"),
            (identifier_bytes == 0, "names no account"),
            (identifier_bytes > MAX_ACCOUNT_BYTES, "names an account of more than 32 bytes"),
            (has_identifier && self.identifier_matches == no, "is for another account"),
            (!self.signature_is_base64, "has a signature (TLS.sig) that is not base64"),
            (self.signature_is_base64 && self.key_matches == no, "was not signed with the key"),
        ];
        let reasons: Vec<&str> =
            reasons.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason).collect();
        if reasons.is_empty() {
            return None;
        }
        Some(format!(
            "the service would refuse the UserSig: it {}; sign another one with im-profiles usersig",
            reasons.join(", ")
        ))
    }
}

fn not_expected(matches: Option<bool>) -> &'static str {
    if matches == Some(false) { ", which is not the one expected" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::usersig::{decode, sign};

    const SIGNED_AT: u64 = 1_763_953_200;

    fn key(text: &str) -> SecretKey {
        SecretKey::new(text.to_owned())
    }

    /// The explanation of a UserSig for `identifier` that is valid for a day, `age_seconds` after it was signed.
    fn explained(identifier: &str, expected: &Expected, age_seconds: i64) -> Explanation {
        let sig = sign(&key("right"), 1_400_000_000, identifier, SIGNED_AT, 86_400);
        let claims = decode(sig.as_str()).unwrap();
        let now = i64::try_from(SIGNED_AT).unwrap() + age_seconds;
        explain(&claims, expected, Timestamp::from_second(now).unwrap())
    }

    fn expected(sdkappid: u64, identifier: &str, secret: &str) -> Expected {
        let identifier = Some(identifier.to_owned());
        Expected { sdkappid: Some(sdkappid), identifier, key: Some(key(secret)) }
    }

    const NOTHING: Expected = Expected { sdkappid: None, identifier: None, key: None };

    #[test]
    fn valid_usersig_is_explained_with_its_remaining_time() {
        let explanation =
            explained("administrator", &expected(1_400_000_000, "administrator", "right"), 7_260);
        insta::assert_snapshot!(explanation.to_text(), @r"
        identifier  administrator
        sdkappid    1400000000
        signed      2025-11-24T03:00:00Z, 2 h 1 min ago
        expires     2025-11-25T03:00:00Z, in 21 h 59 min
        key         matches
        ");
        assert_eq!(explanation.refusal(), None);
    }

    #[test]
    fn all_mismatches_are_reported_at_once() {
        let explanation = explained("a\u{1b}[2J", &expected(7, "administrator", "wrong"), 200_000);
        insta::assert_snapshot!(explanation.to_text(), @r"
        identifier  a\u{1b}[2J, which is not the one expected
        sdkappid    1400000000, which is not the one expected
        signed      2025-11-24T03:00:00Z, 2 d 7 h ago
        expires     2025-11-25T03:00:00Z, 1 d 7 h ago
        key         does not match
        ");
        insta::assert_snapshot!(explanation.refusal().unwrap(), @"the service would refuse the UserSig: it has expired, is for another app, is for another account, was not signed with the key; sign another one with im-profiles usersig");
    }

    #[test]
    fn usersig_expires_after_its_last_second() {
        assert_eq!(explained("a", &NOTHING, 86_400).refusal(), None);
        assert!(explained("a", &NOTHING, 86_401).refusal().unwrap().contains("has expired"));
    }

    #[test]
    fn absent_expectations_are_not_compared_and_a_future_signing_time_is_reported() {
        let explanation = explained("a", &NOTHING, -90);
        insta::assert_snapshot!(explanation.to_json(), @r#"
        {"identifier":"a","identifier_matches":null,"sdkappid":1400000000,"sdkappid_matches":null,"signed_at":"2025-11-24T03:00:00Z","expires_at":"2025-11-25T03:00:00Z","lifetime_seconds":86400,"expires_in_seconds":86490,"is_expired":false,"has_room_rights":false,"key_matches":null,"signature_is_base64":true}
        "#);
        assert!(explanation.to_text().contains("in 1 min 30 s: a clock is off"));
    }

    #[test]
    fn times_beyond_the_calendar_are_reported_as_such() {
        let sig = sign(&key("right"), 1, "a", u64::MAX, u64::MAX);
        let explanation = explain(&decode(sig.as_str()).unwrap(), &NOTHING, Timestamp::UNIX_EPOCH);
        assert!(explanation.to_text().contains("expires     beyond the year 9999, in "));
        assert_eq!(explanation.signed_at, None);
        let json = format!("\"expires_at\":null,\"lifetime_seconds\":{}", u64::MAX);
        assert!(explanation.to_json().contains(&json));
    }
}
