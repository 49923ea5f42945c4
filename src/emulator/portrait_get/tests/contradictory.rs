//! Responses that contradict themselves about an account.

use super::*;

/// An emulator with these settings, and its first response about the account `a`.
fn first_response(toml: &str) -> (Emulator, Json) {
    let toml = format!("population = {{ unset = 0.0 }}\n{toml}");
    let emulator = emulator(&toml);
    let response = request(&emulator, &["a"], &[NICK]);
    (emulator, response)
}

#[test]
fn responses_can_contradict_themselves_about_an_account() {
    let always = |quirk: &str| {
        first_response(&format!("oddities = {{ {quirk} = 1.0, contradiction_requests = 0 }}"))
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

    for quirk in [
        "failed_without_item",
        "failed_with_profile",
        "unreadable_code",
        "bare_item",
        "failed_marker",
    ] {
        let (emulator, first) = always(quirk);
        assert_eq!(
            emulator.population().expected_outcome("a"),
            ExpectedOutcome::Contradicted,
            "{quirk}"
        );
        assert!((0..3).all(|_| request(&emulator, &["a"], &[NICK]) == first), "{quirk}");
        let (passing, first) =
            first_response(&format!("oddities = {{ {quirk} = 1.0, contradiction_requests = 2 }}"));
        assert_eq!(
            passing.population().expected_outcome("a"),
            ExpectedOutcome::Exported,
            "{quirk}"
        );
        assert_eq!(request(&passing, &["a"], &[NICK]), first, "{quirk}");
        let third = request(&passing, &["a"], &[NICK]);
        assert_eq!(third["UserProfileItem"][0]["ResultCode"], 0, "{quirk}");
        assert_eq!((names(&third), third.get("Fail_Account")), (vec!["a"], None), "{quirk}");
    }
}

#[test]
fn codes_can_be_missing_or_unreadable_and_accounts_can_be_markers() {
    let accounts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    let request_with = |toml: &str| request(&emulator(toml), &accounts, &[NICK]);
    let items = |response: &Json| response["UserProfileItem"].as_array().unwrap().clone();

    let missing = request_with("oddities.missing_code = 1.0\nfaults.permanent.accounts = ['7']");
    let failed: Vec<Json> =
        items(&missing).into_iter().filter(|item| item.get("ResultCode").is_some()).collect();
    assert_eq!(failed.len(), 1, "a failure keeps its code");
    assert_eq!((&failed[0]["To_Account"], &failed[0]["ResultCode"]), (&json!("7"), &json!(40006)));
    assert!(
        items(&missing).iter().all(|item| item.get("ProfileItem").is_some() || item == &failed[0])
    );
    assert_eq!(missing["Fail_Account"], json!(["7"]));

    let unreadable = request_with("oddities.unreadable_code = 1.0");
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
        let hidden = request_with(&toml);
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
fn contradictions_affect_a_reproducible_share_of_known_accounts() {
    let accounts: Vec<String> = (0..1_000).map(|n| format!("u{n}")).collect();
    let toml = "seed = 3\nfaults.unknown.rate = 0.1\n[oddities]\nfailed_without_item = 0.1\nunreadable_code = 0.1\n\
                contradiction_requests = 0\n";
    let outcomes = || -> Vec<ExpectedOutcome> {
        let emulator = emulator(toml);
        accounts.iter().map(|account| emulator.population().expected_outcome(account)).collect()
    };
    let count = |outcome| outcomes().into_iter().filter(|&other| other == outcome).count();
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
    assert_eq!(outcomes(), outcomes());
    let emulator = emulator(toml);
    for (account, outcome) in accounts.iter().zip(outcomes()) {
        let response = request(&emulator, &[account], &[NICK]);
        let is_valid = response["UserProfileItem"][0]["ResultCode"] == 0;
        assert_eq!(is_valid, outcome == ExpectedOutcome::Exported, "{account} {response}");
    }
}
