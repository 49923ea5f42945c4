//! Answers that contradict themselves about an account.

use super::*;

/// What an answer says of the account `a`: its item, and whether `Fail_Account` names it.
fn said_of_a(toml: &str) -> (Emulator, Json) {
    let toml = format!("population = {{ unset = 0.0 }}\n{toml}");
    let emulator = emulator(&toml);
    let answer = ask(&emulator, &["a"], &[NICK]);
    (emulator, answer)
}

#[test]
fn an_answer_can_contradict_itself_about_an_account() {
    let always = |oddity: &str| {
        said_of_a(&format!("oddities = {{ {oddity} = 1.0, contradiction_asks = 0 }}"))
    };
    let (_, no_item) = always("failed_without_item");
    assert_eq!(
        (&no_item["UserProfileItem"], &no_item["Fail_Account"]),
        (&json!([]), &json!(["a"]))
    );
    assert_eq!((&no_item["ActionStatus"], &no_item["ErrorCode"]), (&json!("OK"), &json!(0)));

    let (_, with_profile) = always("failed_with_profile");
    let item = &with_profile["UserProfileItem"][0];
    assert_eq!((&item["To_Account"], &item["ResultCode"]), (&json!("a"), &json!(0)));
    assert_eq!(item["ProfileItem"][0]["Tag"], NICK);
    assert_eq!(with_profile["Fail_Account"], json!(["a"]));

    let (_, bare) = always("bare_item");
    assert_eq!(bare["UserProfileItem"], json!([{ "To_Account": "a", "ResultInfo": "" }]));

    for oddity in [
        "failed_without_item",
        "failed_with_profile",
        "unreadable_code",
        "bare_item",
        "failed_marker",
    ] {
        let (emulator, first) = always(oddity);
        assert_eq!(emulator.population().fate("a"), ExpectedOutcome::Contradicted, "{oddity}");
        assert!((0..3).all(|_| ask(&emulator, &["a"], &[NICK]) == first), "{oddity}");
        let (passing, first) =
            said_of_a(&format!("oddities = {{ {oddity} = 1.0, contradiction_asks = 2 }}"));
        assert_eq!(passing.population().fate("a"), ExpectedOutcome::Exports, "{oddity}");
        assert_eq!(ask(&passing, &["a"], &[NICK]), first, "{oddity}");
        let third = ask(&passing, &["a"], &[NICK]);
        assert_eq!(third["UserProfileItem"][0]["ResultCode"], 0, "{oddity}");
        assert_eq!((names(&third), third.get("Fail_Account")), (vec!["a"], None), "{oddity}");
    }
}

#[test]
fn codes_are_missing_or_unreadable_and_failures_hide_behind_markers() {
    let accounts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let ask_with = |toml: &str| ask(&emulator(toml), &accounts, &[NICK]);
    let items = |answer: &Json| answer["UserProfileItem"].as_array().unwrap().clone();

    let missing = ask_with("oddities.missing_code = 1.0\nfaults.permanent.accounts = ['7']");
    let failed: Vec<Json> =
        items(&missing).into_iter().filter(|item| item.get("ResultCode").is_some()).collect();
    assert_eq!(failed.len(), 1, "a failure keeps its code");
    assert_eq!((&failed[0]["To_Account"], &failed[0]["ResultCode"]), (&json!("7"), &json!(40006)));
    assert!(
        items(&missing).iter().all(|item| item.get("ProfileItem").is_some() || item == &failed[0])
    );
    assert_eq!(missing["Fail_Account"], json!(["7"]));

    let unreadable = ask_with("oddities.unreadable_code = 1.0");
    let mut codes: Vec<String> =
        items(&unreadable).iter().map(|item| item["ResultCode"].to_string()).collect();
    assert!(items(&unreadable).iter().all(|item| item["ProfileItem"].is_array()));
    codes.sort();
    codes.dedup();
    assert_eq!(codes, ["\"OK\"", "false", "null", "true"]);
    assert!(unreadable.get("Fail_Account").is_none());

    for (switch, failed) in [("account", Some(json!(accounts))), ("nothing", None)] {
        let toml = format!(
            "oddities.failed_marker = 1.0\nopen_questions.unknown_in_fail_account = '{switch}'"
        );
        let hidden = ask_with(&toml);
        assert_eq!(hidden.get("Fail_Account"), failed.as_ref());
        assert!(items(&hidden).iter().all(|item| item["ResultCode"] == 40006));
        assert!(items(&hidden).iter().all(|item| item.get("ProfileItem").is_none()));
        let mut markers = names(&hidden);
        markers.sort_unstable();
        markers.dedup();
        assert_eq!(markers, ["", "@TLS#ERROR", "@TLS#NOT_FOUND"]);
    }
}

#[test]
fn contradictions_befall_a_share_of_known_accounts_and_the_same_each_time() {
    let accounts: Vec<String> = (0..1_000).map(|n| format!("u{n}")).collect();
    let toml = "seed = 3\nfaults.unknown.rate = 0.1\n[oddities]\nfailed_without_item = 0.1\nunreadable_code = 0.1\n\
                contradiction_asks = 0\n";
    let fates = || -> Vec<ExpectedOutcome> {
        let emulator = emulator(toml);
        accounts.iter().map(|account| emulator.population().fate(account)).collect()
    };
    let count = |fate| fates().into_iter().filter(|&other| other == fate).count();
    assert!(
        (130..220).contains(&count(ExpectedOutcome::Contradicted)),
        "{}",
        count(ExpectedOutcome::Contradicted)
    );
    assert!(
        (70..130).contains(&count(ExpectedOutcome::NotFound)),
        "{}",
        count(ExpectedOutcome::NotFound)
    );
    assert_eq!(fates(), fates());
    let emulator = emulator(toml);
    for (account, fate) in accounts.iter().zip(fates()) {
        let answer = ask(&emulator, &[account], &[NICK]);
        let is_right = answer["UserProfileItem"][0]["ResultCode"] == 0;
        assert_eq!(is_right, fate == ExpectedOutcome::Exports, "{account} {answer}");
    }
}
