//! Unusual responses.

use super::*;

#[test]
fn items_can_be_reordered_repeated_dropped_and_added() {
    let accounts: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let request_with = |toml: &str| request(&emulator(toml), &accounts, &[NICK]);
    let reordered = request_with("oddities.reorder = 1.0");
    assert_ne!(names(&reordered), accounts);
    let mut sorted = names(&reordered);
    sorted.sort_unstable_by_key(|name| name.parse::<u32>().unwrap());
    assert_eq!(sorted, accounts);
    assert_eq!(
        request_with("oddities.reorder = 1.0"),
        reordered,
        "the same call has the same order"
    );
    let repeated = request_with("oddities.repeat = 1.0");
    assert_eq!(names(&repeated).len(), 40);
    assert_eq!(repeated["UserProfileItem"][0], repeated["UserProfileItem"][1]);
    let extra = request_with("oddities.extra = 1.0");
    assert_eq!(names(&extra).len(), 21);
    assert!(!accounts.contains(&names(&extra)[20]));
    let once = emulator("oddities.drop = 1.0");
    let counts: Vec<usize> =
        (0..2).map(|_| names(&request(&once, &accounts, &[NICK])).len()).collect();
    assert_eq!(counts, [0, 20]);
    let always = emulator("oddities = { drop = 1.0, drop_requests = 0 }");
    assert!((0..3).all(|_| names(&request(&always, &accounts, &[NICK])).is_empty()));
    assert_eq!(always.population().expected_outcome("1"), ExpectedOutcome::NeverReturned);
}

#[test]
fn shape_of_a_response_can_be_unusual() {
    let request_with = |toml: &str| request(&emulator(toml), &["a"], &[NICK, LEVEL]);
    let null = request_with("oddities.null_profile_item = 1.0");
    assert_eq!(null["UserProfileItem"][0].get("ProfileItem"), Some(&Json::Null));
    let unset = emulator("oddities.null_profile_item = 1.0");
    assert_eq!(unset.population().value("a", NICK), None);
    let keys = request_with("oddities.unknown_keys = 1.0");
    assert_eq!(keys["UserProfileItem"][0]["New_Key"]["a"][1], "]}");
    let bare = request_with("oddities.missing_status = 1.0");
    assert!(bare.get("ActionStatus").is_none() && bare.get("ErrorInfo").is_none());
    assert_eq!(bare["ErrorCode"], 0);
    let strings = request_with("oddities.codes_as_strings = 1.0");
    assert_eq!(strings["ErrorCode"], "0");
    assert_eq!(strings["UserProfileItem"][0]["ResultCode"], "0");
}

#[test]
fn body_can_start_with_a_byte_order_mark() {
    let json = text(&emulator("oddities.byte_order_mark = 1.0"), &["a"], &[NICK]).unwrap();
    let rest = json.strip_prefix('\u{feff}').unwrap();
    assert!(json.as_bytes().starts_with(b"\xef\xbb\xbf{"));
    let plain = text(&emulator(""), &["a"], &[NICK]).unwrap();
    assert_eq!(rest, plain);
}

#[test]
fn texts_can_be_numbers_or_have_unpaired_surrogates() {
    let toml = "population = { unset = 0.0, empty = 0.0 }\noddities.strings_as_numbers = 1.0";
    let digits = emulator(toml);
    let response = request(&digits, &["a"], &[NICK]);
    let Some(ProfileValue::Text(nick)) = digits.population().value("a", NICK) else {
        panic!("a nick is a text");
    };
    let sent = &response["UserProfileItem"][0]["ProfileItem"][0]["Value"];
    assert_eq!(sent.as_u64().unwrap().to_string(), nick);
    let halves =
        emulator("population = { unset = 0.0, empty = 0.0 }\noddities.lone_surrogates = 1.0");
    let json = text(&halves, &["a"], &[NICK]).unwrap();
    assert!(json.contains("\\ud83d\""), "{json}");
    let Some(ProfileValue::Text(nick)) = halves.population().value("a", NICK) else {
        panic!("a nick is a text");
    };
    assert!(nick.ends_with('\u{fffd}'));
}

#[test]
fn one_encoder_in_eight_escapes_and_half_of_them_also_slashes() {
    let emulator = stored("", r#"{"account":"张","Tag_Profile_IM_Nick":"a/b"}"#);
    let texts = (0..2_000).map(|n| text(&emulator, &[&n.to_string(), "张"], &[NICK]).unwrap());
    let texts: Vec<String> = texts.collect();
    let escaped = texts.iter().filter(|text| text.contains("\\u5f20")).count();
    let slashed: Vec<&String> = texts.iter().filter(|text| text.contains("a\\/b")).collect();
    assert!((210..290).contains(&escaped), "{escaped}");
    assert!((90..160).contains(&slashed.len()), "{}", slashed.len());
    assert!(slashed.iter().all(|text| text.is_ascii()));
}

#[test]
fn keys_can_have_any_order() {
    let accounts: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let shuffled = emulator("oddities.shuffle_keys = 1.0");
    let documented = text(&emulator(""), &accounts, &[NICK, LEVEL]).unwrap();
    let json = text(&shuffled, &accounts, &[NICK, LEVEL]).unwrap();
    assert_ne!(json, documented);
    assert_eq!(json, text(&shuffled, &accounts, &[NICK, LEVEL]).unwrap());
    let read = |json: &str| serde_json::from_str::<Json>(json).unwrap();
    assert_eq!(read(&json), read(&documented));
    for order in ["{\"Value\":", "{\"Tag\":", "{\"ResultCode\":", "{\"ProfileItem\":"] {
        assert!(json.contains(order), "{order}");
    }
}
