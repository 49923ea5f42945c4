//! Checks the footer (`FileMetaData`) before the `parquet` crate reads it: that it can be read within bounds, and that it
//! has only features that the crate knows.

use parquet::errors::ParquetError;

use super::codec::Codec;
use super::encoding::PageEncoding;
use super::fault::{inconsistency, unsupported};
use super::thrift::{MAX_DEPTH, Walker};

/// What the crate does not report of a footer, or refuses as damage.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// Number of children of each element of the schema.
    children: Vec<i64>,
    /// Whether each column of each row group is encrypted.
    encrypted: Vec<Vec<bool>>,
    /// The first feature that the crate does not know.
    unknown: Option<String>,
}

impl Footer {
    /// Reads a footer whose schema is a tree.
    pub fn read(bytes: &[u8]) -> Result<Self, ParquetError> {
        const SCHEMA: i64 = 2;
        const ROW_GROUPS: i64 = 4;
        let mut footer = Self::default();
        let walked = Walker { rest: bytes }.fields(&mut |walker, id, kind| match id {
            SCHEMA => walker.list(kind, &mut |walker, kind| footer.read_element(walker, kind)),
            ROW_GROUPS => {
                walker.list(kind, &mut |walker, kind| footer.read_row_group(walker, kind))
            }
            _ => walker.value(kind, MAX_DEPTH),
        });
        if walked.is_none() || !is_valid_tree(&footer.children) {
            return Err(inconsistency("its footer is damaged"));
        }
        match footer.unknown {
            Some(feature) => Err(unsupported(feature)),
            None => Ok(footer),
        }
    }

    /// Whether the column is encrypted in any row group.
    pub fn is_encrypted(&self, leaf: usize) -> bool {
        self.encrypted.iter().any(|columns| columns.get(leaf) == Some(&true))
    }

    fn read_element(&mut self, walker: &mut Walker<'_>, kind: u8) -> Option<()> {
        const TYPE: i64 = 1;
        const REPETITION: i64 = 3;
        const NUM_CHILDREN: i64 = 5;
        const CONVERTED_TYPE: i64 = 6;
        let mut children = 0;
        walker.structure(kind, &mut |walker, id, kind| {
            let (name, known) = match id {
                NUM_CHILDREN => {
                    children = i64::from(walker.int(kind)?);
                    return Some(());
                }
                TYPE => ("type", 0..=7),
                REPETITION => ("repetition", 0..=2),
                CONVERTED_TYPE => ("converted type", 0..=21),
                _ => return walker.value(kind, MAX_DEPTH),
            };
            let number = walker.int(kind)?;
            if !known.contains(&number) {
                let feature = format!(
                    "has a column of an unknown {name} ({number}); write it without that column"
                );
                self.unknown.get_or_insert(feature);
            }
            Some(())
        })?;
        self.children.push(children);
        Some(())
    }

    fn read_row_group(&mut self, walker: &mut Walker<'_>, kind: u8) -> Option<()> {
        const COLUMNS: i64 = 1;
        let mut encrypted = Vec::new();
        walker.structure(kind, &mut |walker, id, kind| match id {
            COLUMNS => walker.list(kind, &mut |walker, kind| {
                encrypted.push(self.read_column(walker, kind)?);
                Some(())
            }),
            _ => walker.value(kind, MAX_DEPTH),
        })?;
        self.encrypted.push(encrypted);
        Some(())
    }

    /// Reads a `ColumnChunk`; true if it is encrypted.
    fn read_column(&mut self, walker: &mut Walker<'_>, kind: u8) -> Option<bool> {
        const META_DATA: i64 = 3;
        const CRYPTO_METADATA: i64 = 8;
        const ENCRYPTED_METADATA: i64 = 9;
        let (mut is_encrypted, mut has_metadata) = (false, false);
        walker.structure(kind, &mut |walker, id, kind| match id {
            META_DATA => {
                has_metadata = true;
                self.read_column_metadata(walker, kind)
            }
            CRYPTO_METADATA | ENCRYPTED_METADATA => {
                is_encrypted = true;
                walker.value(kind, MAX_DEPTH)
            }
            _ => walker.value(kind, MAX_DEPTH),
        })?;
        if is_encrypted && !has_metadata {
            // The crate needs the metadata of every column.
            let feature = "has encrypted columns; write it without encryption";
            self.unknown.get_or_insert_with(|| feature.to_owned());
        }
        Some(is_encrypted)
    }

    fn read_column_metadata(&mut self, walker: &mut Walker<'_>, kind: u8) -> Option<()> {
        const ENCODINGS: i64 = 2;
        const CODEC: i64 = 4;
        walker.structure(kind, &mut |walker, id, kind| match id {
            ENCODINGS => walker.list(kind, &mut |walker, kind| {
                let encoding = PageEncoding::new(walker.int(kind)?);
                self.note(encoding.map(drop));
                Some(())
            }),
            CODEC => {
                let codec = Codec::new(walker.int(kind)?);
                // The crate knows LZO by name only.
                self.note(codec.map(drop));
                Some(())
            }
            _ => walker.value(kind, MAX_DEPTH),
        })
    }

    fn note(&mut self, known: Result<(), String>) {
        if let Err(feature) = known {
            self.unknown.get_or_insert(feature);
        }
    }
}

/// Whether every group is followed by as many elements as it has children, within the maximum depth.
fn is_valid_tree(children: &[i64]) -> bool {
    // Remaining children of each open group.
    let mut open = Vec::new();
    for (at, count) in children.iter().enumerate() {
        let left = (children.len() - at - 1) as i64;
        if let Some(waiting) = open.last_mut() {
            *waiting -= 1;
        }
        if !(0..=left).contains(count) || open.len() > MAX_DEPTH {
            return false;
        }
        open.push(*count);
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_must_be_a_tree() {
        for valid in [[2, 0, 0].as_slice(), &[0], &[1, 2, 0, 1, 0], &[2, 1, 0, 0]] {
            assert!(is_valid_tree(valid), "{valid:?}");
        }
        for invalid in [[3, 0, 0].as_slice(), &[-1], &[i64::MAX, 0], &[2, 0], &[1, 1]] {
            assert!(!is_valid_tree(invalid), "{invalid:?}");
        }
        let deep: Vec<i64> = std::iter::repeat_n(1, 1_000).chain([0]).collect();
        assert!(!is_valid_tree(&deep));
    }

    /// A footer with one column, whose `ColumnChunk` has these fields.
    fn footer(chunk: &[u8]) -> Result<Footer, String> {
        // schema: a root with one child, and the child; row_groups: one, with one column.
        let schema = b"\x29\x2c\x55\x02\x00\x15\x0c\x00".as_slice();
        let bytes = [schema, b"\x29\x1c\x19\x1c", chunk, b"\x00\x00\x00"].concat();
        Footer::read(&bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn unknown_features_are_named() {
        let column =
            |encoding: u8, codec: u8| footer(&[0x3c, 0x29, 0x15, 2 * encoding, 0x25, 2 * codec, 0]);
        assert!(!column(0, 6).unwrap().is_encrypted(0));
        for (encoding, codec, expected) in
            [(0, 3, "compressed with LZO"), (0, 9, "compression 9"), (10, 0, "the encoding 10")]
        {
            let message = column(encoding, codec).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let element = |field: &[u8]| {
            let bytes = [b"\x29\x2c\x55\x02\x00", field, b"\x00\x00"].concat();
            Footer::read(&bytes).map_err(|error| error.to_string())
        };
        assert!(element(b"\x15\x0c").is_ok());
        assert!(element(b"\x15\x10").unwrap_err().contains("unknown type (8)"));
        assert!(element(b"\x65\x2c").unwrap_err().contains("unknown converted type (22)"));
    }

    #[test]
    fn encrypted_columns_are_found() {
        // crypto_metadata (8): a union with an empty structure.
        let with_metadata = footer(b"\x3c\x29\x05\x25\x00\x00\x5c\x1c\x00\x00").unwrap();
        assert!(with_metadata.is_encrypted(0));
        let message = footer(b"\x8c\x1c\x00\x00").unwrap_err();
        assert!(message.contains("encrypted columns"), "{message}");
    }
}
