//! The structure and the language of the code base, read from its source files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Directories of `src/`, from the top down. A module imports from the directories below its own.
const LAYERS: [&str; 13] = [
    "cli",
    "export",
    "observability",
    "report",
    "pipeline",
    "snapshot",
    "job",
    "emulator",
    "table",
    "api",
    "accounts",
    "bucket",
    "util",
];

/// Files below a directory of the repository, with their text.
fn files_below(directory: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![root.join(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "{directory} is empty");
    found
}

/// The production code of a source file: no unit tests, no comments.
fn production(path: &Path, text: &str) -> Option<String> {
    let is_test =
        path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
    let text = text.split("#[cfg(test)]\nmod tests {").next()?;
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    (!is_test).then(|| code.collect::<Vec<_>>().join("\n"))
}

/// The directory or file of `src/` that a source file belongs to.
fn layer_of(path: &Path) -> String {
    let name = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    name.trim_end_matches(".rs").to_owned()
}

/// The identifier at the start of a text.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn identifiers_after<'t>(text: &'t str, before: &str) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).map(identifier)
}

#[test]
fn imports_go_down_only() {
    let rank = |layer: &str| LAYERS.iter().position(|known| *known == layer);
    let mut wrong = Vec::new();
    let mut imports = 0;
    for (path, text) in files_below("src") {
        let (layer, Some(code)) = (layer_of(&path), production(&path, &text)) else { continue };
        if ["lib", "main", "internals"].contains(&layer.as_str()) {
            continue;
        }
        let own = rank(&layer).unwrap_or_else(|| panic!("{} belongs to no layer", path.display()));
        for target in identifiers_after(&code, "crate::") {
            imports += 1;
            if rank(target).is_none_or(|target| target < own) {
                wrong.push(format!("{} imports crate::{target}", path.display()));
            }
        }
    }
    assert!(imports > 100, "{imports}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_library_has_three_public_modules() {
    let library =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let public: Vec<&str> = identifiers_after(&library, "\npub mod ").collect();
    assert_eq!(public, ["emulator", "internals", "job"]);
}

#[test]
fn type_names_are_unique() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in files_below("src") {
        let Some(code) = production(&path, &text) else { continue };
        for line in code.lines() {
            // Indented, `type` belongs to a trait or its implementation.
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let kinds = ["struct ", "enum ", "trait ", "type "];
            let name = kinds.iter().find_map(|kind| line.strip_prefix(kind)).map(identifier);
            if let Some(name) = name {
                places.entry(name.to_owned()).or_default().push(path.display().to_string());
            }
        }
    }
    assert!(places.len() > 100, "{}", places.len());
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

/// Phrases that the language rules exclude, each as the words that follow one another; `*` ends a word that starts so.
const EXCLUDED: [&[&str]; 23] = [
    &["told"],
    &["tells"],
    &["settle*"],
    &["anew"],
    &["mend"],
    &["mends"],
    &["mended"],
    &["ask", "again"],
    &["asks", "again"],
    &["asked", "again"],
    &["asking", "again"],
    &["go", "on"],
    &["goes", "on"],
    &["going", "on"],
    &["begun"],
    &["is", "no"],
    &["the", "begin"],
    &["a", "begin"],
    &["each", "begin"],
    &["from", "begin"],
    &["every", "begin"],
    &["its", "begin"],
    &["begin", "of"],
];

fn excluded_phrases(text: &str) -> Vec<String> {
    let lowercase = text.to_lowercase();
    let words: Vec<&str> =
        lowercase.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |word: &str, pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None => word == pattern,
    };
    let matches = |at: usize, phrase: &[&str]| {
        phrase
            .iter()
            .enumerate()
            .all(|(n, pattern)| words.get(at + n).is_some_and(|word| is(word, pattern)))
    };
    let found = (0..words.len()).flat_map(|at| {
        let phrase = EXCLUDED.iter().find(move |phrase| matches(at, phrase))?;
        Some(words[at.saturating_sub(3)..(at + phrase.len() + 2).min(words.len())].join(" "))
    });
    found.collect()
}

#[test]
fn excluded_phrases_are_found_across_lines_and_in_names() {
    for text in [
        "/// It goes\n/// on.",
        "fn accounts_settled()",
        "That is no file.",
        "asked\tAgain",
        "`begin` of",
    ] {
        assert_eq!(excluded_phrases(text).len(), 1, "{text}");
    }
    for text in
        ["begin", "is 0 (no limit)", "based on", "recommend", "is now", "ask for more", "golden"]
    {
        assert_eq!(excluded_phrases(text), [""; 0], "{text}");
    }
}

#[test]
fn code_and_documents_are_in_standard_english() {
    let mut files: Vec<_> = ["src", "docs", "jobs"].into_iter().flat_map(files_below).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        files.push((name.into(), fs::read_to_string(root.join(name)).unwrap()));
    }
    let found: Vec<String> = files
        .iter()
        .flat_map(|(path, text)| {
            excluded_phrases(text)
                .into_iter()
                .map(move |phrase| format!("{}: {phrase}", path.display()))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}
