//! The header of a page (`PageHeader`).

use super::thrift::{BOOLEAN_FALSE, MAX_DEPTH, Walker};

/// A page header. Sizes are in bytes, not checked yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PageHeader {
    pub page_type: i32,
    pub uncompressed_size: i32,
    pub compressed_size: i32,
    pub crc: Option<i32>,
    /// For a page of this type; numbers that its header lacks are 0.
    pub data: DataHeader,
}

/// The numbers of a dictionary page, or of a data page of version 1 or 2.
#[derive(Debug, PartialEq, Eq)]
pub struct DataHeader {
    pub num_values: i32,
    pub num_nulls: i32,
    pub num_rows: i32,
    pub encoding: i32,
    pub def_level_encoding: i32,
    pub rep_level_encoding: i32,
    pub def_levels_size: i32,
    pub rep_levels_size: i32,
    pub is_compressed: bool,
}

impl Default for DataHeader {
    fn default() -> Self {
        Self {
            num_values: 0,
            num_nulls: 0,
            num_rows: 0,
            encoding: 0,
            def_level_encoding: 0,
            rep_level_encoding: 0,
            def_levels_size: 0,
            rep_levels_size: 0,
            is_compressed: true,
        }
    }
}

impl PageHeader {
    /// The header at the start of `bytes` and its length. `None` if it is not valid, or longer than `bytes`.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut header = Self::default();
        let mut sizes = 0;
        let mut walker = Walker { rest: bytes };
        walker.fields(&mut |walker, id, kind| {
            let number = match id {
                1 => &mut header.page_type,
                2 => &mut header.uncompressed_size,
                3 => &mut header.compressed_size,
                4 => header.crc.insert(0),
                5 => return header.data.read(walker, kind, DataHeader::of_version_1),
                7 => return header.data.read(walker, kind, DataHeader::of_dictionary),
                8 => return header.data.read(walker, kind, DataHeader::of_version_2),
                _ => return walker.value(kind, MAX_DEPTH),
            };
            *number = walker.int(kind)?;
            sizes += usize::from(matches!(id, 2 | 3));
            Some(())
        })?;
        (sizes == 2).then_some((header, bytes.len() - walker.rest.len()))
    }
}

impl DataHeader {
    fn read(
        &mut self,
        walker: &mut Walker<'_>,
        kind: u8,
        number: fn(&mut Self, i64) -> Option<&mut i32>,
    ) -> Option<()> {
        const IS_COMPRESSED: i64 = 7;
        walker.structure(kind, &mut |walker, id, kind| {
            if let Some(number) = number(self, id) {
                *number = walker.int(kind)?;
                return Some(());
            }
            if id == IS_COMPRESSED && kind == BOOLEAN_FALSE {
                self.is_compressed = false;
            }
            walker.value(kind, MAX_DEPTH)
        })
    }

    fn of_dictionary(&mut self, id: i64) -> Option<&mut i32> {
        match id {
            1 => Some(&mut self.num_values),
            2 => Some(&mut self.encoding),
            _ => None,
        }
    }

    fn of_version_1(&mut self, id: i64) -> Option<&mut i32> {
        match id {
            1 => Some(&mut self.num_values),
            2 => Some(&mut self.encoding),
            3 => Some(&mut self.def_level_encoding),
            4 => Some(&mut self.rep_level_encoding),
            _ => None,
        }
    }

    fn of_version_2(&mut self, id: i64) -> Option<&mut i32> {
        match id {
            1 => Some(&mut self.num_values),
            2 => Some(&mut self.num_nulls),
            3 => Some(&mut self.num_rows),
            4 => Some(&mut self.encoding),
            5 => Some(&mut self.def_levels_size),
            6 => Some(&mut self.rep_levels_size),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_from_the_header() {
        // type, uncompressed_page_size, compressed_page_size
        let header = b"\x15\x00\x15\x14\x15\x10\x00page";
        let (read, length) = PageHeader::read(header).unwrap();
        assert_eq!((read.uncompressed_size, read.compressed_size, length), (10, 8, 7));
        assert_eq!(PageHeader::read(&header[..6]), None);
        assert_eq!(PageHeader::read(b"\x15\x00\x00"), None);
        assert_eq!(PageHeader::read(b"\x15\x00\x15\x14\x00"), None);
    }

    #[test]
    fn numbers_of_each_version_are_read_and_unknown_fields_skipped() {
        // data_page_header: num_values 5, PLAIN, RLE, RLE, and an unknown field.
        let version_1 =
            b"\x15\x00\x15\x14\x15\x10\x2c\x15\x0a\x15\x00\x15\x06\x15\x06\xf5\x02\x00\x00";
        let (header, length) = PageHeader::read(version_1).unwrap();
        assert_eq!(length, version_1.len());
        let DataHeader { num_values, def_level_encoding, is_compressed, .. } = header.data;
        assert_eq!((num_values, def_level_encoding, is_compressed), (5, 3, true));
        // data_page_header_v2: 5 values, 1 null, 5 rows, encoding 8, level sizes 2 and 0, not compressed.
        let version_2 = b"\x15\x06\x15\x14\x15\x10\x5c\x15\x0a\x15\x02\x15\x0a\x15\x10\x15\x04\x15\x00\x12\x00\x00";
        let (header, _) = PageHeader::read(version_2).unwrap();
        let DataHeader { num_nulls, encoding, def_levels_size, is_compressed, .. } = header.data;
        assert_eq!((num_nulls, encoding, def_levels_size, is_compressed), (1, 8, 2, false));
        assert_eq!(header.page_type, 3);
    }
}
