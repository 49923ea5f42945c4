//! The table against the reference, and against the rest of the source.

use std::path::Path;

use super::Class::{BadBatch, Fatal, Permanent, Retry, Throttle};
use super::*;

/// Section 5 of `docs/im-rest-api.md` by class.
const REFERENCE: &[(Class, &[i64])] = &[
    (Retry, &[40006, 60004, 60005, 60008, 60013, 60014, 70169, 70202, 70500, 90992, 91000]),
    (Throttle, &[60007, 60011, 60018, 60019, 70050, 70114, 72010]),
    (
        Fatal,
        &[
            40004, 40007, 40008, 40009, 60006, 60009, 60010, 60012, 60016, 60017, 60020, 60021,
            60025, 60026, 60027, 60028, 70001, 70002, 70003, 70004, 70005, 70006, 70007, 70008,
            70009, 70010, 70013, 70014, 70016, 70020, 70051, 70052, 70346, 70398, 70403, 70404,
            71000, 72000, 72001, 72002, 72011, 72012, 80005,
        ],
    ),
    (BadBatch, &[40001, 40002, 40610, 60002, 60003, 60015, 70206, 70402]),
    (Permanent, &[40003, 40005, 40601, 40605, 70107, 70399]),
];

#[test]
fn every_code_has_the_class_of_the_reference() {
    let mut checked = 0;
    for (class, codes) in REFERENCE {
        for &code in *codes {
            assert_eq!(ErrorCodeRule::for_code(code).class, *class, "{code}");
            checked += 1;
        }
    }
    assert_eq!(checked, RULES.len(), "a code is in the table and not in the test");
}

#[test]
fn codes_are_in_ascending_order_and_each_once() {
    assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
}

#[test]
fn codes_requiring_renewal() {
    let renewed: Vec<i64> =
        RULES.iter().filter(|rule| rule.renews_signature).map(|rule| rule.code).collect();
    assert_eq!(
        renewed,
        [60004, 60005, 70001, 70003, 70004, 70005, 70006, 70007, 70008, 70009, 70010, 70052, 70346]
    );
}

#[test]
fn limited_tries_end_in_the_class_of_the_reference() {
    for (code, tries, then) in [(60008, 5, BadBatch), (70050, 1, Fatal)] {
        let rule = ErrorCodeRule::for_code(code);
        assert_eq!(rule.class_after(tries - 1), rule.class, "{code}");
        assert_eq!(rule.class_after(tries), then, "{code}");
    }
    for code in [40006, 60004, 60005, 60013] {
        assert_eq!(ErrorCodeRule::for_code(code).class_after(1000), Retry, "{code}");
    }
}

#[test]
fn undocumented_codes_are_retried() {
    for code in [60099, 79999, -10113, 1] {
        assert_eq!(ErrorCodeRule::for_code(code).class_after(1000), Retry, "{code}");
    }
    assert_eq!(ErrorCodeRule::for_code(40999).class_after(2), Retry);
    assert_eq!(ErrorCodeRule::for_code(40999).class_after(3), BadBatch);
}

/// Every code that blames something in particular.
const FAULTS: &[(Fault, &[i64])] = &[
    (Fault::Region, &[60026]),
    (Fault::App, &[60006, 60012, 70016, 70020]),
    (Fault::Key, &[70009]),
    (Fault::Administrator, &[40004, 60010, 70051, 70403]),
    (Fault::Clock, &[70001]),
    (Fault::Revocation, &[70052]),
    (
        Fault::Signature,
        &[60004, 60005, 70002, 70003, 70004, 70005, 70006, 70007, 70008, 70010, 70050, 70346],
    ),
    (Fault::Identifier, &[70013]),
    (Fault::SdkAppId, &[70014]),
    (
        Fault::PlanOrState,
        &[60016, 60017, 60020, 60027, 60028, 70398, 72000, 72001, 72002, 72011, 72012, 80005],
    ),
    (Fault::Address, &[60021]),
    (Fault::Rate, &[60007, 60011, 60018, 60019, 70114, 72010]),
    (Fault::Tag, &[40007, 40009]),
    (Fault::UnknownAccount, &[40003, 70107]),
];

#[test]
fn every_code_blames_what_the_reference_says() {
    for rule in RULES {
        let listed = FAULTS.iter().find(|(_, codes)| codes.contains(&rule.code));
        let expected = listed.map_or(Fault::Unspecified, |(fault, _)| *fault);
        assert_eq!(rule.fault, expected, "{}", rule.code);
        assert!(!rule.meaning.is_empty() && !rule.remedy.is_empty(), "{}", rule.code);
    }
    let listed: usize = FAULTS.iter().map(|(_, codes)| codes.len()).sum();
    let blaming = RULES.iter().filter(|rule| rule.fault != Fault::Unspecified).count();
    assert_eq!(listed, blaming, "a code is listed twice, or is not in the table");
}

#[test]
fn a_code_decides_nothing_outside_of_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = Vec::new();
    collect_uses(&source, &mut uses);
    assert!(uses.is_empty(), "use the rule of the code instead:\n{}", uses.join("\n"));
}

/// Appends the lines of production code under `directory` with a documented code outside of texts. The emulator plays the
/// service, so it has to know its codes.
fn collect_uses(directory: &Path, uses: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["emulator", "error_codes", "tests"].contains(&name) {
                collect_uses(&path, uses);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
            let lines = lines.filter(|line| !line.trim_start().starts_with("//"));
            let lines = lines.filter(|line| holds_code(line));
            uses.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
}

fn holds_code(line: &str) -> bool {
    let code = line.split('"').step_by(2);
    let words =
        code.flat_map(|code| code.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
    let mut numbers = words.filter_map(|word| word.replace('_', "").parse::<i64>().ok());
    numbers.any(|number| RULES.iter().any(|rule| rule.code == number))
}
