mod contradictory;

use serde_json::{Value as Json, json};

use super::super::{Emulator, ExpectedOutcome, Population, Profiles, Value};
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
    let request = read(body.as_bytes(), emulator.settings()).map_err(|error| error.0)?;
    let body = answer(emulator, &request).map_err(|error| error.0)?;
    Ok(String::from_utf8(body).unwrap())
}

fn ask(emulator: &Emulator, accounts: &[&str], tags: &[&str]) -> Json {
    serde_json::from_str(&text(emulator, accounts, tags).unwrap()).unwrap()
}

fn names(answer: &Json) -> Vec<&str> {
    let items = answer["UserProfileItem"].as_array().unwrap();
    items.iter().map(|item| item["To_Account"].as_str().unwrap()).collect()
}

fn refusal(toml: &str, body: &str) -> i64 {
    let emulator = emulator(toml);
    match read(body.as_bytes(), emulator.settings()) {
        Err((code, _)) => code,
        Ok(request) => answer(&emulator, &request).map_or_else(|(code, _)| code, |_| 0),
    }
}

const TWO: &str = "{\"account\":\"id1\",\"Tag_Profile_IM_Nick\":\"N1\"}\n{\"account\":\"id4\"}\n";

#[test]
fn the_documented_partial_failure_is_reproduced_byte_for_byte() {
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
fn bodies_are_refused_in_order() {
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
fn too_many_accounts_are_a_switch() {
    let accounts: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    for (how, expected) in [("accept", 101), ("truncate", 100)] {
        let emulator = emulator(&format!("open_questions.too_many_accounts = '{how}'"));
        assert_eq!(names(&ask(&emulator, &accounts, &[NICK])).len(), expected);
    }
}

#[test]
fn values_are_what_the_population_knows() {
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
    let answer = ask(&emulator, &accounts, &tags);
    assert_eq!(names(&answer), accounts);
    let mut set = 0;
    for (account, item) in accounts.iter().zip(answer["UserProfileItem"].as_array().unwrap()) {
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
fn each_way_to_answer_for_unknown_accounts() {
    let ask_with = |switches: &str| {
        let emulator = emulator(&format!("faults.unknown.prefix = 'ghost'\n{switches}"));
        ask(&emulator, &["a", "ghost1", "ghost2"], &[NICK])
    };
    let answer = ask_with("");
    assert_eq!(names(&answer), ["a", "@TLS#NOT_FOUND", "@TLS#NOT_FOUND"]);
    assert_eq!(answer["Fail_Account"], json!(["ghost1", "ghost2"]));
    assert_eq!((&answer["ErrorCode"], &answer["ActionStatus"]), (&json!(0), &json!("OK")));
    let item = &answer["UserProfileItem"][1];
    assert_eq!(item["ResultCode"], 40003);
    assert!(item.get("ProfileItem").is_none());
    for (switch, expected) in [
        ("echo", vec!["a", "ghost1", "ghost2"]),
        ("empty", vec!["a", "", ""]),
        ("collapsed", vec!["a", "@TLS#NOT_FOUND"]),
        ("omitted", vec!["a"]),
    ] {
        assert_eq!(names(&ask_with(&format!("open_questions.unknown = '{switch}'"))), expected);
    }
    let marker = ask_with("open_questions.unknown_in_fail_account = 'marker'");
    assert_eq!(marker["Fail_Account"], json!(["@TLS#NOT_FOUND", "@TLS#NOT_FOUND"]));
    let nothing = ask_with("open_questions.unknown_in_fail_account = 'nothing'");
    assert!(nothing.get("Fail_Account").is_none());
    let null = ask_with("open_questions.unknown_profile_item = 'null'");
    assert_eq!(null["UserProfileItem"][2].get("ProfileItem"), Some(&Json::Null));
    let call = "faults.unknown.prefix = 'ghost'\nopen_questions.unknown = 'call'";
    assert_eq!(text(&emulator(call), &["a", "ghost1"], &[NICK]), Err(40003));
}

#[test]
fn each_way_to_answer_for_tags_that_are_not_set() {
    let profile = |switches: &str| ask(&stored(switches, TWO), &["id4"], &[NICK, LEVEL]);
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
fn bad_tags_fail_the_call_the_accounts_or_nobody() {
    let tags = [NICK, "Tag_Profile_IM_None", NICK];
    let unreadable = format!("population.unreadable_tags = ['{NICK}']");
    assert_eq!(text(&emulator(""), &["a"], &tags), Err(40009));
    assert_eq!(text(&emulator(&unreadable), &["a"], &[NICK]), Err(40007));
    let each = ask(&emulator("open_questions.tag_errors = 'account'"), &["a", "b"], &tags);
    assert_eq!(each["UserProfileItem"][1]["ResultCode"], 40009);
    assert_eq!(each["Fail_Account"], json!(["a", "b"]));
    let ignored = stored("open_questions.tag_errors = 'ignored'", TWO);
    let answer = ask(&ignored, &["id1"], &tags);
    assert_eq!(
        answer["UserProfileItem"][0]["ProfileItem"],
        json!([{ "Tag": NICK, "Value": "N1" }])
    );
}

/// Of profiles from a file, those that the file names; of made-up ones, those that the settings list.
#[test]
fn custom_tags_are_known_from_the_profiles_or_the_settings() {
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
        "settings have the last word"
    );
    assert_eq!(text(&emulator(""), &["a"], &[known]), Err(40009));
    let each = format!("open_questions.tag_errors = 'account'\n{listed}");
    let each = ask(&emulator(&each), &["a"], &[unknown]);
    assert_eq!(each["UserProfileItem"][0]["ResultCode"], 40009);
}

#[test]
fn numbers_and_bytes_are_written_as_set() {
    let line = r#"{"account":"a","Tag_Profile_Custom_Blob":"张","Tag_Profile_IM_Level":18446744073709551615}"#;
    let blob = "Tag_Profile_Custom_Blob";
    let toml = "population.custom_tags = { Tag_Profile_Custom_Blob = 'bytes' }\n\
                open_questions = { numbers_as_strings = true, bytes = 'base64' }";
    let answer = ask(&stored(toml, line), &["a"], &[blob, LEVEL]);
    assert_eq!(
        answer["UserProfileItem"][0]["ProfileItem"],
        json!([{ "Tag": blob, "Value": "5byg" }, { "Tag": LEVEL, "Value": "18446744073709551615" }])
    );
    let plain = ask(&stored("oddities.numbers_as_strings = 1.0", line), &["a"], &[blob, LEVEL]);
    assert_eq!(plain["UserProfileItem"][0]["ProfileItem"][0]["Value"], "张");
    assert_eq!(plain["UserProfileItem"][0]["ProfileItem"][1]["Value"], "18446744073709551615");
}

#[test]
fn older_and_newer_keys_are_switches() {
    let toml = "open_questions = { request_id = true, current_standard_sequence = true, invalid_account = true, \
         escape_non_ascii = true }";
    let emulator = stored(toml, r#"{"account":"张","Tag_Profile_IM_Nick":"🎉"}"#);
    let json = text(&emulator, &["张"], &[NICK]).unwrap();
    assert!(json.is_ascii());
    let answer: Json = serde_json::from_str(&json).unwrap();
    assert_eq!((&answer["Fail_Account"], &answer["Invalid_Account"]), (&json!([]), &json!([])));
    assert!(answer["RequestId"].is_string() && answer["CurrentStandardSequence"].is_number());
    assert_eq!(answer["UserProfileItem"][0]["ProfileItem"][0]["Value"], "🎉");
    assert_eq!(names(&answer), ["张"]);
}

#[test]
fn duplicates_come_each_or_once() {
    let accounts = ["a", "b", "a"];
    assert_eq!(names(&ask(&emulator(""), &accounts, &[NICK])), accounts);
    let once = emulator("open_questions.collapse_duplicates = true");
    assert_eq!(names(&ask(&once, &accounts, &[NICK])), ["a", "b"]);
}

#[test]
fn transient_failures_pass_and_permanent_ones_stay() {
    let emulator = emulator(
        "[faults]\ntransient_asks = 2\ntransient = { accounts = ['t'], codes = [40006] }\n\
         permanent = { accounts = ['p'], codes = [40007] }",
    );
    let codes: Vec<(i64, i64)> = (0..4)
        .map(|_| {
            let answer = ask(&emulator, &["t", "p"], &[NICK]);
            let code = |index: usize| answer["UserProfileItem"][index]["ResultCode"].as_i64();
            (code(0).unwrap(), code(1).unwrap())
        })
        .collect();
    assert_eq!(codes, [(40006, 40007), (40006, 40007), (0, 40007), (0, 40007)]);
    assert_eq!(emulator.population().fate("t"), ExpectedOutcome::Exports);
    assert_eq!(emulator.population().fate("p"), ExpectedOutcome::FailsAlways { code: 40007 });
}

#[test]
fn poison_fails_every_call_it_is_in() {
    let emulator = emulator("faults.poison = { accounts = ['p'], codes = [70206] }");
    assert_eq!(text(&emulator, &["a", "p"], &[NICK]), Err(70206));
    assert_eq!(text(&emulator, &["p"], &[NICK]), Err(70206));
    assert!(text(&emulator, &["a"], &[NICK]).is_ok());
}

#[test]
fn items_are_reordered_repeated_dropped_and_added() {
    let accounts: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let ask_with = |toml: &str| ask(&emulator(toml), &accounts, &[NICK]);
    let reordered = ask_with("oddities.reorder = 1.0");
    assert_ne!(names(&reordered), accounts);
    let mut sorted = names(&reordered);
    sorted.sort_unstable_by_key(|name| name.parse::<u32>().unwrap());
    assert_eq!(sorted, accounts);
    assert_eq!(ask_with("oddities.reorder = 1.0"), reordered, "the same call, the same order");
    let repeated = ask_with("oddities.repeat = 1.0");
    assert_eq!(names(&repeated).len(), 40);
    assert_eq!(repeated["UserProfileItem"][0], repeated["UserProfileItem"][1]);
    let extra = ask_with("oddities.extra = 1.0");
    assert_eq!(names(&extra).len(), 21);
    assert!(!accounts.contains(&names(&extra)[20]));
    let once = emulator("oddities.drop = 1.0");
    let counts: Vec<usize> = (0..2).map(|_| names(&ask(&once, &accounts, &[NICK])).len()).collect();
    assert_eq!(counts, [0, 20]);
    let always = emulator("oddities = { drop = 1.0, drop_asks = 0 }");
    assert!((0..3).all(|_| names(&ask(&always, &accounts, &[NICK])).is_empty()));
    assert_eq!(always.population().fate("1"), ExpectedOutcome::NeverAnswered);
}

#[test]
fn the_shape_of_an_answer_can_be_odd() {
    let ask_with = |toml: &str| ask(&emulator(toml), &["a"], &[NICK, LEVEL]);
    let null = ask_with("oddities.null_profile_item = 1.0");
    assert_eq!(null["UserProfileItem"][0].get("ProfileItem"), Some(&Json::Null));
    let population: Population = Population::new(
        &toml::from_str("oddities.null_profile_item = 1.0").unwrap(),
        Profiles::generated(),
    );
    assert_eq!(population.value("a", NICK), None);
    let keys = ask_with("oddities.unknown_keys = 1.0");
    assert_eq!(keys["UserProfileItem"][0]["New_Key"]["a"][1], "]}");
    let bare = ask_with("oddities.missing_status = 1.0");
    assert!(bare.get("ActionStatus").is_none() && bare.get("ErrorInfo").is_none());
    assert_eq!(bare["ErrorCode"], 0);
    let strings = ask_with("oddities.codes_as_strings = 1.0");
    assert_eq!(strings["ErrorCode"], "0");
    assert_eq!(strings["UserProfileItem"][0]["ResultCode"], "0");
}

#[test]
fn a_body_can_start_with_a_byte_order_mark() {
    let json = text(&emulator("oddities.byte_order_mark = 1.0"), &["a"], &[NICK]).unwrap();
    let rest = json.strip_prefix('\u{feff}').unwrap();
    assert!(json.as_bytes().starts_with(b"\xef\xbb\xbf{"));
    let plain = text(&emulator(""), &["a"], &[NICK]).unwrap();
    assert_eq!(rest, plain);
}

#[test]
fn texts_can_come_as_numbers_and_with_half_a_surrogate_pair() {
    let toml = "population = { unset = 0.0, empty = 0.0 }\noddities.strings_as_numbers = 1.0";
    let digits = emulator(toml);
    let answer = ask(&digits, &["a"], &[NICK]);
    let Some(Value::Text(nick)) = digits.population().value("a", NICK) else {
        panic!("a nick is a text");
    };
    let sent = &answer["UserProfileItem"][0]["ProfileItem"][0]["Value"];
    assert_eq!(sent.as_u64().unwrap().to_string(), nick);
    let halves =
        emulator("population = { unset = 0.0, empty = 0.0 }\noddities.lone_surrogates = 1.0");
    let json = text(&halves, &["a"], &[NICK]).unwrap();
    assert!(json.contains("\\ud83d\""), "{json}");
    let Some(Value::Text(nick)) = halves.population().value("a", NICK) else {
        panic!("a nick is a text");
    };
    assert!(nick.ends_with('\u{fffd}'));
}

#[test]
fn escapes_in_a_request_are_understood() {
    let emulator = stored("", r#"{"account":"张","Tag_Profile_IM_Nick":"N"}"#);
    let body = br#"{"To_Account":["\u5f20"],"TagList":["Tag\u005fProfile_IM_Nick"]}"#;
    let request = read(body, emulator.settings()).unwrap();
    let answer: Json = serde_json::from_slice(&answer(&emulator, &request).unwrap()).unwrap();
    assert_eq!(answer["UserProfileItem"][0]["ProfileItem"][0]["Value"], "N");
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in ".{0,200}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let settings = Settings::default();
        let _ = read(body.as_bytes(), &settings);
        proptest::prop_assert!(read(&bytes, &settings).is_err());
    }

    /// Whatever is asked and whatever oddities there are, the answer is JSON and has an item for each account.
    #[test]
    fn answers_are_json_with_an_item_for_each_account(
        accounts in proptest::collection::vec(".{0,12}", 1..20), seed in 0u64..100
    ) {
        let toml = format!(
            "seed = {seed}\n[population]\ncontrol_characters = 0.3\ncustom_tags = {{ Tag_Profile_Custom_Id = 'number' }}\n[oddities]\nnumbers_as_strings = 0.3\n\
             strings_as_numbers = 0.3\nnull_profile_item = 0.2\nunknown_keys = 0.3\nlone_surrogates = 0.0\n\
             [faults]\nunknown.rate = 0.2\npermanent.rate = 0.2\ntransient.rate = 0.2\n"
        );
        let emulator = emulator(&toml);
        let asked: Vec<&str> = accounts.iter().map(String::as_str).collect();
        let answer = ask(&emulator, &asked, &[NICK, LEVEL, "Tag_Profile_Custom_Id"]);
        proptest::prop_assert_eq!(names(&answer).len(), accounts.len());
    }
}
