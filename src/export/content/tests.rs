use jiff::civil::date;

use super::*;

const JOB: &str = r#"
name = "n"
accounts = { path = "list.csv.gz", column = "account" }
api = { emulator = true, sdkappid = 1400000001 }
output = { path = "out/dt={date}", format = "csv", compression = "gzip", accounts_per_part = 1_000 }

[[columns]]
tag = "Tag_Profile_IM_Nick"
name = "nick"

[[columns]]
tag = "Tag_Profile_Custom_Points"
name = "points"
type = "uint64"

[emulator]
seed = 7

[emulator.rate]
window = "fixed"

[emulator.faults]
codes = [{ code = 70009, rate = 1.0 }]
unknown = { rate = 0.05 }

[emulator.oddities]
reorder = 1.0

[emulator.open_questions]
unknown = "echo"
"#;

/// The job with replaced text and with more keys.
fn job(replaced: &[(&str, &str)]) -> Job {
    let text = replaced.iter().fold(JOB.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("job.toml");
    std::fs::write(&path, text).unwrap();
    Job::load(&path, &[], date(2026, 11, 26)).unwrap()
}

fn content(replaced: &[(&str, &str)]) -> BTreeMap<String, String> {
    keys(&job(replaced), "ab12")
}

fn lines(keys: &BTreeMap<String, String>) -> String {
    keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// A journal that is on a disk now has these keys and values. A change here makes unfinished runs impossible to resume:
/// keep what a name or a type is called in the journal, whatever it is called in the code.
#[test]
fn recorded_content_does_not_depend_on_names_in_the_code() {
    insta::assert_snapshot!(lines(&content(&[])), @r#"
    account list = "ab12"
    accounts.column = "account"
    accounts.format = "csv"
    api target = "emulator"
    api.sdkappid = 1400000001
    columns = [{"name":"nick","tag":"Tag_Profile_IM_Nick","type":"string"},{"name":"points","tag":"Tag_Profile_Custom_Points","type":"uint64"}]
    emulator.faults.codes = [{"code":70009,"limit":0,"rate":1.0,"times":1}]
    emulator.faults.unknown.rate = 0.05
    emulator.oddities.reorder = 1.0
    emulator.open_questions.unknown = "echo"
    emulator.population.custom_tags.Tag_Profile_Custom_Points = "number"
    emulator.rate.window = "fixed"
    emulator.seed = 7
    output.accounts_per_part = 1000
    output.compression = "gzip"
    output.format = "csv"
    "#);
    let endpoint = ("emulator = true", "region = 'china', identifier = 'a', secret_key_env = 'K'");
    insta::assert_snapshot!(lines(&content(&[endpoint])), @r#"
    account list = "ab12"
    accounts.column = "account"
    accounts.format = "csv"
    api target = "https://console.tim.qq.com"
    api.sdkappid = 1400000001
    columns = [{"name":"nick","tag":"Tag_Profile_IM_Nick","type":"string"},{"name":"points","tag":"Tag_Profile_Custom_Points","type":"uint64"}]
    output.accounts_per_part = 1000
    output.compression = "gzip"
    output.format = "csv"
    "#);
    let digest = "feee7c35b76eb1d9fd093a327ccfab5e4218a667ae3c54d47a1c56749be686ea";
    assert_eq!(content_digest(&content(&[])), digest);
}

/// As the program wrote them that came before.
#[test]
fn the_content_of_version_1_is_recognized() {
    let endpoint = ("emulator = true", "region = 'china', identifier = 'a', secret_key_env = 'K'");
    insta::assert_snapshot!(lines(&version_1(&job(&[endpoint]), "ab12")), @r#"
    [emulator] = 
    account list = ab12
    accounts.column = Some("account")
    accounts.format = Some(Csv)
    api target = https://console.tim.qq.com
    api.sdkappid = 1400000001
    columns = Tag_Profile_IM_Nick nick string; Tag_Profile_Custom_Points points uint64; 
    output.accounts_per_part = 1000
    output.compression = Gzip
    output.format = csv.gz
    "#);
}

#[test]
fn every_difference_is_named() {
    let nick = "name = \"nick\"\n";
    for (replaced, expected) in [
        (("\"gzip\"", "\"none\""), "output.compression is \"none\" and was \"gzip\""),
        (("1400000001", "1400000002"), "api.sdkappid is 1400000002 and was 1400000001"),
        (("seed = 7", "seed = 8"), "emulator.seed is 8 and was 7"),
        (("unknown = { rate = 0.05 }", ""), "emulator.faults.unknown.rate is not set and was 0.05"),
        (
            ("column = \"account\"", "format = \"csv\""),
            "accounts.column is not set and was \"account\"",
        ),
        (
            (nick, "name = \"name\"\n"),
            "columns has the new column \"name\", columns has no column \"nick\"",
        ),
        (
            (nick, "name = \"nick\"\ntype = \"bytes\"\n"),
            "the type of the column \"nick\" is \"bytes\" and was \"string\"",
        ),
    ] {
        let changes = differences(&content(&[]), &content(&[replaced]), "l");
        assert_eq!(changes.join(", "), expected);
    }
    let mut other_list = content(&[]);
    other_list.insert(ACCOUNT_LIST.to_owned(), json!("cd34").to_string());
    let changes = differences(&content(&[]), &other_list, "s3://lake/ids/");
    assert_eq!(changes, ["account list s3://lake/ids/ has changed"]);
    assert!(differences(&content(&[]), &content(&[]), "l").is_empty());
}

#[test]
fn what_may_change_is_not_recorded() {
    let name = ("name = \"n\"", "name = \"m\"");
    let limits =
        ("[[columns]]", "[limits]\nmax_failed = 3\n[retry]\nmax_attempts = 2\n[[columns]]");
    assert_eq!(content(&[name, limits]), content(&[]));
}
