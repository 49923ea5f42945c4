//! Measures each step of a row's path: `cargo bench --bench parts`.
//!
//! The response has 100 accounts and is written as the service writes it. Throughput refers to its whole size in every step, so that
//! steps are comparable.

#![allow(clippy::unwrap_used)] // A failed setup is the failure report.

#[path = "../tests/integration/support/answer.rs"]
mod answer;
#[path = "export/answer.rs"]
mod by_serde;

use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use im_profiles::internals::Compression;
use im_profiles::internals::ParquetPartWriter;
use im_profiles::internals::RateLimiter;
use im_profiles::internals::RowBuilder;
use im_profiles::internals::StagedFile;
use im_profiles::internals::reconcile;
use im_profiles::internals::schema;
use im_profiles::internals::{AccountList, DuplicateRemoval, ListPath, ListSource};
use im_profiles::internals::{RequestedTags, decode_response as decode};

use answer::{Response, answer, columns, first_answer, rows_of};

/// Lines of the scanned list.
const LIST_LINES: u64 = 1_000_000;

/// Responses in the encoded part.
const RESPONSES_PER_PART: usize = 1_250;

fn decoding(criterion: &mut Criterion) {
    for (tags, is_escaped) in [(5, false), (5, true), (12, false)] {
        let columns = columns(tags);
        let requested = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
        let Response { accounts, body } = first_answer(is_escaped, tags);
        let escapes = if is_escaped { ", \\uXXXX" } else { "" };
        let mut group =
            criterion.benchmark_group(format!("response of 100 accounts x {tags} tags{escapes}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("utf8", |bencher| {
            bencher.iter(|| simdutf8::basic::from_utf8(black_box(body.as_bytes())).is_ok());
        });
        group.bench_function("decode", |bencher| {
            bencher.iter(|| decode(black_box(&body), &requested).unwrap().values.len());
        });
        group.bench_function("sonic-rs instead", |bencher| {
            bencher.iter(|| by_serde::by_sonic_rs(black_box(body.as_bytes())));
        });
        group.bench_function("serde_json instead", |bencher| {
            bencher.iter(|| by_serde::by_serde_json(black_box(body.as_bytes())));
        });
        let decoded = decode(&body, &requested).unwrap();
        group.bench_function("reconcile", |bencher| {
            bencher.iter(|| reconcile(black_box(&accounts), &decoded).len());
        });
        let mut reversed = accounts.clone();
        reversed.reverse();
        group.bench_function("reconcile, out of order", |bencher| {
            bencher.iter(|| reconcile(black_box(&reversed), &decoded).len());
        });
        let mut rows = RowBuilder::new(&columns);
        group.bench_function("build rows", |bencher| {
            bencher.iter(|| {
                for item in &decoded.items {
                    rows.push(&item.account, &decoded.values[item.values.clone()], |_, _| {});
                }
                rows.finish().unwrap().num_rows()
            });
        });
        group.finish();
    }
}

fn encoding(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    for tags in [5, 12] {
        let columns = columns(tags);
        let schema = schema(&columns);
        let requested = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
        let mut rows = RowBuilder::new(&columns);
        let batches: Vec<_> = (0..RESPONSES_PER_PART)
            .map(|call| rows_of(&answer(call * 100, tags), &requested, &mut rows))
            .collect();
        let mut group = criterion.benchmark_group(format!("part x {tags} tags"));
        group.sample_size(10).throughput(Throughput::Elements(RESPONSES_PER_PART as u64));
        group.bench_function("encode 125,000 rows", |bencher| {
            let file = || StagedFile::create(directory.path().join("part-00000.parquet")).unwrap();
            bencher.iter_batched(
                || ParquetPartWriter::new(file(), &schema, Compression::Zstd),
                |mut part| {
                    for rows in &batches {
                        part.write(rows.clone()).unwrap();
                    }
                    part.finish().unwrap().commit().unwrap()
                },
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
}

fn scanning(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accounts.txt");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for line in 0..LIST_LINES {
        writeln!(file, "user_{line:09}").unwrap();
    }
    drop(file);
    let source = ListSource {
        path: ListPath::File(path),
        format: None,
        column: None,
        duplicates: DuplicateRemoval::Exact,
        memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
    };
    let list = AccountList::open(&source, directory.path()).unwrap();
    let mut group = criterion.benchmark_group("list of 1,000,000 lines");
    group.sample_size(10).throughput(Throughput::Elements(LIST_LINES));
    let scan = || list.scan(&mut |_| Ok(()), &mut |_| {}).unwrap();
    group.bench_function("first pass", |bencher| bencher.iter(|| scan().valid));
    let scanned = scan();
    group.bench_function("second pass", |bencher| {
        bencher.iter(|| {
            let mut accounts = list.distinct(&scanned).unwrap();
            let mut bytes = 0;
            while let Some(account) = accounts.next_account().unwrap() {
                bytes += account.name.len();
            }
            bytes
        });
    });
    group.finish();
}

fn rate_limiting(criterion: &mut Criterion) {
    criterion.bench_function("rate limiter, per call", |bencher| {
        let clock = Arc::new(AtomicU64::new(0));
        let now = |clock: &AtomicU64| Duration::from_nanos(clock.load(Ordering::Relaxed));
        let departures = Arc::clone(&clock);
        let mut limiter = RateLimiter::new(200, move || now(&departures));
        bencher.iter(|| {
            while let Err(wait) = limiter.take(black_box(now(&clock))) {
                let nanos = u64::try_from(wait.as_nanos()).unwrap();
                clock.fetch_add(nanos, Ordering::Relaxed);
            }
        });
    });
}

criterion_group!(parts, decoding, encoding, scanning, rate_limiting);
criterion_main!(parts);
