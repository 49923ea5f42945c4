//! A part as Parquet. Nothing in the file differs from run to run.

use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::file_writer::{PartError, encode_error};
use crate::snapshot::settings::Compression;
use crate::table::rows::{ACCOUNT_COLUMN, value_bytes};
use crate::util::staged_file::{FileInfo, StagedFile};

/// Rows in a row group: one group in a part of the default size, unless rows are wide ([`ROW_GROUP_BYTES`]).
const ROWS_PER_ROW_GROUP: usize = 250_000;

/// A column whose dictionary grows beyond this has values of its own for most accounts, and is written plain from there:
/// faster than the format's usual 1 MiB, and smaller.
const DICTIONARY_BYTES: usize = 256 * 1024;

/// What a reader sees as the writer of the file.
const CREATED_BY: &str = concat!("im-profiles ", env!("CARGO_PKG_VERSION"));

/// Rows that go to the encoder together: its cost for each batch is that of many rows.
const ROWS_PER_BATCH: usize = 4096;

/// Rows go to the encoder earlier when their values hold so much.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// A row group ends early when so much of it is encoded: until then it is kept in memory.
const ROW_GROUP_BYTES: usize = 8 * 1024 * 1024;

/// How parts are written: what `benches/parquet_settings` has shown to be fast and small.
pub fn properties(codec: Codec) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec)
        .set_max_row_group_row_count(Some(ROWS_PER_ROW_GROUP))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        // Accounts are distinct: a dictionary of them is only a detour.
        .set_column_dictionary_enabled(ColumnPath::from(ACCOUNT_COLUMN), false)
}

/// A Parquet file being written.
#[derive(Debug)]
pub struct ParquetPartWriter {
    path: PathBuf,
    writer: ArrowWriter<StagedFile>,
    collected: Vec<RecordBatch>,
    gathered_rows: usize,
    gathered_bytes: usize,
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
            gathered_rows: 0,
            gathered_bytes: 0,
        })
    }

    /// Adds rows.
    pub fn write(&mut self, rows: RecordBatch) -> Result<(), PartError> {
        self.gathered_rows += rows.num_rows();
        self.gathered_bytes += value_bytes(&rows);
        self.collected.push(rows);
        if self.gathered_rows < ROWS_PER_BATCH && self.gathered_bytes < BATCH_BYTES {
            return Ok(());
        }
        self.encode_collected()?;
        if self.writer.in_progress_size() < ROW_GROUP_BYTES { Ok(()) } else { self.flush() }
    }

    /// Ends the row group at hand.
    pub fn flush(&mut self) -> Result<(), PartError> {
        self.encode_collected()?;
        self.writer.flush().map_err(encode_error(&self.path))
    }

    /// Ends the file and makes it durable.
    pub fn commit(mut self) -> Result<FileInfo, PartError> {
        self.encode_collected()?;
        let file = self.writer.into_inner().map_err(encode_error(&self.path))?;
        Ok(file.commit()?)
    }

    fn encode_collected(&mut self) -> Result<(), PartError> {
        let Some(first) = self.collected.first() else { return Ok(()) };
        let rows = concat_batches(first.schema_ref(), &self.collected)
            .map_err(encode_error(&self.path))?;
        self.collected.clear();
        (self.gathered_rows, self.gathered_bytes) = (0, 0);
        self.writer.write(&rows).map_err(encode_error(&self.path))
    }
}
