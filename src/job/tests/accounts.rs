//! `name` and `[accounts]`.

use super::*;
use crate::accounts::{ListFormat, ListPath};

#[test]
fn list_format_is_derived_from_the_file_name() {
    use ListFormat::{Csv, Ndjson, Parquet, Tsv, Txt};
    for (name, format) in [
        ("a.csv", Csv),
        ("a.b/c.CSV.gz", Csv),
        ("a.txt.zst", Txt),
        ("_failed_accounts.tsv", Tsv),
        ("a.ndjson", Ndjson),
        ("a.jsonl.gz", Ndjson),
        ("dt={date}/a.parquet", Parquet),
    ] {
        let column = if format == Txt { "" } else { "\ncolumn = \"account\"" };
        let lines = "path = \"list.csv\"\nformat = \"csv\"\ncolumn = \"account\"";
        let text = full_with(lines, &format!("path = \"{name}\"{column}"));
        assert_eq!(load(&text, &[]).unwrap().accounts.format, Some(format), "{name}");
    }
}

#[test]
fn standard_input_and_single_column_csv_are_accepted() {
    let job = load(FULL, &["accounts.path=-"]).unwrap();
    assert_eq!(job.accounts.path, ListPath::Stdin);
    let job = load(&full_with("column = \"account\"\n", ""), &[]).unwrap();
    assert_eq!(job.accounts.column, None);
}

#[test]
fn name_refused() {
    let long = format!("name = \"{}\"", "n".repeat(101));
    insta::assert_snapshot!(errors_after(&[
        ("name = \"n\"\n", ""),
        ("name = \"n\"", "name = \" \""),
        ("name = \"n\"", "name = 5"),
        ("name = \"n\"", "name = \"a\\u001bb\""),
        ("name = \"n\"", &long),
    ]), @r#"
    jobs/n.toml: name: is missing; write a name for the run, such as "nightly"
    jobs/n.toml:1: name: is empty; write a name for the run, such as "nightly"
    jobs/n.toml:1: name: is the number 5; write text in quotes
    jobs/n.toml:1: name: contains the control character \u{1b}; write the text on one line without it
    jobs/n.toml:1: name: is longer than 100 characters; write a shorter one
    "#);
}

#[test]
fn accounts_refused() {
    let lines = "path = \"list.csv\"\nformat = \"csv\"\ncolumn = \"account\"";
    insta::assert_snapshot!(errors_after(&[
        ("path = \"list.csv\"\n", ""),
        (&format!("[accounts]\n{lines}"), ""),
        ("\"list.csv\"", "\"\""),
        ("\"list.csv\"", "\"~/list.csv\""),
        ("\"list.csv\"", "\"{data}/list.csv\""),
        ("\"list.csv\"", "\"{date/list.csv\""),
        ("\"list.csv\"", "\"list}.csv\""),
        ("\"list.csv\"", "\"a\\nb.csv\""),
        ("\"list.csv\"", "\"out/dt=2026-11-22/_failed_accounts.tsv\""),
        ("format = \"csv\"", "format = \"CSV\""),
        ("format = \"csv\"", "format = \"jsonl\""),
        ("format = \"csv\"", "format = \"xml\""),
        (lines, "path = \"-\""),
        (lines, "path = \"list.json\""),
        (lines, "path = \"list.lst\""),
        ("format = \"csv\"", "format = \"txt\""),
        ("format = \"csv\"\ncolumn = \"account\"", "format = \"ndjson\""),
        ("format = \"csv\"\ncolumn = \"account\"", "format = \"parquet\""),
        ("column = \"account\"", "column = \"\""),
        (lines, &format!("{lines}\nduplicates = \"keep\"")),
        (lines, &format!("{lines}\nduplicates = false")),
    ]), @r#"
    jobs/n.toml:3: accounts.path: is missing; write the path of the account list, or "-" for standard input
    jobs/n.toml: accounts.path: is missing; write the path of the account list, or "-" for standard input
    jobs/n.toml:4: accounts.path: is empty; write the path of the account list, or "-" for standard input
    jobs/n.toml:4: accounts.path: starts with "~", which only a shell expands; write the full path
    jobs/n.toml:4: accounts.path: contains "{data}"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: contains "{date/list.csv"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: contains "}"; the only placeholder is {date}
    jobs/n.toml:4: accounts.path: contains the control character \u{a}; write the text on one line without it
    jobs/n.toml:4: accounts.path: is inside output.path, which the run replaces; copy the list to another directory
    jobs/n.toml:5: accounts.format: is "CSV"; did you mean csv?
    jobs/n.toml:5: accounts.format: is "jsonl"; did you mean ndjson?
    jobs/n.toml:5: accounts.format: is "xml"; write one of: csv, tsv, txt, ndjson, parquet
    jobs/n.toml:3: accounts.format: is missing, and standard input has no file name to derive it from; write one of: csv, tsv, txt, ndjson, parquet
    jobs/n.toml:3: accounts.format: is missing, and a .json file may hold anything; write ndjson if it has one object per line
    jobs/n.toml:3: accounts.format: is missing and cannot be derived from the file name in accounts.path; write one of: csv, tsv, txt, ndjson, parquet
    jobs/n.toml:6: accounts.column: is set, but a txt list has one account per line and no columns; remove it, or set accounts.format
    jobs/n.toml:3: accounts.column: is missing; write the name of the key (ndjson) or column (parquet) that holds the account
    jobs/n.toml:3: accounts.column: is missing; write the name of the key (ndjson) or column (parquet) that holds the account
    jobs/n.toml:6: accounts.column: is empty; write the name of the column that holds the account
    jobs/n.toml:7: accounts.duplicates: is "keep"; write one of: exact, adjacent, none
    jobs/n.toml:7: accounts.duplicates: is not text; write one of its keywords in quotes
    "#);
}

#[test]
fn lists_in_an_object_store() {
    let load = |path: &str| load(FULL, &[&format!("accounts.path={path}"), "output.scratch=tmp"]);
    let job = load("s3://lake/ids/dt={date}/").unwrap();
    let ListPath::Objects(list) = &job.accounts.path else { panic!("{:?}", job.accounts.path) };
    assert_eq!(list.objects.to_string(), "s3://lake/ids/dt=2026-11-22/");
    assert_eq!(list.scratch, Path::new("jobs/tmp"));
    assert_eq!(list.patience.outage_patience, job.retry.outage_patience);
    for (path, expected) in [
        ("s3://lake", None),
        ("s3://lake/ids.csv/", None),
        ("s3://lake/ids/{day}.csv", Some("contains \"{day}\"")),
        ("s3://lake/a.csv?sig=hunter2", Some("has a query or a fragment")),
        ("s3://hunter2:{x}@lake/a.csv", Some("contains a user name or password")),
        ("s3://lake/a**.csv", Some("is not a valid glob")),
        ("file:///data/a.csv", Some("write the path without file://")),
    ] {
        match (load(path), expected) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
            }
            (result, _) => panic!("{path}: {result:?}"),
        }
    }
    let text = full_with("format = \"csv\"\n", "");
    let error = super::load(&text, &["accounts.path=s3://lake/ids"]).unwrap_err();
    assert!(error.contains("or end accounts.path with / to read every object below it"), "{error}");
}

#[test]
fn a_list_in_the_prefix_of_the_output_is_refused() {
    const INSIDE: &str = "accounts.path: is inside output.path, which the run replaces";
    const INCLUDES: &str = "accounts.path: includes output.path, so that the snapshot would be";
    for (list, output, expected) in [
        ("s3://lake/out/a.csv", "s3://lake/out", INSIDE),
        ("s3://lake/out/", "s3://lake/out", INSIDE),
        ("s3://lake/out/_failed_accounts.tsv", "s3://lake/out/", INSIDE),
        ("cos://lake-1250000000/out/a.csv", "s3://lake-1250000000/out", INSIDE),
        ("s3://lake/", "s3://lake/out", INCLUDES),
        ("s3://lake/o*", "s3://lake/out", INCLUDES),
        ("s3://lake/*/_failed_accounts.tsv", "s3://lake/out", INCLUDES),
        ("s3://lake/out2/", "s3://lake/out", ""),
        ("s3://pond/", "s3://lake/out", ""),
        ("s3://lake/_x/../a.csv", "s3://lake/out", "accounts.path: has the component .."),
        ("s3://lake/", "s3://lake/_hidden/out", ""),
        ("s3://lake/out/a.csv", "out", ""),
        ("list.csv", "s3://lake/out", ""),
    ] {
        let keys = [format!("accounts.path={list}"), format!("output.path={output}")];
        let result = load(FULL, &[&keys[0], &keys[1]]);
        match expected {
            "" => assert!(result.is_ok(), "{list} {output}: {result:?}"),
            expected => {
                let error = result.unwrap_err();
                assert!(error.contains(expected), "{list} {output}: {error}");
            }
        }
    }
}
