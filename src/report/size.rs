//! How large a snapshot will be, told from rows that were written before or from the types of its columns.

use std::path::Path;

use indicatif::HumanBytes;
use serde::Serialize;

use super::plan::seen_from;
use crate::snapshot::{Compression, Format, OutputSettings};
use crate::table::{Column, ColumnType};

/// What the part files would take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Size {
    /// All of them.
    pub expected_bytes: u64,
    /// For each row.
    pub bytes_per_row: f64,
    /// What that is told from.
    pub size_basis: SizeBasis,
    /// The snapshot it is told from; an absolute path.
    pub size_basis_snapshot: Option<String>,
}

/// What the bytes of a row are told from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeBasis {
    /// The committed parts of the unfinished run.
    UnfinishedRun,
    /// An earlier snapshot of the job, with the same columns.
    Snapshot,
    /// The types of the columns.
    ColumnTypes,
}

/// Rows of which the size is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRows {
    /// How many; at least 1.
    pub rows: u64,
    /// What they take.
    pub bytes: u64,
    /// Where they are.
    pub basis: SizeBasis,
    /// The snapshot they are in.
    pub snapshot: Option<String>,
}

impl Size {
    /// The size of `rows` more of the same kind.
    pub fn of(rows: u64, known: KnownRows) -> Size {
        let bytes = u128::from(rows) * u128::from(known.bytes) / u128::from(known.rows.max(1));
        let bytes_per_row = known.bytes as f64 / known.rows.max(1) as f64;
        Size {
            expected_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            bytes_per_row: (bytes_per_row * 10.0).round() / 10.0,
            size_basis: known.basis,
            size_basis_snapshot: known.snapshot,
        }
    }

    /// For a person who is in the directory `here`.
    pub(super) fn to_text(&self, here: &Path) -> String {
        let basis = match (self.size_basis, &self.size_basis_snapshot) {
            (SizeBasis::Snapshot, Some(snapshot)) => format!("as in {}", seen_from(here, snapshot)),
            (SizeBasis::UnfinishedRun, _) => "as in the parts that are done".to_owned(),
            _ => "assumed from the types of the columns".to_owned(),
        };
        let expected = HumanBytes(self.expected_bytes);
        format!("about {expected}, {} bytes a row, {basis}", self.bytes_per_row)
    }
}

/// Bytes of a value: as it is, and with zstd or gzip.
struct Width {
    plain: u64,
    packed: u64,
}

/// Ids of 6 to 32 bytes; those of chance pack to half.
const ACCOUNT: Width = Width { plain: 20, packed: 10 };

/// Rounded up from what profiles of the emulator take in parts of 60,000 rows. Text lies between a word of a few that
/// costs next to nothing and an address of 50 bytes.
const fn width_of(column_type: ColumnType) -> Width {
    match column_type {
        ColumnType::String | ColumnType::Bytes => Width { plain: 25, packed: 6 },
        ColumnType::Uint32 | ColumnType::Date => Width { plain: 4, packed: 3 },
        ColumnType::Uint64 => Width { plain: 7, packed: 4 },
    }
}

/// A row of these columns, by nothing but their types.
pub fn assumed_row(columns: &[Column], output: &OutputSettings) -> KnownRows {
    let columns = columns.iter().map(|column| width_of(column.column_type));
    let (plain, packed) = columns
        .fold((ACCOUNT.plain, ACCOUNT.packed), |(plain, packed), width| {
            (plain + width.plain, packed + width.packed)
        });
    let bytes = match (output.compression, output.format) {
        (Compression::Zstd | Compression::Gzip, _) => packed,
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
    use crate::snapshot::IfExists;

    #[test]
    fn rows_to_come_are_as_large_as_those_that_are_known() {
        let known = |rows, bytes| KnownRows {
            rows,
            bytes,
            basis: SizeBasis::Snapshot,
            snapshot: Some("/here/out".to_owned()),
        };
        let size = Size::of(1_000, known(3, 100));
        assert_eq!((size.expected_bytes, size.bytes_per_row), (33_333, 33.3));
        assert_eq!(Size::of(u64::MAX, known(1, u64::MAX)).expected_bytes, u64::MAX);
        assert_eq!(
            size.to_text(Path::new("/here")),
            "about 32.55 KiB, 33.3 bytes a row, as in out"
        );
    }

    #[test]
    fn what_is_assumed_grows_with_the_columns_and_shrinks_with_compression() {
        let column = |column_type| Column {
            tag: "Tag_Profile_Custom_A".to_owned(),
            name: "a".to_owned(),
            column_type,
        };
        let bytes = |columns: &[Column], format, compression| {
            let path = PathBuf::from("out");
            let (accounts_per_part, if_exists) = (100, IfExists::Replace);
            let output = OutputSettings { path, format, compression, accounts_per_part, if_exists };
            assumed_row(columns, &output).bytes
        };
        let two = [column(ColumnType::String), column(ColumnType::Uint64)];
        let of_two = |compression| bytes(&two, Format::Parquet, compression);
        assert_eq!(of_two(Compression::Zstd), 10 + 6 + 4);
        assert_eq!(of_two(Compression::None), 20 + 25 + 7);
        assert_eq!(of_two(Compression::Snappy), 26);
        assert!(of_two(Compression::Zstd) > bytes(&two[..1], Format::Parquet, Compression::Zstd));
        assert_eq!(bytes(&two, Format::Csv, Compression::None), 65);
    }
}
