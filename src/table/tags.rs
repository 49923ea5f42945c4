//! Tags of the service: the standard tags, and the column types that each tag supports.
//!
//! Source: profile fields, 1047/33520, and `docs/im-rest-api.md` section 4.

use schemars::JsonSchema;
use serde::Deserialize;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// Signed 64-bit integer, which every warehouse loads.
    Int64,
    /// Unsigned 32-bit number.
    Uint32,
    /// Unsigned 64-bit number.
    Uint64,
    /// The bytes of the JSON string.
    Bytes,
    /// A day, sent by the service as the number yyyymmdd.
    Date,
}

impl ColumnType {
    /// The name in job files, messages and `_rejected_values.tsv`.
    pub const fn name(self) -> &'static str {
        match self {
            ColumnType::String => "string",
            ColumnType::Int64 => "int64",
            ColumnType::Uint32 => "uint32",
            ColumnType::Uint64 => "uint64",
            ColumnType::Bytes => "bytes",
            ColumnType::Date => "date",
        }
    }
}

/// One column of the table: a tag with an output name and a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The requested profile field, such as `Tag_Profile_IM_Nick`.
    pub tag: String,
    /// The column name in the table.
    pub name: String,
    /// Always one of the types that the tag supports.
    pub column_type: ColumnType,
}

/// The prefix of custom tags, whose type is unknown.
pub const CUSTOM_TAG_PREFIX: &str = "Tag_Profile_Custom_";

/// Standard tags with their supported types; the first is the default.
const STANDARD_TAGS: &[(&str, &[ColumnType])] = {
    use ColumnType::{Bytes, Date, Int64, String, Uint32, Uint64};
    const TEXT: &[ColumnType] = &[String, Bytes];
    const NUMBER: &[ColumnType] = &[Int64, Uint32, Uint64, String];
    &[
        ("Tag_Profile_IM_Nick", TEXT),
        ("Tag_Profile_IM_Gender", TEXT),
        ("Tag_Profile_IM_BirthDay", &[Int64, Date, Uint32, Uint64, String]),
        ("Tag_Profile_IM_Location", TEXT),
        ("Tag_Profile_IM_SelfSignature", TEXT),
        ("Tag_Profile_IM_AllowType", TEXT),
        ("Tag_Profile_IM_Language", NUMBER),
        ("Tag_Profile_IM_Image", TEXT),
        ("Tag_Profile_IM_MsgSettings", NUMBER),
        ("Tag_Profile_IM_AdminForbidType", TEXT),
        ("Tag_Profile_IM_Level", NUMBER),
        ("Tag_Profile_IM_Role", NUMBER),
    ]
};

/// The types that custom tags support; the first is the default.
const CUSTOM_TYPES: &[ColumnType] = &[
    ColumnType::String,
    ColumnType::Int64,
    ColumnType::Uint64,
    ColumnType::Bytes,
    ColumnType::Uint32,
    ColumnType::Date,
];

/// The types that a tag supports, the default first; `None` for a tag that is neither standard nor custom.
pub fn supported_types(tag: &str) -> Option<&'static [ColumnType]> {
    if tag.starts_with(CUSTOM_TAG_PREFIX) && tag.len() > CUSTOM_TAG_PREFIX.len() {
        return Some(CUSTOM_TYPES);
    }
    STANDARD_TAGS.iter().find(|(name, _)| *name == tag).map(|(_, types)| *types)
}

/// Names of the standard tags, in the order of `docs/im-rest-api.md`.
pub fn standard_tags() -> impl Iterator<Item = &'static str> {
    STANDARD_TAGS.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_tags_have_types() {
        assert_eq!(supported_types("Tag_Profile_IM_Nick").unwrap()[0], ColumnType::String);
        for number in ["BirthDay", "Language", "MsgSettings", "Level", "Role"] {
            let types = supported_types(&format!("Tag_Profile_IM_{number}")).unwrap();
            assert_eq!(types[0], ColumnType::Int64, "{number}");
            assert!(types.contains(&ColumnType::Uint32) && types.contains(&ColumnType::Uint64));
        }
        assert!(supported_types("Tag_Profile_IM_BirthDay").unwrap().contains(&ColumnType::Date));
        assert_eq!(standard_tags().count(), 12);
    }

    #[test]
    fn custom_tags_default_to_string_and_support_all_types() {
        assert_eq!(supported_types("Tag_Profile_Custom_Test").unwrap().len(), 6);
        assert_eq!(
            supported_types("Tag_Profile_Custom_888888_Test").unwrap()[0],
            ColumnType::String
        );
    }

    #[test]
    fn misspelled_tags_are_unknown() {
        for tag in ["Tag_Profile_IM_Birthday", "Tag_Profile_Custom_", "nick", ""] {
            assert!(supported_types(tag).is_none(), "{tag}");
        }
    }
}
