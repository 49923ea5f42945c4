//! The estimated size of a snapshot, from rows that were written before or from the types of its columns.

use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use crate::job::{Compression, Format, OutputSettings};
use crate::table::{Column, ColumnType};
use crate::util::visible::visible_path;

/// Estimated size of the part files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeEstimate {
    pub expected_bytes: u64,
    pub bytes_per_row: f64,
    pub size_basis: SizeBasis,
    /// Absolute path of the snapshot that the estimate is based on.
    pub size_basis_snapshot: Option<String>,
}

/// What the estimate is based on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeBasis {
    /// The committed parts of the unfinished run.
    UnfinishedRun,
    /// An earlier snapshot of the job, with the same columns.
    Snapshot,
    ColumnTypes,
}

/// Rows of a known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRows {
    /// At least 1.
    pub rows: u64,
    pub bytes: u64,
    pub basis: SizeBasis,
    /// The snapshot that holds the rows.
    pub snapshot: Option<String>,
}

impl SizeEstimate {
    /// The size of `rows` rows like the known ones.
    pub fn new(rows: u64, known: KnownRows) -> SizeEstimate {
        let bytes = u128::from(rows) * u128::from(known.bytes) / u128::from(known.rows.max(1));
        let bytes_per_row = known.bytes as f64 / known.rows.max(1) as f64;
        SizeEstimate {
            expected_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            bytes_per_row: (bytes_per_row * 10.0).round() / 10.0,
            size_basis: known.basis,
            size_basis_snapshot: known.snapshot,
        }
    }

    /// One line of text, with paths relative to the directory `here`.
    pub fn to_text(&self, here: &Path) -> String {
        let basis = match (self.size_basis, &self.size_basis_snapshot) {
            (SizeBasis::Snapshot, Some(snapshot)) => {
                format!("as in {}", relative_to(here, snapshot))
            }
            (SizeBasis::UnfinishedRun, _) => "as in the committed parts".to_owned(),
            _ => "estimated from the types of the columns".to_owned(),
        };
        let expected = HumanBytes(self.expected_bytes);
        format!("about {expected}, {} bytes per row, {basis}", self.bytes_per_row)
    }
}

/// The path relative to the directory `here` if it is inside it.
pub fn relative_to(here: &Path, path: &str) -> String {
    visible_path(Path::new(path).strip_prefix(here).unwrap_or(Path::new(path)))
}

/// Bytes of a value, uncompressed and with zstd or gzip.
struct ValueSize {
    plain: u64,
    compressed: u64,
}

/// Ids of 6 to 32 bytes; random ones compress to half.
const ACCOUNT: ValueSize = ValueSize { plain: 20, compressed: 10 };

/// Rounded up from profiles of the emulator in parts of 60,000 rows. A text lies between a word out of a few, which takes
/// next to nothing, and an address of 75 bytes.
const fn value_size(column_type: ColumnType) -> ValueSize {
    match column_type {
        ColumnType::String | ColumnType::Bytes => ValueSize { plain: 36, compressed: 12 },
        ColumnType::Uint32 | ColumnType::Date => ValueSize { plain: 4, compressed: 3 },
        ColumnType::Int64 | ColumnType::Uint64 => ValueSize { plain: 7, compressed: 4 },
    }
}

/// A row of these columns, assumed from their types alone.
pub fn assumed_row(columns: &[Column], output: &OutputSettings) -> KnownRows {
    let columns = columns.iter().map(|column| value_size(column.column_type));
    let (plain, compressed) = columns
        .fold((ACCOUNT.plain, ACCOUNT.compressed), |(plain, compressed), size| {
            (plain + size.plain, compressed + size.compressed)
        });
    let bytes = match (output.compression, output.format) {
        (Compression::Zstd | Compression::Gzip, _) => compressed,
        (Compression::Snappy, _) => plain / 2,
        (Compression::None, Format::Parquet) => plain,
        // Commas, and numbers as digits.
        (Compression::None, Format::Csv) => plain * 5 / 4,
    };
    KnownRows { rows: 1, bytes, basis: SizeBasis::ColumnTypes, snapshot: None }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::job::IfExists;

    #[test]
    fn an_estimate_scales_the_known_rows() {
        let known = |rows, bytes| KnownRows {
            rows,
            bytes,
            basis: SizeBasis::Snapshot,
            snapshot: Some("/here/out".to_owned()),
        };
        let size = SizeEstimate::new(1_000, known(3, 100));
        assert_eq!((size.expected_bytes, size.bytes_per_row), (33_333, 33.3));
        assert_eq!(SizeEstimate::new(u64::MAX, known(1, u64::MAX)).expected_bytes, u64::MAX);
        assert_eq!(
            size.to_text(Path::new("/here")),
            "about 32.55 KiB, 33.3 bytes per row, as in out"
        );
    }

    #[test]
    fn the_assumed_size_grows_with_columns_and_shrinks_with_compression() {
        let column = |column_type| Column {
            tag: "Tag_Profile_Custom_A".to_owned(),
            name: "a".to_owned(),
            column_type,
        };
        let bytes = |columns: &[Column], format, compression| {
            let path = PathBuf::from("out");
            let (accounts_per_part, if_exists) = (100, IfExists::Replace);
            let table_root = path.clone();
            let output = OutputSettings {
                path,
                table_root,
                format,
                compression,
                accounts_per_part,
                if_exists,
                bucket: None,
            };
            assumed_row(columns, &output).bytes
        };
        let two = [column(ColumnType::String), column(ColumnType::Uint64)];
        let of_two = |compression| bytes(&two, Format::Parquet, compression);
        assert_eq!(of_two(Compression::Zstd), 10 + 12 + 4);
        assert_eq!(of_two(Compression::None), 20 + 36 + 7);
        assert_eq!(of_two(Compression::Snappy), 31);
        assert!(of_two(Compression::Zstd) > bytes(&two[..1], Format::Parquet, Compression::Zstd));
        assert_eq!(bytes(&two, Format::Csv, Compression::None), 78);
    }
}
