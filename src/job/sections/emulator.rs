//! `[emulator]`, also as a file of its own with the same keys and messages.

use std::path::Path;

use toml::Table;

use crate::emulator::{CustomKind, Settings};
use crate::job::error::{JobError, KeyError, KeyPath};
use crate::job::{file, locate, source};
use crate::table::{Column, ColumnType};

/// Reads and validates a file with the keys of a job's `[emulator]` table.
///
/// # Errors
/// The first problem, with file, line and key.
pub fn load_emulator_settings(path: &Path) -> Result<Settings, JobError> {
    let text = source::read(path)?;
    let table = source::parse(path, &text)?;
    settings(table)
        .map_err(|error| JobError::of_key(locate::find(path, &text, &[], &error.key), error))
}

fn settings(table: Table) -> Result<Settings, KeyError> {
    let settings: Settings = file::deserialize(table)?;
    validate(&settings, KeyPath(Vec::new()))?;
    Ok(settings)
}

/// Checks that the settings are consistent; `table` is the key of their table.
pub fn validate(settings: &Settings, table: KeyPath) -> Result<(), KeyError> {
    settings.check().map_err(|invalid| {
        let segments = invalid.key.split(['.', '[', ']']).filter(|segment| !segment.is_empty());
        let key = segments.fold(table, |path, segment| path.then(segment));
        KeyError { key, message: invalid.message }
    })
}

/// Adds the custom tags of the job's columns to the emulated app, so that any job can be tried without the service. If
/// the settings list custom tags, the list is complete; tags that the console would not create are left out.
pub fn add_custom_tags(columns: &[Column], settings: &mut Settings) {
    settings.set_default_custom_tags(columns.iter().map(|column| {
        let kind = match column.column_type {
            ColumnType::String | ColumnType::Bytes => CustomKind::Text,
            _ => CustomKind::Number,
        };
        (column.tag.as_str(), kind)
    }));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn custom_tags_come_from_the_columns_unless_listed() {
        let column = |tag: &str, column_type| Column {
            tag: tag.to_owned(),
            name: tag.to_owned(),
            column_type,
        };
        let columns = [
            column("Tag_Profile_IM_Nick", ColumnType::String),
            column("Tag_Profile_Custom_Tier", ColumnType::String),
            column("Tag_Profile_Custom_Age", ColumnType::Uint32),
            column("Tag_Profile_Custom_NoSuchTag", ColumnType::String),
        ];
        let mut settings = Settings::default();
        add_custom_tags(&columns, &mut settings);
        let expected = [
            ("Tag_Profile_Custom_Age".to_owned(), CustomKind::Number),
            ("Tag_Profile_Custom_Tier".to_owned(), CustomKind::Text),
        ];
        assert_eq!(settings.population.custom_tags, BTreeMap::from(expected));
        let listed: Settings =
            toml::from_str("population.custom_tags.Tag_Profile_Custom_Tier = 'bytes'").unwrap();
        let mut kept = listed.clone();
        add_custom_tags(&columns, &mut kept);
        assert_eq!(kept, listed);
    }

    #[track_caller]
    fn load_error(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.toml");
        std::fs::write(&path, text).unwrap();
        let message = load_emulator_settings(&path).unwrap_err().to_string();
        message.replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn errors_name_file_line_and_key() {
        insta::assert_snapshot!(load_error("[faults]\nrest = { rate = 1.0 }"), @"faults.toml:2: faults.rest: is not a known key; did you mean reset?");
        insta::assert_snapshot!(load_error("seed = 1\n[faults]\nreset = { rate = 2.0 }"), @"faults.toml:3: faults.reset.rate: 2 is not a share; write a number from 0.0 to 1.0");
        insta::assert_snapshot!(load_error("[faults]\nreset = { rate = \"x\" }"), @r#"faults.toml:2: faults.reset.rate: is the text "x"; write a number"#);
        insta::assert_snapshot!(load_error("[[faults.codes]]\ncode = 0"), @"faults.toml:2: faults.codes.0.code: 0 is the code of success; write the code of a failure");
        insta::assert_snapshot!(load_error("[faults\nreset"), @"faults.toml:1: is not valid TOML at column 8: unclosed table, expected `]`");
    }
}
