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

/// Share of the row groups without an account that its bloom filter does not exclude: 128 KiB for a full row group, half a
/// byte per row, and readers that look an account up read a third. A twentieth costs twice as much.
const BLOOM_FILTER_ERRORS: f64 = 0.3;

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
        // Sized for a full row group, and folded to fit the rows when the row group ends.
        .set_column_bloom_filter_fpp(ColumnPath::from(ACCOUNT_COLUMN), BLOOM_FILTER_ERRORS)
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
        let mut part = ParquetPartWriter::create(file, &batch.schema(), Compression::Zstd).unwrap();
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
