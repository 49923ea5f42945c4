//! Checks of the UserSig.

use super::*;

#[test]
fn signature_checks_follow_the_settings() {
    let query = |sig| {
        format!("sdkappid=14&random=7&contenttype=json&identifier=administrator&usersig={sig}")
    };
    let forged = SecretKey::new("x".to_owned());
    let old_and_forged = query(sig_of(&forged, 14, "administrator", NOW - 101));
    let path = "/v4/profile/portrait_get";
    let first = "open_questions.signature_before_expiry = true";
    assert_eq!(outcome(first, "POST", path, &old_and_forged), Err(Rejection::Code(70009)));
    let early = query(sig_of(&key(), 14, "administrator", NOW + 31));
    assert_eq!(code(&early), Ok(ServiceCommand::PortraitGet));
    let strict = "open_questions.clock_skew_seconds = 30";
    assert_eq!(outcome(strict, "POST", path, &early), Err(Rejection::Code(70001)));
}

/// Vectors of the official signers with a signed `TLS.userbuf`.
#[test]
fn signed_room_rights_are_refused_only_if_set() {
    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
    const V3_NODE: &str = "eJxVjMsOgjAURP-lbjU8DGLTxB0aJeJCDUZ2xRZyq8XaFkNi-HcThIWzm3Mm84bT7ui9hAEKMy*Aad*Ri8ZhhT1mXGGD1hnmHmYYWH5jWiMHGkbBkJ9xqATQcPFPRafRCKAkjkbUWmHKtgIKl3Mqx1*sgQKpRfO8y1KvWFrkmd2WqlKFT*b7LvYZCeS1XW*SXE4O2RI*X0HFOoQ_";
    const V3_PYTHON: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUsTAzgQuWZOaChAzN0RSXFqcWJZWmgSyKDPfKgpufmQ4SskhPzSvMyUoqcE30igrzLfZMyk3LjdK3MPWrMNNPtDDISi5183AJy9IO8rVVqgUAVGk8JA__";
    let check = |toml: &str, sig: &str, unix_seconds: u64| {
        let settings: Settings = toml::from_str(toml).unwrap();
        let admins = vec!["administrator".to_owned()];
        let secret_key = SecretKey::new(KEY.to_owned());
        let credentials = Credentials { sdkappid: 1_400_000_000, admins, secret_key };
        Gateway::new(&settings, credentials).check_usersig(
            sig,
            "administrator",
            &settings,
            unix_seconds,
        )
    };
    let refusing = "open_questions.refuse_userbuf = true";
    for sig in [V3_NODE, V3_PYTHON] {
        assert_eq!(check("", sig, NOW), Ok(()));
        assert_eq!(check(refusing, sig, NOW), Err(70009));
        assert_eq!(check(refusing, sig, NOW + 86_401), Err(70001), "expiry is checked first");
    }
    let genuine = usersig::decode(V3_NODE).unwrap();
    assert_eq!((genuine.time, genuine.expire), (NOW, 86_400));
    let mac = "8genqljbpEaJZVMsIbmfmZ/85Nx6/a80jcuFHDVj+RM=";
    let claims = |userbuf: Option<&str>| {
        packed(
            &json!({ "TLS.ver": "2.0", "TLS.identifier": "administrator", "TLS.sdkappid": 1_400_000_000,
            "TLS.time": NOW, "TLS.expire": 86_400, "TLS.userbuf": userbuf, "TLS.sig": mac }),
        )
    };
    assert_eq!(check("", &claims(Some("YWJj")), NOW), Ok(()));
    assert_eq!(check("", &claims(Some("YWJk")), NOW), Err(70009), "not the signed rights");
    assert_eq!(check("", &claims(None), NOW), Err(70009), "the signed rights are missing");
    let plain =
        usersig::sign(&SecretKey::new(KEY.to_owned()), 1_400_000_000, "administrator", NOW, 9);
    assert_eq!(check(refusing, plain.as_str(), NOW), Ok(()));
}

#[test]
fn code_of_an_unreadable_signature_follows_the_settings() {
    let sig =
        packed(&json!({ "TLS.ver": "2.0", "TLS.identifier": "administrator", "TLS.sdkappid": 14,
        "TLS.time": NOW, "TLS.expire": 100, "TLS.sig": "***" }));
    let query =
        format!("sdkappid=14&random=7&contenttype=json&identifier=administrator&usersig={sig}");
    for (toml, expected) in [("", 70014), ("open_questions.sig_not_base64 = 70009", 70009)] {
        let found = outcome(toml, "POST", "/v4/profile/portrait_get", &query);
        assert_eq!(found, Err(Rejection::Code(expected)), "{toml}");
    }
}
