mod contradictory;
mod quirks;

use serde_json::{Value as Json, json};

use super::super::{Emulator, ExpectedOutcome, ProfileValue, Profiles};
use super::*;

const NICK: &str = "Tag_Profile_IM_Nick";
const LEVEL: &str = "Tag_Profile_IM_Level";

fn emulator(toml: &str) -> Emulator {
    Emulator::for_test(toml, Profiles::generated())
}

fn stored(toml: &str, ndjson: &str) -> Emulator {
    Emulator::for_test(toml, Profiles::from_ndjson(ndjson.as_bytes()).unwrap())
}

fn text(emulator: &Emulator, accounts: &[&str], tags: &[&str]) -> Result<String, i64> {
    let body = json!({ "To_Account": accounts, "TagList": tags }).to_string();
    let request = read(body.as_bytes(), emulator.settings()).map_err(|error| error.code)?;
    let body = respond(emulator, &request).map_err(|error| error.code)?;
    Ok(String::from_utf8(body).unwrap())
}

fn request(emulator: &Emulator, accounts: &[&str], tags: &[&str]) -> Json {
    serde_json::from_str(&text(emulator, accounts, tags).unwrap()).unwrap()
}

fn names(response: &Json) -> Vec<&str> {
    let items = response["UserProfileItem"].as_array().unwrap();
    items.iter().map(|item| item["To_Account"].as_str().unwrap()).collect()
}

fn refusal(toml: &str, body: &str) -> i64 {
    let emulator = emulator(toml);
    match read(body.as_bytes(), emulator.settings()) {
        Err(error) => error.code,
        Ok(request) => respond(&emulator, &request).map_or_else(|error| error.code, |_| 0),
    }
}

const TWO: &str = "{\"account\":\"id1\",\"Tag_Profile_IM_Nick\":\"N1\"}\n{\"account\":\"id4\"}\n";

#[test]
fn partial_failure_matches_the_documented_bytes() {
    let emulator = stored("faults.permanent.accounts = ['id4']", TWO);
    assert_eq!(
        text(&emulator, &["id1", "id4"], &[NICK]).unwrap(),
        concat!(
            r#"{"UserProfileItem":[{"To_Account":"id1","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"N1"}],"#,
            r#""ResultCode":0,"ResultInfo":""},{"To_Account":"id4","ResultCode":40006,"#,
            r#""ResultInfo":"Err_Profile_PortraitGet_Read_Custom_Data_Fail"}],"Fail_Account":["id4"],"#,
            r#""ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#
        )
    );
}

#[test]
fn invalid_bodies_are_refused() {
    let accounts: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let many = json!({ "To_Account": accounts, "TagList": [NICK] }).to_string();
    let many_tags = json!({ "To_Account": ["a"], "TagList": vec![NICK; 101] }).to_string();
    for (body, code) in [
        ("", 60003),
        ("{\"To_Account\":", 60003),
        ("[]", 40001),
        (r#"[["a"],["Tag_Profile_IM_Nick"]]"#, 40001),
        (r#"{"To_Account":[1],"TagList":["T"]}"#, 60015),
        (r#"{"To_Account":["a",null],"TagList":["T"]}"#, 60015),
        (r#"{"To_Account":[["a"]],"TagList":["T"]}"#, 60015),
        (r#"{"To_Account":5}"#, 40001),
        (r#"{"To_Account":5,"TagList":["Tag_Profile_IM_Nick"]}"#, 40001),
        (r#"{"To_Account":{"0":"a"},"TagList":["Tag_Profile_IM_Nick"]}"#, 40001),
        (r#"{"To_Account":["a"],"TagList":[1]}"#, 40001),
        (r#"{"To_Account":"a","TagList":["T"]}"#, 40001),
        ("{}", 40002),
        (r#"{"To_Account":[],"TagList":[]}"#, 40002),
        (r#"{"To_Account":["a"]}"#, 40001),
        (many_tags.as_str(), 40001),
        (many.as_str(), 40001),
        (r#"{"To_Account":["a"],"TagList":["Tag_Profile_IM_None"]}"#, 40009),
        (r#"{"To_Account":["a"],"TagList":["Tag_Profile_Custom_Test"]}"#, 40009),
        (r#"{"To_Account":["a"],"TagList":["Tag_Profile_IM_Nick"],"From_Account":"x"}"#, 0),
    ] {
        assert_eq!(refusal("", body), code, "{body:.80}");
    }
}

#[test]
fn too_many_accounts_follow_the_settings() {
    let accounts: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    for (how, expected) in [("accept", 101), ("truncate", 100)] {
        let emulator = emulator(&format!("open_questions.too_many_accounts = '{how}'"));
        assert_eq!(names(&request(&emulator, &accounts, &[NICK])).len(), expected);
    }
}

#[test]
fn values_are_those_of_the_population() {
    let tags = [
        NICK,
        "Tag_Profile_IM_BirthDay",
        "Tag_Profile_IM_SelfSignature",
        "Tag_Profile_Custom_Coins",
        "Tag_Profile_Custom_Word",
    ];
    let emulator = emulator(
        "population.control_characters = 0.2\n[population.custom_tags]\n\
         Tag_Profile_Custom_Coins = 'number'\nTag_Profile_Custom_Word = 'text'",
    );
    let accounts: Vec<String> = (0..100).map(|n| format!("user\"{n}")).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let response = request(&emulator, &accounts, &tags);
    assert_eq!(names(&response), accounts);
    let mut set = 0;
    for (account, item) in accounts.iter().zip(response["UserProfileItem"].as_array().unwrap()) {
        for tag in tags {
            let items = item["ProfileItem"].as_array().unwrap();
            let sent = items.iter().find(|item| item["Tag"] == tag).map(|item| &item["Value"]);
            let known = emulator.population().value(account, tag).map(|value| json!(value));
            assert_eq!(sent, known.as_ref(), "{account} {tag}");
            set += usize::from(sent.is_some());
        }
    }
    assert!((400..500).contains(&set), "{set} of 500 are set");
}

#[test]
fn unknown_accounts_follow_the_settings() {
    let request_with = |switches: &str| {
        let emulator = emulator(&format!("faults.unknown.prefix = 'ghost'\n{switches}"));
        request(&emulator, &["a", "ghost1", "ghost2"], &[NICK])
    };
    let response = request_with("");
    assert_eq!(names(&response), ["a", "@TLS#NOT_FOUND", "@TLS#NOT_FOUND"]);
    assert_eq!(response["Fail_Account"], json!(["ghost1", "ghost2"]));
    assert_eq!((&response["ErrorCode"], &response["ActionStatus"]), (&json!(0), &json!("OK")));
    let item = &response["UserProfileItem"][1];
    assert_eq!(item["ResultCode"], 40003);
    assert!(item.get("ProfileItem").is_none());
    for (switch, expected) in [
        ("echo", vec!["a", "ghost1", "ghost2"]),
        ("empty", vec!["a", "", ""]),
        ("collapsed", vec!["a", "@TLS#NOT_FOUND"]),
        ("omitted", vec!["a"]),
    ] {
        assert_eq!(names(&request_with(&format!("open_questions.unknown = '{switch}'"))), expected);
    }
    let marker = request_with("open_questions.unknown_in_fail_account = 'marker'");
    assert_eq!(marker["Fail_Account"], json!(["@TLS#NOT_FOUND", "@TLS#NOT_FOUND"]));
    let nothing = request_with("open_questions.unknown_in_fail_account = 'nothing'");
    assert!(nothing.get("Fail_Account").is_none());
    let null = request_with("open_questions.unknown_profile_item = 'null'");
    assert_eq!(null["UserProfileItem"][2].get("ProfileItem"), Some(&Json::Null));
    let call = "faults.unknown.prefix = 'ghost'\nopen_questions.unknown = 'call'";
    assert_eq!(text(&emulator(call), &["a", "ghost1"], &[NICK]), Err(40003));
}

#[test]
fn unset_tags_follow_the_settings() {
    let profile = |switches: &str| request(&stored(switches, TWO), &["id4"], &[NICK, LEVEL]);
    let item = |switches: &str| profile(switches)["UserProfileItem"][0].clone();
    assert_eq!(item("")["ProfileItem"], json!([]));
    assert!(item("open_questions.all_unset = 'absent'").get("ProfileItem").is_none());
    let null = item("open_questions.all_unset = 'null'");
    assert_eq!(null.get("ProfileItem"), Some(&Json::Null));
    assert_eq!(
        item("open_questions.unset_tag = 'empty'")["ProfileItem"],
        json!([{ "Tag": NICK, "Value": "" }, { "Tag": LEVEL, "Value": 0 }])
    );
}

#[test]
fn bad_tags_fail_the_call_the_accounts_or_nothing() {
    let tags = [NICK, "Tag_Profile_IM_None", NICK];
    let unreadable = format!("population.unreadable_tags = ['{NICK}']");
    assert_eq!(text(&emulator(""), &["a"], &tags), Err(40009));
    assert_eq!(text(&emulator(&unreadable), &["a"], &[NICK]), Err(40007));
    let each = request(&emulator("open_questions.tag_errors = 'account'"), &["a", "b"], &tags);
    assert_eq!(each["UserProfileItem"][1]["ResultCode"], 40009);
    assert_eq!(each["Fail_Account"], json!(["a", "b"]));
    let ignored = stored("open_questions.tag_errors = 'ignored'", TWO);
    let response = request(&ignored, &["id1"], &tags);
    assert_eq!(
        response["UserProfileItem"][0]["ProfileItem"],
        json!([{ "Tag": NICK, "Value": "N1" }])
    );
}

/// Stored profiles define the custom tags of the file; generated ones need a list in the settings.
#[test]
fn custom_tags_come_from_the_profiles_or_the_settings() {
    let (known, unknown) = ("Tag_Profile_Custom_Known", "Tag_Profile_Custom_Other");
    let file = format!("{{\"account\":\"a\",\"{known}\":\"x\"}}\n{{\"account\":\"b\"}}\n");
    let listed = format!("population.custom_tags = {{ {known} = 'text' }}");
    let other = format!("population.custom_tags = {{ {unknown} = 'number' }}");
    for emulator in [stored("", &file), emulator(&listed)] {
        assert!(text(&emulator, &["a", "b"], &[known]).is_ok());
        assert_eq!(text(&emulator, &["a"], &[NICK, unknown]), Err(40009));
        assert_eq!(emulator.population().value("a", unknown), None);
        let shown = &emulator.settings().population.custom_tags;
        assert_eq!(shown.keys().collect::<Vec<_>>(), [known]);
    }
    assert_eq!(
        text(&stored(&other, &file), &["a"], &[known]),
        Err(40009),
        "the settings take precedence"
    );
    assert_eq!(text(&emulator(""), &["a"], &[known]), Err(40009));
    let each = format!("open_questions.tag_errors = 'account'\n{listed}");
    let each = request(&emulator(&each), &["a"], &[unknown]);
    assert_eq!(each["UserProfileItem"][0]["ResultCode"], 40009);
}

#[test]
fn encoding_of_numbers_and_bytes_follows_the_settings() {
    let line = r#"{"account":"a","Tag_Profile_Custom_Blob":"张","Tag_Profile_IM_Level":18446744073709551615}"#;
    let blob = "Tag_Profile_Custom_Blob";
    let toml = "population.custom_tags = { Tag_Profile_Custom_Blob = 'bytes' }\n\
                open_questions = { numbers_as_strings = true, bytes = 'base64' }";
    let response = request(&stored(toml, line), &["a"], &[blob, LEVEL]);
    assert_eq!(
        response["UserProfileItem"][0]["ProfileItem"],
        json!([{ "Tag": blob, "Value": "5byg" }, { "Tag": LEVEL, "Value": "18446744073709551615" }])
    );
    let plain = request(&stored("oddities.numbers_as_strings = 1.0", line), &["a"], &[blob, LEVEL]);
    assert_eq!(plain["UserProfileItem"][0]["ProfileItem"][0]["Value"], "张");
    assert_eq!(plain["UserProfileItem"][0]["ProfileItem"][1]["Value"], "18446744073709551615");
}

#[test]
fn optional_keys_follow_the_settings() {
    let toml = "open_questions = { request_id = true, current_standard_sequence = true, invalid_account = true }\n\
         oddities.escape_non_ascii = 1.0";
    let emulator = stored(toml, r#"{"account":"张","Tag_Profile_IM_Nick":"🎉"}"#);
    let json = text(&emulator, &["张"], &[NICK]).unwrap();
    assert!(json.is_ascii());
    let response: Json = serde_json::from_str(&json).unwrap();
    assert_eq!((&response["Fail_Account"], &response["Invalid_Account"]), (&json!([]), &json!([])));
    assert!(response["RequestId"].is_string() && response["CurrentStandardSequence"].is_number());
    assert_eq!(response["UserProfileItem"][0]["ProfileItem"][0]["Value"], "🎉");
    assert_eq!(names(&response), ["张"]);
}

#[test]
fn duplicates_are_repeated_or_collapsed() {
    let accounts = ["a", "b", "a"];
    assert_eq!(names(&request(&emulator(""), &accounts, &[NICK])), accounts);
    let once = emulator("open_questions.collapse_duplicates = true");
    assert_eq!(names(&request(&once, &accounts, &[NICK])), ["a", "b"]);
}

#[test]
fn transient_failures_end_and_permanent_ones_do_not() {
    let emulator = emulator(
        "[faults]\ntransient_requests = 2\ntransient = { accounts = ['t'], codes = [40006] }\n\
         permanent = { accounts = ['p'], codes = [40007] }",
    );
    let codes: Vec<(i64, i64)> = (0..4)
        .map(|_| {
            let response = request(&emulator, &["t", "p"], &[NICK]);
            let code = |index: usize| response["UserProfileItem"][index]["ResultCode"].as_i64();
            (code(0).unwrap(), code(1).unwrap())
        })
        .collect();
    assert_eq!(codes, [(40006, 40007), (40006, 40007), (0, 40007), (0, 40007)]);
    assert_eq!(emulator.population().expected_outcome("t"), ExpectedOutcome::Exported);
    assert_eq!(
        emulator.population().expected_outcome("p"),
        ExpectedOutcome::AlwaysFails { code: 40007 }
    );
}

#[test]
fn poison_account_fails_every_call_with_it() {
    let emulator = emulator("faults.poison = { accounts = ['p'], codes = [70206] }");
    assert_eq!(text(&emulator, &["a", "p"], &[NICK]), Err(70206));
    assert_eq!(text(&emulator, &["p"], &[NICK]), Err(70206));
    assert!(text(&emulator, &["a"], &[NICK]).is_ok());
}

#[test]
fn escapes_in_a_request_are_decoded() {
    let emulator = stored("", r#"{"account":"张","Tag_Profile_IM_Nick":"N"}"#);
    let body = br#"{"To_Account":["\u5f20"],"TagList":["Tag\u005fProfile_IM_Nick"]}"#;
    let request = read(body, emulator.settings()).unwrap();
    let response: Json = serde_json::from_slice(&respond(&emulator, &request).unwrap()).unwrap();
    assert_eq!(response["UserProfileItem"][0]["ProfileItem"][0]["Value"], "N");
}

proptest::proptest! {
    #[test]
    fn arbitrary_bodies_do_not_panic(body in ".{0,200}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let settings = Settings::default();
        let _ = read(body.as_bytes(), &settings);
        proptest::prop_assert!(read(&bytes, &settings).is_err());
    }

    /// The response to any request, with any quirks, is JSON with an item for each account.
    #[test]
    fn responses_are_json_with_an_item_for_each_account(
        accounts in proptest::collection::vec(".{0,12}", 1..20), seed in 0u64..100
    ) {
        let toml = format!(
            "seed = {seed}\n[population]\ncontrol_characters = 0.3\ncustom_tags = {{ Tag_Profile_Custom_Id = 'number' }}\n[oddities]\nnumbers_as_strings = 0.3\n\
             strings_as_numbers = 0.3\nnull_profile_item = 0.2\nunknown_keys = 0.3\nlone_surrogates = 0.0\n\
             [faults]\nunknown.rate = 0.2\npermanent.rate = 0.2\ntransient.rate = 0.2\n"
        );
        let emulator = emulator(&toml);
        let requested: Vec<&str> = accounts.iter().map(String::as_str).collect();
        let response = request(&emulator, &requested, &[NICK, LEVEL, "Tag_Profile_Custom_Id"]);
        proptest::prop_assert_eq!(names(&response).len(), accounts.len());
    }
}
