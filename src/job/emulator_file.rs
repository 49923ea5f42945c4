//! Settings of the emulator in a file of their own, refused in the same words as a job's `[emulator]` table.

use std::path::Path;

use toml::Table;

use super::error::{JobError, KeyPath, Refusal};
use super::{file, locate, source};
use crate::emulator::settings::CustomKind;
use crate::emulator::{Settings, is_custom_tag};
use crate::table::{Column, ColumnType};

/// Reads and checks a file with the keys of a job's `[emulator]` table.
///
/// # Errors
/// The first thing that is wrong, with file, line and key.
pub fn load_emulator_settings(path: &Path) -> Result<Settings, JobError> {
    let text = source::read(path)?;
    let table = source::parse(path, &text)?;
    settings(table)
        .map_err(|refusal| JobError::at(locate::place(path, &text, &[], &refusal.key), refusal))
}

fn settings(table: Table) -> Result<Settings, Refusal> {
    let settings: Settings = file::of_table(table)?;
    check(&settings, KeyPath(Vec::new()))?;
    Ok(settings)
}

/// The settings know best what they owe one another; `at` is the table they stand in.
pub(super) fn check(settings: &Settings, at: KeyPath) -> Result<(), Refusal> {
    settings.check().map_err(|(key, problem)| {
        let steps = key.split(['.', '[', ']']).filter(|step| !step.is_empty());
        Refusal { key: steps.fold(at, |path, step| path.then(step)), message: problem }
    })
}

/// Gives the app of a job's own emulator the custom tags of the job's columns, so that any job can be tried without the
/// service. Tags listed in the settings stay all there are, and a tag that the console does not create is none.
pub(super) fn add_custom_tags_of(columns: &[Column], settings: &mut Settings) {
    let custom_tags = &mut settings.population.custom_tags;
    if !custom_tags.is_empty() {
        return;
    }
    for column in columns.iter().filter(|column| is_custom_tag(&column.tag)) {
        let kind = match column.column_type {
            ColumnType::String | ColumnType::Bytes => CustomKind::Text,
            _ => CustomKind::Number,
        };
        custom_tags.insert(column.tag.clone(), kind);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_emulators_custom_tags_are_the_columns_unless_listed() {
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
        add_custom_tags_of(&columns, &mut settings);
        let expected = [
            ("Tag_Profile_Custom_Age".to_owned(), CustomKind::Number),
            ("Tag_Profile_Custom_Tier".to_owned(), CustomKind::Text),
        ];
        assert_eq!(settings.population.custom_tags, BTreeMap::from(expected));
        let listed: Settings =
            toml::from_str("population.custom_tags.Tag_Profile_Custom_Tier = 'bytes'").unwrap();
        let mut kept = listed.clone();
        add_custom_tags_of(&columns, &mut kept);
        assert_eq!(kept, listed);
    }

    #[track_caller]
    fn refused(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faults.toml");
        std::fs::write(&path, text).unwrap();
        let message = load_emulator_settings(&path).unwrap_err().to_string();
        message.replace(&format!("{}/", directory.path().display()), "")
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line_and_key() {
        insta::assert_snapshot!(refused("[faults]\nrest = { rate = 1.0 }"), @"faults.toml:2: faults.rest: is not a known key; did you mean reset?");
        insta::assert_snapshot!(refused("seed = 1\n[faults]\nreset = { rate = 2.0 }"), @"faults.toml:3: faults.reset.rate: 2 is not a share; write a number from 0.0 to 1.0");
        insta::assert_snapshot!(refused("[faults]\nreset = { rate = \"x\" }"), @r#"faults.toml:2: faults.reset.rate: is the text "x"; write a number"#);
        insta::assert_snapshot!(refused("[[faults.codes]]\ncode = 0"), @"faults.toml:2: faults.codes.0.code: 0 is the code of success; write the code of a failure");
        insta::assert_snapshot!(refused("[faults\nreset"), @"faults.toml:1: is not TOML at column 8: unclosed table, expected `]`");
    }
}
