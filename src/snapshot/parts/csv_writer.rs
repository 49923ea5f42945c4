//! Writes a part as CSV.

use std::io::{self, Write};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use flate2::write::GzEncoder;

use super::file_writer::{PartError, encode_error};
use crate::job::Compression;
use crate::table::csv_lines::{push_header, push_rows};
use crate::util::staged_file::StagedFile;

/// Writes one CSV file.
#[derive(Debug)]
pub struct CsvPartWriter {
    path: std::path::PathBuf,
    out: Encoder,
    /// The lines of the current batch.
    lines: String,
}

enum Encoder {
    Plain(StagedFile),
    Gzip(GzEncoder<StagedFile>),
    Zstd(zstd::Encoder<'static, StagedFile>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Encoder::Plain(_) => "Plain",
            Encoder::Gzip(_) => "Gzip",
            Encoder::Zstd(_) => "Zstd",
        })
    }
}

impl CsvPartWriter {
    /// Starts the file with its header. A validated job does not combine CSV with Snappy.
    pub fn create(
        file: StagedFile,
        schema: &SchemaRef,
        compression: Compression,
    ) -> Result<CsvPartWriter, PartError> {
        let path = file.path().to_owned();
        let out = match compression {
            Compression::None | Compression::Snappy => Encoder::Plain(file),
            // The gzip header has neither name nor time, so equal rows give equal files.
            Compression::Gzip => {
                Encoder::Gzip(GzEncoder::new(file, flate2::Compression::default()))
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(file, 0).map_err(encode_error(&path))?;
                encoder.include_checksum(true).map_err(encode_error(&path))?;
                Encoder::Zstd(encoder)
            }
        };
        let mut part = CsvPartWriter { path, out, lines: String::new() };
        push_header(&mut part.lines, schema);
        part.write_lines()?;
        Ok(part)
    }

    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), PartError> {
        push_rows(&mut self.lines, rows);
        self.write_lines()
    }

    fn write_lines(&mut self) -> Result<(), PartError> {
        let lines = self.lines.as_bytes();
        let written = match &mut self.out {
            Encoder::Plain(out) => out.write_all(lines),
            Encoder::Gzip(out) => out.write_all(lines),
            Encoder::Zstd(out) => out.write_all(lines),
        };
        self.lines.clear();
        written.map_err(encode_error(&self.path))
    }

    /// Completes the file.
    pub fn finish(self) -> Result<StagedFile, PartError> {
        let file: io::Result<StagedFile> = match self.out {
            Encoder::Plain(out) => Ok(out),
            Encoder::Gzip(out) => out.finish(),
            Encoder::Zstd(out) => out.finish(),
        };
        file.map_err(encode_error(&self.path))
    }
}
