//! The values of each column type in the parts, as Parquet and as CSV.

use std::fs::File;

use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::{EmulatorServer, Snapshot, TestDir};

/// Publishes the profiles, an account each, with the columns of the job; `keys` are further overrides.
fn published(columns: &str, profiles: &[Value], keys: &[&str]) -> (TestDir, Snapshot) {
    let lines: Vec<String> = profiles.iter().map(|profile| format!("{profile}\n")).collect();
    let server = EmulatorServer::with_profiles(&lines.concat());
    let accounts = profiles.iter().map(|profile| profile["account"].as_str().unwrap());
    let job = format!(
        "name = \"types\"\naccounts = {{ path = \"accounts.txt\" }}\ncolumns = [{columns}]\n\
         output = {{ path = \"out\" }}\n"
    );
    let directory = TestDir::with_job(&job, accounts).env(SECRET_VARIABLE, server.secret_key());
    let mut arguments = server.overrides();
    arguments.extend(keys.iter().flat_map(|key| ["--set".to_owned(), (*key).to_owned()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    directory.export(&arguments).expect_code(0);
    let snapshot = directory.snapshot("out");
    (directory, snapshot)
}

#[test]
fn standard_numbers_are_signed_64_bit_integers() {
    let values = [
        json!(0),
        json!(i64::MAX),
        json!("-9223372036854775808"),
        json!("-5"),
        json!(i64::MAX.unsigned_abs() + 1),
        json!("1.5"),
    ];
    let profiles: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(n, value)| json!({"account": format!("u{n}"), "Tag_Profile_IM_Level": value}))
        .collect();
    let column = "{ tag = \"Tag_Profile_IM_Level\", name = \"level\" }";
    for keys in [&[][..], &["output.format=csv", "output.compression=none"]] {
        let (_directory, snapshot) = published(column, &profiles, keys);
        let levels: Vec<Option<String>> =
            snapshot.table().rows.into_iter().map(|row| row[1].clone()).collect();
        let expected =
            [Some("0"), Some("9223372036854775807"), Some("-9223372036854775808"), Some("-5")];
        let expected: Vec<Option<String>> =
            expected.iter().chain(&[None, None]).map(|text| text.map(str::to_owned)).collect();
        assert_eq!(levels, expected);
        let rejected: Vec<(String, String)> = snapshot
            .rejected()
            .into_iter()
            .map(|rejected| (rejected.expected_type, rejected.value))
            .collect();
        let expected = ["9223372036854775808", "1.5"];
        assert_eq!(rejected, expected.map(|text| ("int64".to_owned(), text.to_owned())));
        assert_eq!(snapshot.manifest()["columns"][1]["type"], "int64");
    }
}

/// Texts that a loader could take for NULL, for the end of the data or for another record.
const HOSTILE: [&str; 14] = [
    "",
    "NULL",
    "null",
    "\\N",
    "\\.",
    "NaN",
    "n/a",
    " padded ",
    "a,b",
    "\"",
    "x\n\\.\ny",
    "cr\rlf\r\n",
    "007",
    "nul\0",
];

#[test]
fn csv_distinguishes_every_text_from_null_by_quotes() {
    let profiles: Vec<Value> = HOSTILE
        .iter()
        .enumerate()
        .map(|(n, text)| json!({"account": format!("u{n:02}"), "Tag_Profile_IM_Nick": text, "Tag_Profile_IM_SelfSignature": text}))
        .chain([json!({"account": "NULL"})])
        .collect();
    let columns = "{ tag = \"Tag_Profile_IM_Nick\", name = \"nick\" }, \
                   { tag = \"Tag_Profile_IM_SelfSignature\", name = \"raw\", type = \"bytes\" }";
    let (_directory, snapshot) =
        published(columns, &profiles, &["output.format=csv", "output.compression=none"]);
    let text = String::from_utf8(snapshot.bytes("part-00000.csv")).unwrap();
    let visible = text.replace('\r', "<CR>").replace('\0', "<NUL>");
    insta::assert_snapshot!(visible, @r#"
    account,nick,raw
    u00,"",""
    u01,"NULL",TlVMTA==
    u02,"null",bnVsbA==
    u03,"\N",XE4=
    u04,"\.",XC4=
    u05,"NaN",TmFO
    u06,"n/a",bi9h
    u07," padded ",IHBhZGRlZCA=
    u08,"a,b",YSxi
    u09,"""",Ig==
    u10,"x
    \.
    y",eApcLgp5
    u11,"cr<CR>lf<CR>
    ",Y3INbGYNCg==
    u12,007,MDA3
    u13,nul<NUL>,bnVsAA==
    "NULL",,
    "#);
    let read: Vec<_> = snapshot.table().rows;
    for (row, text) in read.iter().zip(HOSTILE) {
        assert_eq!(row[1..], [Some(text.to_owned()), Some(text.to_owned())]);
    }
    assert_eq!(read[HOSTILE.len()], [Some("NULL".to_owned()), None, None]);
}

#[test]
fn int64_is_a_plain_parquet_integer_and_the_unsigned_types_are_annotated() {
    let columns = "{ tag = \"Tag_Profile_IM_Level\", name = \"level\" }, \
                   { tag = \"Tag_Profile_IM_Role\", name = \"role\", type = \"uint32\" }, \
                   { tag = \"Tag_Profile_IM_Language\", name = \"language\", type = \"uint64\" }";
    let profile = json!({"account": "a", "Tag_Profile_IM_Level": 1});
    let (_directory, snapshot) = published(columns, &[profile], &[]);
    let file = File::open(snapshot.path("part-00000.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr();
    let types: Vec<_> = schema
        .columns()
        .iter()
        .map(|column| (column.physical_type(), column.logical_type_ref().cloned()))
        .collect();
    let unsigned = |width| Some(LogicalType::integer(width, false));
    assert_eq!(
        types[1..],
        [
            (PhysicalType::INT64, None),
            (PhysicalType::INT32, unsigned(32)),
            (PhysicalType::INT64, unsigned(64)),
        ]
    );
}
