//! `[[columns]]`: which tags, under which names, as which types.

use super::error::{Refusal, shown};
use super::file::ColumnFile;
use super::values::{non_empty, required_text};
use crate::table::tags::{CUSTOM_TAG_PREFIX, Column, ColumnType, standard_tags, types_of};
use crate::util::nearest::nearest;

/// The 12 standard tags and the 20 custom ones an app may have.
pub(super) const MAX_COLUMNS: usize = 32;
/// The column that every table has.
const ACCOUNT_COLUMN: &str = "account";
/// Longest name in characters that common warehouses take.
pub(super) const MAX_NAME_CHARS: usize = 128;
const STANDARD_TAG_PREFIX: &str = "Tag_Profile_IM_";

pub(super) fn check(files: &[ColumnFile]) -> Result<Vec<Column>, Refusal> {
    if files.is_empty() {
        return Err(Refusal::new(
            "columns",
            "is missing; write at least one [[columns]] with a tag, such as tag = \"Tag_Profile_IM_Nick\"",
        ));
    }
    if files.len() > MAX_COLUMNS {
        return Err(Refusal::new(
            "columns",
            format!(
                "has {} items, but an app has at most {MAX_COLUMNS} tags; take some out",
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

/// The column after `earlier`.
fn column(file: &ColumnFile, earlier: &[Column]) -> Result<Column, Refusal> {
    let key = |name: &str| format!("columns.{}.{name}", earlier.len());
    let example = "a profile tag, such as \"Tag_Profile_IM_Nick\"";
    let tag = required_text(&key("tag"), file.tag.as_ref(), example)?;
    let types = types_of(tag).ok_or_else(|| unknown_tag(&key("tag"), tag))?;
    if let Some(first) = earlier.iter().position(|column| column.tag == tag) {
        return Err(Refusal::new(
            key("tag").as_str(),
            format!("is {tag}, as columns.{first} is already; take one of them out"),
        ));
    }
    Ok(Column {
        tag: tag.to_owned(),
        name: name(&key("name"), file.name.as_deref().unwrap_or(tag), earlier)?,
        column_type: column_type(&key("type"), file.column_type.as_deref(), tag, types)?,
    })
}

fn unknown_tag(key: &str, tag: &str) -> Refusal {
    let has_custom_prefix = tag
        .get(..CUSTOM_TAG_PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(CUSTOM_TAG_PREFIX));
    let fix = if has_custom_prefix {
        format!("write {CUSTOM_TAG_PREFIX} and the field's name, with capitals as in the console")
    } else if let Some(meant) = nearest_standard_tag(tag) {
        format!("did you mean {meant}?")
    } else {
        let known: Vec<&str> = standard_tags().collect();
        format!(
            "write {CUSTOM_TAG_PREFIX} and a custom field's name, or one of: {}",
            known.join(", ")
        )
    };
    Refusal::new(key, format!("is {}, which is not a tag; {fix}", shown(tag)))
}

/// Compares what follows the common prefix, since the prefix would make every tag look near.
fn nearest_standard_tag(tag: &str) -> Option<&'static str> {
    let ending = |tag: &'_ str| tag.rfind('_').map_or(0, |underscore| underscore + 1);
    let suffixes = standard_tags().filter_map(|tag| tag.strip_prefix(STANDARD_TAG_PREFIX));
    let meant = nearest(&tag[ending(tag)..], suffixes)?;
    standard_tags().find(|standard| standard.strip_prefix(STANDARD_TAG_PREFIX) == Some(meant))
}

/// Names must differ in more than case, since most warehouses fold it.
fn name(key: &str, name: &str, earlier: &[Column]) -> Result<String, Refusal> {
    non_empty(key, name, "the column's name, or take the key out to use the tag")?;
    let folded = name.to_lowercase();
    let taken = earlier.iter().position(|column| column.name.to_lowercase() == folded);
    let problem = if folded == ACCOUNT_COLUMN {
        format!("is {}, which is the column that every table has", shown(name))
    } else if let Some(first) = taken {
        format!("is {}, as columns.{first} is already (case does not count)", shown(name))
    } else if name.trim() != name {
        format!("is {}, with a space at an end", shown(name))
    } else if name.chars().count() > MAX_NAME_CHARS {
        format!("is longer than {MAX_NAME_CHARS} characters")
    } else {
        return Ok(name.to_owned());
    };
    Err(Refusal::new(key, format!("{problem}; write another name")))
}

fn column_type(
    key: &str,
    word: Option<&str>,
    tag: &str,
    types: &[ColumnType],
) -> Result<ColumnType, Refusal> {
    let Some(word) = word else { return Ok(types[0]) };
    types.iter().find(|known| known.name() == word).copied().ok_or_else(|| {
        let names: Vec<&str> = types.iter().map(|known| known.name()).collect();
        let problem = format!("is {}, which {tag} cannot have", shown(word));
        Refusal::new(key, format!("{problem}; write one of: {}", names.join(", ")))
    })
}
