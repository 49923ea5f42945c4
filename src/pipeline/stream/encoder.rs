//! Encodes batches as Arrow IPC, CSV or NDJSON.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Metadata, Schema, SchemaRef};
use clap::ValueEnum;

use crate::table::Column;
use crate::table::cells::ndjson;
use crate::table::csv_lines::{push_header, push_rows};
use crate::table::stream_rows::{engine_rows, engine_schema, stream_schema};

/// Keys of the metadata of an Arrow schema.
const VERSION_KEY: &str = "im_profiles.version";
const RATE_KEY: &str = "im_profiles.calls_per_second";

/// The format of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Apache Arrow IPC stream
    Arrow,
    /// RFC 4180 with a header line
    Csv,
    /// One JSON object per row
    Ndjson,
}

/// Turns batches into bytes.
pub enum RowEncoder {
    Arrow { writer: Box<StreamWriter<Vec<u8>>>, schema: SchemaRef },
    Csv(String),
    Ndjson(String),
}

impl OutputFormat {
    /// Starts with what precedes the rows.
    pub fn encoder(
        self,
        columns: &[Column],
        calls_per_second: u32,
    ) -> Result<RowEncoder, ArrowError> {
        Ok(match self {
            OutputFormat::Arrow => {
                let schema = Arc::new(described(engine_schema(columns), calls_per_second));
                let writer = Box::new(StreamWriter::try_new(Vec::new(), &schema)?);
                RowEncoder::Arrow { writer, schema }
            }
            OutputFormat::Csv => {
                let mut lines = String::new();
                push_header(&mut lines, &stream_schema(columns));
                RowEncoder::Csv(lines)
            }
            OutputFormat::Ndjson => RowEncoder::Ndjson(String::new()),
        })
    }
}

impl RowEncoder {
    /// Adds a batch.
    pub fn add(&mut self, rows: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            RowEncoder::Arrow { writer, schema } => {
                writer.write(&engine_rows(rows, SchemaRef::clone(schema))?)?;
            }
            RowEncoder::Csv(lines) => push_rows(lines, rows),
            RowEncoder::Ndjson(lines) => lines.push_str(&ndjson(rows)),
        }
        Ok(())
    }

    /// Adds what follows the last row.
    pub fn finish(&mut self) -> Result<(), ArrowError> {
        match self {
            RowEncoder::Arrow { writer, .. } => writer.finish(),
            RowEncoder::Csv(_) | RowEncoder::Ndjson(_) => Ok(()),
        }
    }

    /// What was added since [`Self::clear`].
    pub fn bytes(&self) -> &[u8] {
        match self {
            RowEncoder::Arrow { writer, .. } => writer.get_ref(),
            RowEncoder::Csv(lines) | RowEncoder::Ndjson(lines) => lines.as_bytes(),
        }
    }

    pub fn clear(&mut self) {
        match self {
            RowEncoder::Arrow { writer, .. } => writer.get_mut().clear(),
            RowEncoder::Csv(lines) | RowEncoder::Ndjson(lines) => lines.clear(),
        }
    }
}

/// An Arrow IPC stream of the schema alone. `calls_per_second` is that of the app.
pub fn schema_message(columns: &[Column], calls_per_second: u32) -> Result<Vec<u8>, ArrowError> {
    let mut encoder = OutputFormat::Arrow.encoder(columns, calls_per_second)?;
    encoder.finish()?;
    Ok(encoder.bytes().to_vec())
}

fn described(schema: Schema, calls_per_second: u32) -> Schema {
    let rate = calls_per_second.to_string();
    let metadata = [(VERSION_KEY, env!("CARGO_PKG_VERSION")), (RATE_KEY, &rate)];
    schema.with_metadata(Metadata::from(metadata))
}
