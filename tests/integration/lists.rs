//! Account lists of every format through the built binary: the same accounts, whatever they are written in.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::support::{EmulatorServer, QUICK_JOB, TestDir, settings_of};
use arrow_array::RecordBatch;
use arrow_array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, UInt64Array};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Accounts as people have them: zeros in front, blanks, commas and quotes inside, words that other programs take for
/// something else, other scripts, the longest there may be; and many plain ones.
fn accounts() -> Vec<String> {
    const ODD: &str = r#"00017 017 17 0 a,b say"hi" " it's a;b|c back\slash \u0041 1e3 1.0 -1 +1 0x10 null NULL true NaN Bob bob
        account 用户 пользователь é @TLS @tls#x x@TLS# #1 =1+1 {} [1] 18446744073709551616 2026-11-22"#;
    let escaped = ["a b", "a  b", "a\u{a0}b", "e\u{301}"];
    let longest = ["x".repeat(32), "用".repeat(10)];
    let plain = (0..210).map(|number| format!("user_{number:03}"));
    let odd = ODD.split_ascii_whitespace().chain(escaped).map(str::to_owned);
    odd.chain(longest).chain(plain).collect()
}

/// A list of one record a line.
#[derive(Clone, Copy)]
enum Text {
    Csv,
    Txt,
    Ndjson,
}

impl Text {
    const ALL: [Text; 3] = [Text::Csv, Text::Txt, Text::Ndjson];

    fn extension(self) -> &'static str {
        match self {
            Text::Csv => "csv",
            Text::Txt => "txt",
            Text::Ndjson => "ndjson",
        }
    }

    /// The lines of a list, without their ends. In csv and ndjson the account is not the first column.
    fn lines(self, accounts: &[String]) -> Vec<String> {
        let line = |(index, account): (usize, &String)| match self {
            Text::Csv if account.contains(['"', ',']) => {
                format!("{index},\"{}\",x", account.replace('"', "\"\""))
            }
            Text::Csv => format!("{index},{account},x"),
            Text::Txt => account.clone(),
            Text::Ndjson => {
                let account = serde_json::to_string(account).unwrap();
                format!(r#"{{"n": {index}, "id": {account}, "more": {{"id": "other"}}}}"#)
            }
        };
        let header = matches!(self, Text::Csv).then(|| "n,id,more".to_owned());
        header.into_iter().chain(accounts.iter().enumerate().map(line)).collect()
    }

    fn overrides(self, path: &str) -> Vec<String> {
        let mut overrides = vec![format!("accounts.path={path}")];
        if !matches!(self, Text::Txt) {
            overrides.push("accounts.column=id".to_owned());
        }
        overrides
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Two gzip files one after the other, as `cat a.gz b.gz` makes them.
fn gzip_of_two_members(bytes: &[u8]) -> Vec<u8> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    [gzip(first), gzip(second)].concat()
}

fn write_parquet(path: &Path, column: ArrayRef) {
    let number: ArrayRef = Arc::new((0..column.len() as i64).collect::<Int64Array>());
    let rows =
        RecordBatch::try_from_iter_with_nullable([("n", number, false), ("id", column, true)])
            .unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

/// Exports with these overrides; gives back the summary.
#[track_caller]
fn export(directory: &TestDir, overrides: &[String], input: &[u8]) -> serde_json::Value {
    let overrides: Vec<&str> = overrides.iter().flat_map(|key| ["--set", key]).collect();
    let arguments = [&["export", "job.toml", "--json"], overrides.as_slice()].concat();
    directory.run_with_input(&arguments, input).expect_code(0).summary()
}

#[track_caller]
fn assert_exports(directory: &TestDir, overrides: &[String], input: &[u8], accounts: &[String]) {
    let summary = export(directory, overrides, input);
    let table = directory.snapshot("out").table();
    assert_eq!(table.accounts(), accounts, "{overrides:?}");
    assert_eq!(summary["counts"]["accounts_in_list"], accounts.len(), "{overrides:?}");
}

#[test]
fn text_formats_with_any_compression_give_the_same_accounts() {
    let accounts = accounts();
    assert!(accounts.len() >= 250);
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    for format in Text::ALL {
        let list = format.lines(&accounts).join("\n") + "\n";
        let list = list.as_bytes();
        for (packing, bytes) in [
            ("", list.to_vec()),
            (".gz", gzip(list)),
            (".zst", zstd(list)),
            (".gz", gzip_of_two_members(list)),
        ] {
            let name = format!("list.{}{packing}", format.extension());
            directory.write(&name, bytes);
            assert_exports(&directory, &format.overrides(&name), b"", &accounts);
        }
    }
}

#[test]
fn line_ends_blank_lines_and_byte_order_marks_are_ignored() {
    let accounts = accounts();
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    for format in Text::ALL {
        let lines = format.lines(&accounts);
        let with_blank_lines = format!("\n\n{}\n   \n\r\n", lines.join("\n\n"));
        for list in [
            lines.join("\n"),
            lines.join("\r\n") + "\r\n",
            lines.join("\r\n"),
            lines.join("\r") + "\r",
            lines.join("\r"),
            format!("{BYTE_ORDER_MARK}{}\r\r", lines.join("\r")),
            lines.join("\n").replacen('\n', "\r", lines.len() / 2),
            format!("{BYTE_ORDER_MARK}{}\n", lines.join("\n")),
            format!("{BYTE_ORDER_MARK}{}", lines.join("\r\n")),
            with_blank_lines,
        ] {
            let name = format!("list.{}", format.extension());
            directory.write(&name, list);
            assert_exports(&directory, &format.overrides(&name), b"", &accounts);
        }
    }
}

#[test]
fn parquet_columns_of_text_and_of_integers() {
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    // Each list takes the place of a longer one.
    let overrides = ["accounts.path=list.parquet", "accounts.column=id", "limits.max_shrink=off"]
        .map(str::to_owned);
    let check = |column: ArrayRef, accounts: &[String]| {
        write_parquet(&directory.path("list.parquet"), column);
        assert_exports(&directory, &overrides, b"", accounts);
    };
    let texts = |numbers: &[i128]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>();

    check(Arc::new(StringArray::from(accounts())), &accounts());
    check(Arc::new(BinaryArray::from_iter_values(accounts())), &accounts());
    let small: Vec<i32> = [i32::MIN, -1, 0, 7, i32::MAX].into_iter().chain(1_000..1_250).collect();
    let expected: Vec<i128> = small.iter().map(|number| i128::from(*number)).collect();
    check(Arc::new(Int32Array::from(small)), &texts(&expected));
    let large = [i64::MIN, -1, 0, 9_007_199_254_740_993, i64::MAX];
    check(Arc::new(Int64Array::from(large.to_vec())), &texts(&large.map(i128::from)));
    let unsigned = [0, 1 << 63, u64::MAX];
    check(Arc::new(UInt64Array::from(unsigned.to_vec())), &texts(&unsigned.map(i128::from)));
}

#[test]
fn ndjson_numbers_keep_their_text() {
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    directory.write(
        "list.ndjson",
        "{\"id\":17}\n{\"id\":12345678901234567890123}\n{\"id\":1e3}\n{\"id\":\"\\u7528\\u6237\"}\n",
    );
    let accounts = ["17", "12345678901234567890123", "1e3", "用户"].map(str::to_owned);
    assert_exports(&directory, &Text::Ndjson.overrides("list.ndjson"), b"", &accounts);
}

#[test]
fn standard_input_is_a_list() {
    let accounts = accounts();
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    let stdin = |format: Text| {
        let mut overrides = format.overrides("-");
        overrides.push(format!("accounts.format={}", format.extension()));
        overrides
    };
    let list = Text::Csv.lines(&accounts).join("\r\n");
    assert_exports(&directory, &stdin(Text::Csv), list.as_bytes(), &accounts);
    let list = Text::Txt.lines(&accounts).join("\n");
    assert_exports(&directory, &stdin(Text::Txt), &gzip(list.as_bytes()), &accounts);

    write_parquet(&directory.path("list.parquet"), Arc::new(StringArray::from(accounts.clone())));
    let parquet = std::fs::read(directory.path("list.parquet")).unwrap();
    let overrides =
        ["accounts.path=-", "accounts.format=parquet", "accounts.column=id"].map(str::to_owned);
    assert_exports(&directory, &overrides, &parquet, &accounts);
    assert_eq!(directory.snapshot("out").manifest()["account_list"]["path"], "-");
}

/// A list and the lines that are no accounts, with what is said of them.
struct Invalid {
    name: &'static str,
    list: Vec<u8>,
    expected: Vec<(u64, &'static str, &'static str)>,
}

const TOO_LONG: &str = "123456789012345678901234567890123";

fn invalid_lists() -> Vec<Invalid> {
    vec![
        Invalid {
            name: "list.csv",
            list: [
                b"n,id\n1,good\n2,\n3,".as_slice(),
                TOO_LONG.as_bytes(),
                b"\n4,\xff\xfe\n\n5,@TLS#NOT_FOUND\n\"6\n",
                b"more\",\"also good\"\n7\n8,@TIM#SYSTEM\n9,last\n10,good\0\n",
            ]
            .concat(),
            expected: vec![
                (3, "", "is empty"),
                (4, TOO_LONG, "has 33 bytes, but the service allows 32"),
                (5, "", "is not UTF-8: \u{fffd}\u{fffd}"),
                (7, "@TLS#NOT_FOUND", "starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)"),
                (10, "", "is empty"),
                (11, "@TIM#SYSTEM", "starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)"),
                (13, "good\0", "contains a NUL character (U+0000)"),
            ],
        },
        Invalid {
            name: "list.txt",
            list: [b"good\n\n".as_slice(), TOO_LONG.as_bytes(), b"\n\xff\xfe\n@TGS#1\nlast"].concat(),
            expected: vec![
                (3, TOO_LONG, "has 33 bytes, but the service allows 32"),
                (4, "", "is not UTF-8: \u{fffd}\u{fffd}"),
                (5, "@TGS#1", "starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)"),
            ],
        },
        Invalid {
            name: "list.ndjson",
            list: [
                b"{\"id\":\"good\"}\n{\"id\":\"\"}\n{\"id\":null}\n{\"name\":\"x\"}\n{\"id\":[1]}\n".as_slice(),
                b"oops\n{\"id\":\"\xff\"}\n{\"id\":\"@TLS#x\"}\n{\"id\":\"last\"}\n",
            ]
            .concat(),
            expected: vec![
                (2, "", "is empty"),
                (3, "", "has null in place of the account: {\"id\":null}"),
                (4, "", "does not have the key that accounts.column names: {\"name\":\"x\"}"),
                (5, "", "has an account that is neither text nor a number: {\"id\":[1]}"),
                (6, "", "is not a JSON object: oops"),
                (7, "", "is not UTF-8: {\"id\":\"\u{fffd}\"}"),
                (8, "@TLS#x", "starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)"),
            ],
        },
    ]
}

/// That the snapshot's failed accounts are these invalid ones and that nobody asked for them.
#[track_caller]
fn assert_invalid(
    directory: &TestDir,
    server: &EmulatorServer,
    expected: &[(u64, &str, &str)],
    valid: u64,
) {
    let failed = directory.snapshot("out").failed();
    let reported: Vec<(u64, &str, &str)> = failed
        .iter()
        .map(|failed| (failed.input_line, failed.account.as_str(), failed.error_info.as_str()))
        .collect();
    assert_eq!(reported, expected);
    assert!(failed.iter().all(|failed| failed.category == "invalid_account"
        && (failed.error_code, failed.attempts) == (None, 0)
        && failed.last_attempt_at.is_empty()));
    assert_eq!(server.emulator.stats().requested_accounts(), valid, "accounts that were asked for");
    assert_still_invalid(directory, expected.len());
}

/// That none of these failed accounts, twice and with a valid one, becomes an account of a list.
#[track_caller]
fn assert_still_invalid(directory: &TestDir, count: usize) {
    let failed = fs::read(directory.path("out/_failed_accounts.tsv")).unwrap();
    directory.write("again.tsv", [&failed, &failed, "valid\tnot_found\n".as_bytes()].concat());
    let limits = ["limits.max_invalid=off", "limits.max_shrink=off"];
    let keys = [&["accounts.path=again.tsv", "accounts.column=account"], &limits[..]].concat();
    let keys = keys.iter().flat_map(|key| ["--set", key]);
    let arguments: Vec<&str> = ["plan", "job.toml", "--json"].into_iter().chain(keys).collect();
    let plan = directory.run(&arguments).expect_code(0).summary();
    assert_eq!((&plan["distinct_accounts"], &plan["invalid"]), (&1.into(), &(2 * count).into()));
}

fn run_against(
    directory: &TestDir,
    server: &EmulatorServer,
    overrides: &[String],
) -> serde_json::Value {
    let mut arguments: Vec<String> = ["export", "job.toml", "--json"].map(str::to_owned).to_vec();
    arguments.extend(server.overrides());
    arguments.extend(["--set", "limits.max_invalid=off"].map(str::to_owned));
    arguments.extend(overrides.iter().flat_map(|key| ["--set".to_owned(), key.clone()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    directory.run(&arguments).expect_code(0).summary()
}

fn server_and_directory() -> (EmulatorServer, TestDir) {
    let server = EmulatorServer::start(settings_of("rate.portrait_get = 0"));
    let directory = TestDir::with_job(QUICK_JOB, [""])
        .env(crate::support::emulator::SECRET_VARIABLE, server.secret_key());
    (server, directory)
}

#[test]
fn invalid_accounts_are_reported_by_line_and_never_requested() {
    for (format, invalid) in Text::ALL.into_iter().zip(invalid_lists()) {
        let (server, directory) = server_and_directory();
        directory.write(invalid.name, &invalid.list);
        let summary = run_against(&directory, &server, &format.overrides(invalid.name));
        assert_eq!(summary["counts"]["invalid"], invalid.expected.len(), "{}", invalid.name);
        let table = directory.snapshot("out").table();
        let accounts = table.accounts();
        assert_eq!((accounts[0], *accounts.last().unwrap()), ("good", "last"));
        assert_invalid(&directory, &server, &invalid.expected, accounts.len() as u64);
    }
}

#[test]
fn invalid_accounts_in_parquet_are_reported_by_row() {
    let (server, directory) = server_and_directory();
    let rows: [Option<&[u8]>; 6] =
        [Some(b"good"), None, Some(b""), Some(b"\xff"), Some(TOO_LONG.as_bytes()), Some(b"last")];
    write_parquet(&directory.path("list.parquet"), Arc::new(BinaryArray::from(rows.to_vec())));
    let overrides = ["accounts.path=list.parquet".to_owned(), "accounts.column=id".to_owned()];
    run_against(&directory, &server, &overrides);
    let expected = [
        (2, "", "is empty"),
        (3, "", "is empty"),
        (4, "", "is not UTF-8: \u{fffd}"),
        (5, TOO_LONG, "has 33 bytes, but the service allows 32"),
    ];
    assert_invalid(&directory, &server, &expected, 2);
}

#[test]
fn first_of_duplicate_accounts_counts() {
    let (server, directory) = server_and_directory();
    drop(server);
    let job = format!(
        "{QUICK_JOB}\n[emulator.faults]\npermanent = {{ accounts = ['bad'] }}\n[limits]\nmax_failed = '100%'\n"
    );
    directory.write("job.toml", job);
    directory.accounts("accounts.txt", ["a", "bad", "b", "a", "A", "bad", "c", "bad", "a"]);
    let output = directory.export(&["--json", "--set", "retry.max_attempts=2"]).expect_code(0);
    let counts = &output.summary()["counts"];
    let of = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(
        (of("accounts_in_list"), of("rows"), of("failed"), of("duplicates"), of("invalid")),
        (9, 4, 1, 4, 0)
    );
    let snapshot = directory.snapshot("out");
    assert_eq!(snapshot.table().accounts(), ["a", "b", "A", "c"]);
    let failed = snapshot.failed();
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].account.as_str(), failed[0].input_line), ("bad", 2));
}

/// Lists that hold accounts, but in a way that would make all of them invalid or unknown.
#[test]
fn unsupported_encoding_is_refused_with_a_conversion_command() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let gbk = b"\xd3\xc3\xbb\xa7_1\n\xd3\xc3\xbb\xa7_2\n".to_vec();
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]);
    directory.export(&[]).expect_code(0);
    let before = directory.snapshot("out").part_bytes();
    for (format, list, remedy) in [
        (Text::Txt, utf16("user_1\nuser_2\n"), "iconv -f UTF-16LE -t UTF-8 OLD > NEW"),
        (Text::Csv, utf16("\u{feff}n,id\r\n1,user_1\r\n"), "iconv -f UTF-16LE -t UTF-8 OLD > NEW"),
        (Text::Txt, gbk, "iconv -f GB18030 -t UTF-8 OLD > NEW"),
        (Text::Ndjson, b"{\n \"id\": \"user_1\"\n}\n".to_vec(), "jq -c '.' OLD > NEW"),
        (
            Text::Ndjson,
            b"[{\"id\": \"user_1\"},\n{\"id\": \"user_2\"}]\n".to_vec(),
            "jq -c '.[]' OLD > NEW",
        ),
        (Text::Ndjson, b"{\"id\":1},\n{\"id\":2},\n".to_vec(), "jq -c '.' > NEW"),
    ] {
        let name = format!("list.{}", format.extension());
        directory.write(&name, list);
        let overrides = format.overrides(&name);
        let overrides: Vec<&str> = overrides.iter().flat_map(|key| ["--set", key]).collect();
        for command in ["export", "plan"] {
            let output = directory.run(&[&[command, "job.toml"], overrides.as_slice()].concat());
            let output = output.expect_code(2);
            assert!(output.error().contains(&name) && output.error().ends_with(remedy), "{output}");
        }
    }
    assert_eq!(directory.snapshot("out").part_bytes(), before);
}

#[test]
fn damaged_parquet_list_is_reported_in_one_line() {
    let directory = TestDir::with_job(QUICK_JOB, [""]);
    let list = directory.path("list.parquet");
    write_parquet(&list, Arc::new(StringArray::from(accounts())));
    let mut damaged = std::fs::read(&list).unwrap();
    // The offset of the first page, 4, becomes -5, which the reader below takes for impossible and panics.
    let offset = b"\x26\x08";
    let mut places = (0..damaged.len()).rev().filter(|at| damaged[*at..].starts_with(offset));
    // Behind it is only that of the row group, which no reader needs.
    let at = places.nth(1).unwrap();
    damaged[at + 1] = 0x09;
    directory.write("list.parquet", damaged);
    let overrides = ["--set", "accounts.path=list.parquet", "--set", "accounts.column=n"];
    let arguments = [&["plan", "job.toml", "--progress", "none"], overrides.as_slice()].concat();
    let output = directory.run(&arguments).expect_code(2);
    assert_eq!(
        output.stderr,
        "error: account list list.parquet is not a valid Parquet file: its parts are inconsistent; \
         copy it again, or regenerate it\n"
    );
}

/// A process whose limit on open files lets it start and no more.
#[test]
fn too_many_open_files_error_names_the_limit() {
    let directory = TestDir::with_job(QUICK_JOB, ["u1"]);
    for command in ["export", "check", "preview"] {
        for limit in [4, 8, 12, 16, 17, 20, 24, 28] {
            let command =
                format!("ulimit -n {limit}; exec \"$0\" {command} job.toml --progress none");
            let output = std::process::Command::new("sh")
                .args(["-c", &command, env!("CARGO_BIN_EXE_im-profiles")])
                .current_dir(directory.root())
                .env_clear()
                .output()
                .unwrap();
            // `check` lists what is wrong on stdout.
            let stderr = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let about = format!("{command} with {limit} files: {:?}\n{stderr}", output.status);
            assert!(!stderr.contains("panicked"), "{about}");
            if limit == 8 {
                let expected = "could not start the event loop: Too many open files (os error 24); this process may \
                                have no more than 8 files open; raise the limit";
                assert!(stderr.contains(expected), "{about}");
            }
            assert!(matches!(output.status.code(), Some(0 | 1)), "{about}");
        }
    }
}

/// What failed in one run is the list of the next, whatever the accounts and the service's words look like.
#[test]
fn failed_accounts_file_is_a_valid_list() {
    let job = format!(
        "{QUICK_JOB}\n[emulator.faults]\npermanent = {{ accounts = ['a,b', 'say \"hi\"', '007'] }}\n\
         [emulator.open_questions.error_info]\n40006 = \"not \\\"now\\\", later\"\n[limits]\nmax_failed = '100%'\nmax_invalid = 1\n"
    );
    let directory =
        TestDir::with_job(&job, ["good", "a,b", TOO_LONG, "say \"hi\"", "a\tb", "007", "fine"]);
    directory.export(&["--set", "retry.max_attempts=2"]).expect_code(0);
    let first = directory.snapshot("out");
    assert_eq!(first.table().accounts(), ["good", "fine"]);
    assert!(first.failed()[1].error_info.contains("not \"now\""), "{:?}", first.failed());

    directory.write("job.toml", QUICK_JOB);
    let overrides = [
        "accounts.path=out/_failed_accounts.tsv",
        "accounts.column=account",
        "output.path=again",
        "limits.max_invalid=1",
    ];
    export(&directory, &overrides.map(str::to_owned), b"");
    let again = directory.snapshot("again");
    assert_eq!(again.table().accounts(), ["a,b", "say \"hi\"", "007"]);
    let still_failed: Vec<(String, u64)> =
        again.failed().into_iter().map(|failed| (failed.account, failed.input_line)).collect();
    // The emulator does not know an account with a tab.
    assert_eq!(still_failed, [("a\tb".to_owned(), 2), (TOO_LONG.to_owned(), 6)]);
}

/// The service may return an account that a call names twice once or twice, in any order.
#[test]
fn an_account_that_remains_twice_has_two_rows() {
    const FAULTS: &str = "[emulator.faults]\npermanent = { accounts = ['bad'] }\nunknown = { rate = 0.3 }\n[limits]\nmax_failed = '100%'\n";
    let numbers = (0..250).map(|number| format!("u{}", number % 90));
    let list: Vec<String> =
        ["a", "bad", "a", "a", "bad", "b"].map(str::to_owned).into_iter().chain(numbers).collect();
    let directory = TestDir::with_job(&format!("{QUICK_JOB}\n{FAULTS}"), &list);
    for (duplicates, removed) in [("none", 0), ("adjacent", 1)] {
        let keys = [
            format!("accounts.duplicates={duplicates}"),
            "emulator.open_questions.collapse_duplicates=true".to_owned(),
            "emulator.open_questions.unknown=echo".to_owned(),
        ];
        let mut lines: Vec<Vec<(String, bool)>> = Vec::new();
        for keys in [&keys[..1], &keys[..2], &keys[..]] {
            for reorder in ["0.0", "1.0"] {
                let reorder = format!("emulator.oddities.reorder={reorder}");
                let sets: Vec<&str> =
                    keys.iter().chain([&reorder]).flat_map(|key| ["--set", key]).collect();
                let output = directory.export(&[&["--json"], &sets[..]].concat()).expect_code(0);
                let counts = &output.summary()["counts"];
                let of = |key: &str| counts[key].as_u64().unwrap();
                let total = list.len() as u64;
                assert_eq!(
                    (of("accounts_in_list"), of("duplicates"), of("rows") + of("failed")),
                    (total, removed, total - removed),
                    "{output}"
                );
                let snapshot = directory.snapshot("out");
                assert_eq!(snapshot.manifest()["account_list"]["duplicate_removal"], duplicates);
                let table = snapshot.table();
                let rows = table.accounts().into_iter().map(|account| (account.to_owned(), true));
                let failed = snapshot.failed();
                let bad = failed
                    .iter()
                    .filter(|failed| failed.account == "bad")
                    .map(|failed| failed.input_line);
                assert_eq!(bad.collect::<Vec<_>>(), [2, 5], "{output}");
                let mut all: Vec<(String, bool)> = rows
                    .chain(failed.iter().map(|failed| (failed.account.clone(), false)))
                    .collect();
                all.sort_unstable();
                lines.push(all);
            }
        }
        // Twins end alike, and in the same way whatever the service makes of them.
        assert!(lines.windows(2).all(|two| two[0] == two[1]), "{duplicates}");
        let count =
            |name: &str| lines[0].iter().filter(|(account, _)| account == name).count() as u64;
        assert_eq!((count("a"), count("bad"), count("u7")), (3 - removed, 2, 3));
    }
}
