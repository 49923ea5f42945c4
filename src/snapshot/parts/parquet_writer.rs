//! Writes a part as Parquet. The bytes depend only on the rows.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::dictionary_estimate::dictionary_pays;
use super::file_writer::{PartError, encode_error};
use crate::job::Compression;
use crate::table::rows::{ACCOUNT_COLUMN, value_bytes};
use crate::util::staged_file::StagedFile;

/// Rows in a row group: one group in a part of the default size, unless rows are wide ([`ROW_GROUP_BYTES`]).
const ROWS_PER_ROW_GROUP: usize = 250_000;

/// The largest dictionary of a column. Where the first rows show that it would be larger, the column has none.
const DICTIONARY_BYTES: usize = 1024 * 1024;

/// Bytes of a page before compression, at least: the rows of an encoding step may double them. Below 256 KiB, zstd looks for
/// shorter repetitions, so texts become smaller than in pages of the usual 1 MiB, and a page stays in the cache of a core.
const PAGE_BYTES: usize = 126 * 1024;

/// The writer of the file, in the form of the Parquet format: `NAME version VERSION (build HASH)`. Spark, Hive and Flink
/// warn about every file of another form.
const CREATED_BY: &str = concat!(
    "im-profiles version ",
    env!("CARGO_PKG_VERSION"),
    " (build ",
    env!("IM_PROFILES_BUILD"),
    ")"
);

/// Rows that are encoded together: while a column is encoded, its dictionary and the tables of zstd stay in the cache.
const ROWS_PER_BATCH: usize = 8192;

/// Rows are encoded earlier if their values hold this many bytes.
const BATCH_BYTES: usize = 1024 * 1024;

/// A row group, which is kept in memory, ends early at this encoded size.
const ROW_GROUP_BYTES: usize = 7 * 1024 * 1024;

/// Share of the row groups without an account that its bloom filter does not exclude: 128 KiB for a full row group, half a
/// byte per row, and readers that look an account up read a third. A twentieth costs twice as much.
const BLOOM_FILTER_ERRORS: f64 = 0.3;

/// Settings that `benches/parquet_settings` has shown to be fast and small, for a file with these first rows.
pub fn properties(codec: Codec, first_rows: &RecordBatch) -> WriterPropertiesBuilder {
    let mut settings = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(codec)
        .set_max_row_group_row_count(Some(ROWS_PER_ROW_GROUP))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Page)
        // Sized for a full row group, and folded to fit the rows when the row group ends.
        .set_column_bloom_filter_fpp(ColumnPath::from(ACCOUNT_COLUMN), BLOOM_FILTER_ERRORS);
    for (field, column) in first_rows.schema_ref().fields().iter().zip(first_rows.columns()) {
        let is_account = field.name() == ACCOUNT_COLUMN;
        if !is_account && dictionary_pays(column, ROWS_PER_ROW_GROUP, DICTIONARY_BYTES) {
            continue;
        }
        let path = ColumnPath::from(field.name().as_str());
        settings = settings.set_column_dictionary_enabled(path.clone(), false);
        // Minimum and maximum of mostly distinct texts exclude no rows. Accounts may be sorted.
        if !is_account && matches!(field.data_type(), DataType::Utf8 | DataType::Binary) {
            settings = settings.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    settings
}

/// Writes one Parquet file.
#[derive(Debug)]
pub struct ParquetPartWriter {
    path: PathBuf,
    schema: SchemaRef,
    codec: Codec,
    /// Until the first rows have shown which settings fit them.
    file: Option<StagedFile>,
    writer: Option<ArrowWriter<StagedFile>>,
    collected: Vec<RecordBatch>,
    collected_rows: usize,
    collected_bytes: usize,
}

impl ParquetPartWriter {
    /// Writes into `file`.
    pub fn new(
        file: StagedFile,
        schema: &SchemaRef,
        compression: Compression,
    ) -> ParquetPartWriter {
        let codec = match compression {
            Compression::None => Codec::UNCOMPRESSED,
            Compression::Snappy => Codec::SNAPPY,
            Compression::Gzip => Codec::GZIP(GzipLevel::default()),
            Compression::Zstd => Codec::ZSTD(ZstdLevel::default()),
        };
        ParquetPartWriter {
            path: file.path().to_owned(),
            schema: schema.clone(),
            codec,
            file: Some(file),
            writer: None,
            collected: Vec::new(),
            collected_rows: 0,
            collected_bytes: 0,
        }
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
        let in_progress = self.writer.as_ref().map_or(0, ArrowWriter::in_progress_size);
        if in_progress < ROW_GROUP_BYTES { Ok(()) } else { self.flush() }
    }

    /// Ends the current row group.
    pub fn flush(&mut self) -> Result<(), PartError> {
        self.encode_collected()?;
        let flushed = self.writer.as_mut().map_or(Ok(()), ArrowWriter::flush);
        flushed.map_err(encode_error(&self.path))
    }

    /// Completes the file.
    pub fn finish(mut self) -> Result<StagedFile, PartError> {
        self.encode_collected()?;
        if self.file.is_some() {
            self.encode(&RecordBatch::new_empty(self.schema.clone()))?;
        }
        let failed = || ParquetError::General("the file could not be started".to_owned());
        let file = self.writer.ok_or_else(failed).and_then(ArrowWriter::into_inner);
        file.map_err(encode_error(&self.path))
    }

    fn encode_collected(&mut self) -> Result<(), PartError> {
        if self.collected.is_empty() {
            return Ok(());
        }
        let rows =
            concat_batches(&self.schema, &self.collected).map_err(encode_error(&self.path))?;
        self.collected.clear();
        (self.collected_rows, self.collected_bytes) = (0, 0);
        self.encode(&rows)
    }

    fn encode(&mut self, rows: &RecordBatch) -> Result<(), PartError> {
        if let Some(file) = self.file.take() {
            let settings = properties(self.codec, rows).build();
            let writer = ArrowWriter::try_new(file, self.schema.clone(), Some(settings));
            self.writer = Some(writer.map_err(encode_error(&self.path))?);
        }
        let encoded = self.writer.as_mut().map_or(Ok(()), |writer| writer.write(rows));
        encoded.map_err(encode_error(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};
    use parquet::bloom_filter::Sbbf;
    use parquet::file::metadata::ColumnChunkMetaData;
    use parquet::file::properties::ReaderProperties;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::serialized_reader::ReadOptionsBuilder;

    use super::*;

    /// The filter of the accounts of a file of one row group, with its size.
    fn bloom_filter(rows: usize) -> (Sbbf, i32) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("part-00000.parquet");
        let texts = || (0..rows).map(|row| format!("account {row}"));
        let column = || -> ArrayRef { Arc::new(StringArray::from_iter_values(texts())) };
        let batch =
            RecordBatch::try_from_iter([(ACCOUNT_COLUMN, column()), ("nick", column())]).unwrap();
        let file = StagedFile::create(path.clone()).unwrap();
        let mut part = ParquetPartWriter::new(file, &batch.schema(), Compression::Zstd);
        part.write(batch).unwrap();
        part.finish().unwrap().commit().unwrap();

        let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        let file = std::fs::File::open(path).unwrap();
        let reader = SerializedFileReader::new_with_options(file, options).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 1);
        let row_group = reader.get_row_group(0).unwrap();
        assert!(row_group.get_column_bloom_filter(1).is_none());
        let size = ColumnChunkMetaData::bloom_filter_length(row_group.metadata().column(0));
        (row_group.get_column_bloom_filter(0).unwrap().clone(), size.unwrap())
    }

    #[test]
    fn a_bloom_filter_excludes_most_accounts_that_are_not_in_the_row_group() {
        for (rows, max_bytes) in [(1, 64), (1_000, 600), (100_000, 66_000)] {
            let (filter, bytes) = bloom_filter(rows);
            assert!(bytes <= max_bytes, "{bytes} bytes for {rows} rows");
            assert!((0..rows).all(|row| filter.check(&format!("account {row}").as_str())));
            let found = (0..10_000).filter(|n| filter.check(&format!("other {n}").as_str()));
            let share = found.count() as f64 / 10_000.0;
            assert!(share < 1.2 * BLOOM_FILTER_ERRORS, "{share} for {rows} rows");
        }
    }
}
