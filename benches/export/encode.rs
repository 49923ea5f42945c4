//! Measures the CPU time of encoding prepared rows as Parquet with the encoder's default settings.

use std::fs::File;
use std::path::Path;

use arrow_array::RecordBatch;
use im_profiles::internals::ACCOUNT_COLUMN;
use im_profiles::internals::RowBuilder;
use im_profiles::internals::{Column, supported_types};
use im_profiles::internals::{RequestedTags, decode_response as decode};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

use crate::calls::{Calls, Line};
use crate::options::Floor;

const ROWS_PER_BATCH: usize = 8192;
const ROWS_PER_ROW_GROUP: usize = 125_000;

/// Fetches the rows, then measures encoding them and writing them to the disk.
pub fn cpu_seconds(runtime: &Runtime, floor: &Floor) -> f64 {
    let batches = runtime.block_on(fetch(floor));
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows as u64, floor.accounts);
    let path = floor.directory.join("floor.parquet");
    let before = process_cpu_seconds();
    write(&path, &batches);
    let seconds = process_cpu_seconds() - before;
    std::fs::remove_file(&path).unwrap();
    seconds
}

async fn fetch(floor: &Floor) -> Vec<RecordBatch> {
    let column = |tag: &String| Column {
        tag: tag.clone(),
        name: tag.clone(),
        column_type: supported_types(tag).unwrap()[0],
    };
    let mut rows = RowBuilder::new(&floor.tags.iter().map(column).collect::<Vec<_>>());
    let (mut batches, mut rows_gathered) = (Vec::new(), 0);
    let mut line = Line::open(&floor.base_url).await;
    let calls = Calls::new(floor.accounts, &floor.tags);
    let requested = RequestedTags::new(floor.tags.iter().map(String::as_str));
    while let Some((path, request)) = calls.take() {
        let body = line.call_and_read(&path, request).await;
        let answer = decode(str::from_utf8(&body).unwrap(), &requested).unwrap();
        for item in &answer.items {
            rows.push(&item.account, &answer.values[item.values.clone()], |_, _| {});
            rows_gathered += 1;
            if rows_gathered == ROWS_PER_BATCH {
                batches.push(rows.finish().unwrap());
                rows_gathered = 0;
            }
        }
    }
    batches.push(rows.finish().unwrap());
    batches
}

fn write(path: &Path, batches: &[RecordBatch]) {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap()))
        .set_max_row_group_row_count(Some(ROWS_PER_ROW_GROUP))
        .set_column_dictionary_enabled(ColumnPath::from(ACCOUNT_COLUMN), false)
        .build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.into_inner().unwrap().sync_all().unwrap();
}

fn process_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
