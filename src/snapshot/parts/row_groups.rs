//! The row groups of a Parquet file, one after another.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::column_encoder::{ColumnChunk, ColumnSettings, PageCompressor};

/// Writes the row groups of a file. One is kept in memory until it ends.
#[derive(Debug)]
pub struct RowGroups<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    schema: SchemaRef,
    settings: Vec<ColumnSettings>,
    compressor: PageCompressor,
    max_rows: usize,
    max_bytes: usize,
    rows: usize,
    /// Of the current row group; empty between row groups.
    columns: Vec<ColumnChunk>,
}

impl<W: Write + Send> RowGroups<W> {
    /// A row group ends with the rows that `properties` allow, or with `max_bytes`.
    pub fn new(
        out: W,
        schema: &SchemaRef,
        mut properties: WriterProperties,
        compressor: PageCompressor,
        max_bytes: usize,
    ) -> Result<RowGroups<W>, ParquetError> {
        let fields = schema.fields().iter();
        let settings = fields.map(|field| column_settings(&properties, field.name())).collect();
        let max_rows = properties.max_row_group_row_count().unwrap_or(usize::MAX);
        let root = ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr();
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        Ok(RowGroups {
            writer: SerializedFileWriter::new(out, root, Arc::new(properties))?,
            schema: Arc::clone(schema),
            settings,
            compressor,
            max_rows,
            max_bytes,
            rows: 0,
            columns: Vec::new(),
        })
    }

    /// Adds rows. Each column takes them all before the next one.
    pub fn write(&mut self, batches: &[RecordBatch]) -> Result<(), ParquetError> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let room = self.max_rows - self.rows;
        if rows > room {
            let (head, tail) = split(batches, room);
            self.write(&head)?;
            self.flush()?;
            return self.write(&tail);
        }
        if rows == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.new_columns()?;
        }
        for (index, column) in self.columns.iter_mut().enumerate() {
            for batch in batches {
                column.append(batch.column(index), &mut self.compressor)?;
            }
        }
        self.rows += rows;
        let bytes = self.columns.iter().map(ColumnChunk::encoded_bytes).sum::<usize>();
        if self.rows == self.max_rows || bytes >= self.max_bytes { self.flush() } else { Ok(()) }
    }

    /// Ends the current row group.
    pub fn flush(&mut self) -> Result<(), ParquetError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut row_group = self.writer.next_row_group()?;
        for column in self.columns.drain(..) {
            let (pages, metadata) = column.close(&mut self.compressor)?.into_parts()?;
            row_group.append_column(&pages, metadata)?;
        }
        row_group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Completes the file.
    pub fn finish(mut self) -> Result<W, ParquetError> {
        self.flush()?;
        self.writer.into_inner()
    }

    fn new_columns(&self) -> Result<Vec<ColumnChunk>, ParquetError> {
        let columns = self.writer.schema_descr().columns().iter();
        let types = self.schema.fields().iter().map(|field| field.data_type());
        let columns = columns.zip(types).zip(&self.settings);
        columns
            .map(|((column, of), settings)| ColumnChunk::new(Arc::clone(column), of, settings))
            .collect()
    }
}

fn column_settings(properties: &WriterProperties, name: &str) -> ColumnSettings {
    let path = ColumnPath::from(name);
    let has_dictionary = properties.dictionary_enabled(&path);
    let filter = properties.bloom_filter_properties(&path);
    ColumnSettings {
        compression: properties.compression(&path),
        page_bytes: properties.column_data_page_size_limit(&path),
        dictionary_bytes: has_dictionary
            .then(|| properties.column_dictionary_page_size_limit(&path)),
        has_statistics: properties.statistics_enabled(&path) != EnabledStatistics::None,
        bloom_filter: filter.map(|filter| (filter.ndv(), filter.fpp())),
    }
}

/// The first `rows` rows, and the others.
fn split(batches: &[RecordBatch], rows: usize) -> (Vec<RecordBatch>, Vec<RecordBatch>) {
    let (mut head, mut tail, mut room) = (Vec::new(), Vec::new(), rows);
    for batch in batches {
        let rows = batch.num_rows().min(room);
        head.push(batch.slice(0, rows));
        tail.push(batch.slice(rows, batch.num_rows() - rows));
        room -= rows;
    }
    (head, tail)
}

#[cfg(test)]
mod tests;
