//! The UserSig against vectors of the official signers.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::claims::{MAX_BYTES, to_url_character};
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
fn a_changed_claim_invalidates_the_signature() {
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
fn each_broken_layer_has_an_error_of_its_own() {
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
    fn signed_usersigs_decode_and_verify(
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
