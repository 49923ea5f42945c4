//! `[[columns]]`: the tags to export, with their names and types.

use crate::job::error::{KeyError, quoted};
use crate::job::file::ColumnFile;
use crate::job::values::{non_empty, required_text};
use crate::table::rows::ACCOUNT_COLUMN;
use crate::table::tags::{CUSTOM_TAG_PREFIX, Column, ColumnType, standard_tags, supported_types};
use crate::util::nearest::nearest;

/// The 12 standard tags and the 20 custom tags that an app may have.
pub const MAX_COLUMNS: usize = 32;
/// Maximum length of a name that common warehouses accept.
pub const MAX_NAME_CHARS: usize = 128;
const STANDARD_TAG_PREFIX: &str = "Tag_Profile_IM_";

pub fn validate(files: &[ColumnFile]) -> Result<Vec<Column>, KeyError> {
    if files.is_empty() {
        return Err(KeyError::new(
            "columns",
            "is missing; write at least one [[columns]] with a tag, such as tag = \"Tag_Profile_IM_Nick\"",
        ));
    }
    if files.len() > MAX_COLUMNS {
        return Err(KeyError::new(
            "columns",
            format!(
                "has {} items, but an app has at most {MAX_COLUMNS} tags; remove some",
                files.len()
            ),
        ));
    }
    let mut columns = Vec::with_capacity(files.len());
    for file in files {
        let next = column(file, &columns)?;
        columns.push(next);
    }
    Ok(columns)
}

/// The column that follows the `earlier` ones.
fn column(file: &ColumnFile, earlier: &[Column]) -> Result<Column, KeyError> {
    let key = |name: &str| format!("columns.{}.{name}", earlier.len());
    let example = "a profile tag, such as \"Tag_Profile_IM_Nick\"";
    let tag = required_text(&key("tag"), file.tag.as_ref(), example)?;
    let types = supported_types(tag).ok_or_else(|| unknown_tag(&key("tag"), tag))?;
    if let Some(first) = earlier.iter().position(|column| column.tag == tag) {
        return Err(KeyError::new(
            key("tag").as_str(),
            format!("is {tag}, which columns.{first} already uses; remove one of them"),
        ));
    }
    Ok(Column {
        tag: tag.to_owned(),
        name: name(&key("name"), file.name.as_deref().unwrap_or(tag), earlier)?,
        column_type: column_type(&key("type"), file.column_type.as_deref(), tag, types)?,
    })
}

fn unknown_tag(key: &str, tag: &str) -> KeyError {
    let has_custom_prefix = tag
        .get(..CUSTOM_TAG_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(CUSTOM_TAG_PREFIX));
    let fix = if has_custom_prefix {
        format!(
            "write {CUSTOM_TAG_PREFIX} and the field's name, in the same case as in the console"
        )
    } else if let Some(meant) = nearest_standard_tag(tag) {
        format!("did you mean {meant}?")
    } else {
        let known: Vec<&str> = standard_tags().collect();
        format!(
            "write {CUSTOM_TAG_PREFIX} and a custom field's name, or one of: {}",
            known.join(", ")
        )
    };
    KeyError::new(key, format!("is {}, which is not a tag; {fix}", quoted(tag)))
}

/// Compares the part after the common prefix, because the prefix would make all tags similar.
fn nearest_standard_tag(tag: &str) -> Option<&'static str> {
    let ending = |tag: &'_ str| tag.rfind('_').map_or(0, |underscore| underscore + 1);
    let suffixes = standard_tags().filter_map(|tag| tag.strip_prefix(STANDARD_TAG_PREFIX));
    let meant = nearest(&tag[ending(tag)..], suffixes)?;
    standard_tags().find(|standard| standard.strip_prefix(STANDARD_TAG_PREFIX) == Some(meant))
}

/// Names must differ in more than case, because most warehouses ignore case.
fn name(key: &str, name: &str, earlier: &[Column]) -> Result<String, KeyError> {
    non_empty(key, name, "the column's name, or remove the key to use the tag")?;
    let folded = name.to_lowercase();
    let taken = earlier.iter().position(|column| column.name.to_lowercase() == folded);
    let problem = if folded == ACCOUNT_COLUMN {
        format!("is {}, which is the name of the first column of every table", quoted(name))
    } else if let Some(first) = taken {
        format!("is {}, which columns.{first} already uses (case is ignored)", quoted(name))
    } else if name.trim() != name {
        format!("is {}, which starts or ends with a space", quoted(name))
    } else if name.chars().count() > MAX_NAME_CHARS {
        format!("is longer than {MAX_NAME_CHARS} characters")
    } else {
        return Ok(name.to_owned());
    };
    Err(KeyError::new(key, format!("{problem}; write another name")))
}

fn column_type(
    key: &str,
    written: Option<&str>,
    tag: &str,
    types: &[ColumnType],
) -> Result<ColumnType, KeyError> {
    let Some(written) = written else { return Ok(types[0]) };
    types.iter().find(|known| known.name() == written).copied().ok_or_else(|| {
        let names: Vec<&str> = types.iter().map(|known| known.name()).collect();
        let fix = match names.iter().find(|name| name.eq_ignore_ascii_case(written)) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("write one of: {}", names.join(", ")),
        };
        KeyError::new(key, format!("is {}, which {tag} does not support; {fix}", quoted(written)))
    })
}
