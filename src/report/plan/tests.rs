use super::super::size::SizeBasis;
use super::*;
use crate::accounts::{DuplicateRemoval, RecordUnit};

fn plan() -> Plan {
    Plan {
        job: "sample".to_owned(),
        date: "2026-11-22".to_owned(),
        snapshot: "/here/exports/dt=2026-11-22".to_owned(),
        account_list: ListCounts {
            spooled: None,
            files: 1,
            accounts_in_list: 12_000,
            duplicate_removal: DuplicateRemoval::Exact,
            accounts_to_request: 11_973,
            distinct_accounts: Some(11_973),
            duplicates: 20,
            invalid: 7,
            first_invalid: vec![InvalidEntry {
                file: None,
                unit: RecordUnit::Line,
                line: 7347,
                account: "\u{1b}[31m".to_owned() + &"x".repeat(90),
                reason: "has 95 bytes, but the service allows 32".to_owned(),
            }],
        },
        calls: 120,
        parts: 3,
        accounts_per_part: 5_000,
        calls_per_second: 200,
        minimum_seconds: minimum_seconds(120, 200),
        size: SizeEstimate {
            expected_bytes: 526_812,
            bytes_per_row: 44.0,
            size_basis: SizeBasis::ColumnTypes,
            size_basis_snapshot: None,
        },
        free_bytes: Some(500_000),
        scratch: None,
        snapshot_exists: false,
        if_exists: "replace",
        resume: Resume::new_run(RemainingWork {
            accounts_left: 11_973,
            calls_left: 120,
            parts_left: 3,
        }),
        run_at_work: None,
        problems: Vec::new(),
        refusal: None,
        exit_code: 0,
    }
}

#[test]
fn the_text_lists_counts_size_and_resume_state() {
    insta::assert_snapshot!(plan().to_text(Path::new("/here")), @r#"
    Plan of sample, to exports/dt=2026-11-22
      accounts      12,000 in the list
      distinct      11,973
      duplicates    20
      invalid       7
                    on line 7347, "\u{1b}[31mxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"… has 95 bytes, but the service allows 32
                    and more
      calls         120
      parts         3 of up to 5,000 accounts
      minimum time  600 ms at 200 calls per second
      size          about 514.46 KiB, 44 bytes per row, estimated from the types of the columns
      free          488.28 KiB, which is too little
      snapshot      does not exist yet
      resume        no unfinished run; a new run starts
    "#);
}

#[test]
fn a_plan_says_which_duplicates_remain() {
    let texts = |duplicate_removal| {
        let list = ListCounts { duplicate_removal, distinct_accounts: None, ..plan().account_list };
        [list.distinct_text(), list.duplicates_text()]
    };
    assert_eq!(
        texts(DuplicateRemoval::Adjacent),
        ["not counted, at most 11,973", "20 adjacent, others are not removed"]
    );
    assert_eq!(texts(DuplicateRemoval::None), ["not counted, at most 11,973", "not removed"]);
}

#[test]
fn every_resume_state_has_its_text() {
    let resume = |state, left| Resume {
        state,
        started_at: Some("2026-11-22T03:00:00Z".to_owned()),
        parts_committed: 2,
        bytes_committed: 300_000,
        left,
        minimum_seconds_left: Some(100.0),
    };
    let left = RemainingWork { accounts_left: 1_973, calls_left: 20, parts_left: 1 };
    let texts: Vec<String> = [
        (ResumeState::Resumes, Some(left)),
        (ResumeState::RetriesFailed, Some(left)),
        (ResumeState::Publishes, Some(RemainingWork::default())),
        (ResumeState::HeldBack, Some(RemainingWork::default())),
        (ResumeState::HasPublished, Some(RemainingWork::default())),
        (ResumeState::Refused, None),
    ]
    .into_iter()
    .map(|(state, left)| resume(state, left).to_text())
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @"
    resumes the run of 2026-11-22T03:00:00Z: 2 parts done, 1,973 accounts in 20 calls and 1 part left, at least 1 min 40 s
    retries the failed accounts of the run of 2026-11-22T03:00:00Z: 1,973 accounts in 20 calls and 1 part left, at least 1 min 40 s
    the run of 2026-11-22T03:00:00Z has all responses and only publishes
    the run of 2026-11-22T03:00:00Z has all responses, but a limit prevents publishing
    the run of 2026-11-22T03:00:00Z has published; only its work directory is removed
    the unfinished run cannot be resumed
    ");
}

#[test]
fn committed_parts_need_no_more_free_space() {
    let mut plan = plan();
    plan.resume.bytes_committed = 300_000;
    assert_eq!(plan.free_text(), "488.28 KiB");
    plan.scratch = Some(PlannedScratch { directory: "/tmp/x".to_owned(), expected_bytes: 100_000 });
    plan.resume.bytes_committed = 0;
    insta::assert_snapshot!(plan.free_text(), @"488.28 KiB in /tmp/x, where parts take 97.66 KiB until they are uploaded");
    plan.free_bytes = None;
    assert_eq!(plan.free_text(), "unknown");
}

#[test]
fn minimum_time_is_absent_without_a_rate_limit() {
    assert_eq!(minimum_seconds(120, 0), None);
    assert_eq!(minimum_seconds(1_000_000, 200), Some(5_000.0));
}

#[test]
fn json_is_one_line_with_these_keys() {
    let json = plan().to_json();
    assert!(!json.contains('\n'));
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let keys: Vec<&str> = read.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"accounts_in_list accounts_per_part accounts_to_request bytes_per_row calls calls_per_second date distinct_accounts duplicate_removal duplicates exit_code expected_bytes files first_invalid free_bytes if_exists invalid job minimum_seconds parts problems refusal resume run_at_work size_basis size_basis_snapshot snapshot snapshot_exists");
    let keys: Vec<&str> = read["resume"].as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"accounts_left bytes_committed calls_left minimum_seconds_left parts_committed parts_left started_at state");
}
