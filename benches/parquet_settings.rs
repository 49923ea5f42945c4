//! Measures time and size of Parquet settings with the same rows: `cargo bench --bench parquet_settings`.
//!
//! `snapshot::parts::parquet_writer` has the chosen settings, `docs/performance.md` the results.

#![allow(clippy::unwrap_used)] // A failed setup is the failure report.
#![allow(clippy::print_stdout)] // The table is the result.

#[path = "../tests/integration/support/answer.rs"]
mod answer;

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use im_profiles::internals::RequestedTags;
use im_profiles::internals::RowBuilder;
use im_profiles::internals::parquet_properties as properties;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use rustix::time::{ClockId, clock_gettime};

use answer::{answer, columns, rows_of};

/// Two parts at the default size.
const ROWS: usize = 500_000;

/// Measurements per setting; the fastest counts.
const REPETITIONS: usize = 5;

fn main() {
    for tags in [5, 12] {
        let batches = batches(tags);
        println!("\n{ROWS} rows x {tags} tags\n");
        println!("| setting | CPU s per million rows | bytes per row |");
        println!("|---|---:|---:|");
        for (name, properties) in settings(&batches[0]) {
            let mut fastest = Duration::MAX;
            let mut bytes = 0;
            for _ in 0..REPETITIONS {
                let started = cpu_time();
                bytes = write(&batches, properties.clone());
                fastest = fastest.min(cpu_time() - started);
            }
            let seconds = fastest.as_secs_f64() * 1e6 / ROWS as f64;
            println!("| {name} | {seconds:.3} | {:.1} |", bytes as f64 / ROWS as f64);
        }
    }
}

fn settings(first_rows: &RecordBatch) -> Vec<(String, WriterProperties)> {
    let zstd = |level| Compression::ZSTD(ZstdLevel::try_new(level).unwrap());
    let of = |codec| properties(codec, first_rows);
    let base = || of(zstd(1));
    let for_free_texts =
        |set: fn(WriterPropertiesBuilder, ColumnPath) -> WriterPropertiesBuilder| {
            ["Nick", "Image", "SelfSignature"].iter().fold(base(), |settings, tag| {
                set(settings, ColumnPath::from(format!("Tag_Profile_IM_{tag}").as_str()))
            })
        };
    let mut settings = vec![("as exported".to_owned(), base())];
    for level in [-3, -1, 2, 3] {
        settings.push((format!("zstd level {level}"), of(zstd(level))));
    }
    settings.push(("snappy".to_owned(), of(Compression::SNAPPY)));
    settings.push(("not compressed".to_owned(), of(Compression::UNCOMPRESSED)));
    for rows in [50_000, 125_000, 500_000] {
        let row_groups = base().set_max_row_group_row_count(Some(rows));
        settings.push((format!("{rows} rows in a row group"), row_groups));
    }
    for kib in [64, 192, 240, 512, 1024] {
        let pages = base().set_data_page_size_limit(kib * 1024);
        settings.push((format!("pages of {kib} KiB"), pages));
    }
    for rows in [256, 4096] {
        let batches = base().set_write_batch_size(rows);
        settings.push((format!("{rows} values encoded at a time"), batches));
    }
    let account = || ColumnPath::from("account");
    for percent in [1, 5] {
        let filter = base().set_column_bloom_filter_fpp(account(), f64::from(percent) / 100.0);
        settings.push((format!("bloom filter of account with {percent} % errors"), filter));
    }
    let without = base().set_column_bloom_filter_enabled(account(), false);
    settings.push(("no bloom filter".to_owned(), without));
    let statistics = |level| base().set_statistics_enabled(level);
    let everywhere = for_free_texts(|settings, column| {
        settings.set_column_statistics_enabled(column, EnabledStatistics::Page)
    });
    settings.push(("statistics by page everywhere".to_owned(), everywhere));
    settings.push(("statistics by column chunk".to_owned(), statistics(EnabledStatistics::Chunk)));
    settings.push(("no statistics".to_owned(), statistics(EnabledStatistics::None)));
    for kib in [64, 256, 1024] {
        let everywhere =
            for_free_texts(|settings, column| settings.set_column_dictionary_enabled(column, true));
        let everywhere = everywhere.set_dictionary_page_size_limit(kib * 1024);
        settings.push((format!("dictionaries of up to {kib} KiB for all tags"), everywhere));
    }
    let none = Vec::from_iter(first_rows.schema_ref().fields().iter().map(|f| f.name().clone()));
    let none = none.into_iter().fold(base(), |settings, column| {
        settings.set_column_dictionary_enabled(ColumnPath::from(column.as_str()), false)
    });
    settings.push(("no dictionary anywhere".to_owned(), none));
    settings.into_iter().map(|(name, builder)| (name, builder.build())).collect()
}

fn write(batches: &[RecordBatch], properties: WriterProperties) -> usize {
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap().len()
}

/// The rows, in batches of the size that the exporter encodes.
fn batches(tags: usize) -> Vec<RecordBatch> {
    let columns = columns(tags);
    let requested = RequestedTags::new(columns.iter().map(|column| column.tag.as_str()));
    let mut rows = RowBuilder::new(&columns);
    let small: Vec<RecordBatch> = (0..ROWS / 100)
        .map(|call| rows_of(&answer(call * 100, tags), &requested, &mut rows))
        .collect();
    small.chunks(82).map(|some| concat_batches(some[0].schema_ref(), some).unwrap()).collect()
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
