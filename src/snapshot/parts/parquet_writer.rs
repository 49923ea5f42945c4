//! Writes a part as Parquet. The bytes depend only on the rows.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::file_writer::{PartError, encode_error};
use crate::job::Compression;
use crate::table::rows::{ACCOUNT_COLUMN, value_bytes};
use crate::util::staged_file::StagedFile;

/// Rows in a row group: one group in a part of the default size, unless rows are wide ([`ROW_GROUP_BYTES`]).
const ROWS_PER_ROW_GROUP: usize = 250_000;

/// A column whose dictionary grows beyond this size has mostly distinct values and is written plain from there on: faster
/// and smaller than with the usual limit of 1 MiB.
const DICTIONARY_BYTES: usize = 256 * 1024;

/// The writer of the file, in the form of the Parquet format: `NAME version VERSION (build HASH)`. Spark, Hive and Flink
/// warn about every file of another form.
const CREATED_BY: &str = concat!(
    "im-profiles version ",
    env!("CARGO_PKG_VERSION"),
    " (build ",
    env!("IM_PROFILES_BUILD"),
    ")"
);

/// Rows that are encoded together, because each batch costs as much as many rows.
const ROWS_PER_BATCH: usize = 4096;

/// Rows are encoded earlier if their values hold this many bytes.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// A row group, which is kept in memory, ends early at this encoded size.
const ROW_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Settings that `benches/parquet_settings` has shown to be fast and small.
pub fn properties(codec: Codec) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec)
        .set_max_row_group_row_count(Some(ROWS_PER_ROW_GROUP))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        // Accounts are distinct, so a dictionary only costs time.
        .set_column_dictionary_enabled(ColumnPath::from(ACCOUNT_COLUMN), false)
}

/// Writes one Parquet file.
#[derive(Debug)]
pub struct ParquetPartWriter {
    path: PathBuf,
    writer: ArrowWriter<StagedFile>,
    collected: Vec<RecordBatch>,
    collected_rows: usize,
    collected_bytes: usize,
}

impl ParquetPartWriter {
    /// Starts the file.
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        compression: Compression,
    ) -> Result<ParquetPartWriter, PartError> {
        let path = file.path().to_owned();
        let codec = match compression {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        };
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties(codec).build()))
            .map_err(encode_error(&path))?;
        Ok(ParquetPartWriter {
            path,
            writer,
            collected: Vec::new(),
            collected_rows: 0,
            collected_bytes: 0,
        })
    }

    /// Adds rows; they are encoded in batches.
    pub fn write(&mut self, rows: RecordBatch) -> Result<(), PartError> {
        self.collected_rows += rows.num_rows();
        self.collected_bytes += value_bytes(&rows);
        self.collected.push(rows);
        if self.collected_rows < ROWS_PER_BATCH && self.collected_bytes < BATCH_BYTES {
            return Ok(());
        }
        self.encode_collected()?;
        if self.writer.in_progress_size() < ROW_GROUP_BYTES { Ok(()) } else { self.flush() }
    }

    /// Ends the current row group.
    pub fn flush(&mut self) -> Result<(), PartError> {
        self.encode_collected()?;
        self.writer.flush().map_err(encode_error(&self.path))
    }

    /// Completes the file.
    pub fn finish(mut self) -> Result<StagedFile, PartError> {
        self.encode_collected()?;
        self.writer.into_inner().map_err(encode_error(&self.path))
    }

    fn encode_collected(&mut self) -> Result<(), PartError> {
        let Some(first) = self.collected.first() else { return Ok(()) };
        let rows = concat_batches(first.schema_ref(), &self.collected)
            .map_err(encode_error(&self.path))?;
        self.collected.clear();
        (self.collected_rows, self.collected_bytes) = (0, 0);
        self.writer.write(&rows).map_err(encode_error(&self.path))
    }
}
