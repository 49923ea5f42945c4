//! The JSON Schema of the job file (draft 2020-12), for editors. It is generated from the types that parse a job and
//! the constants that validate it, so it cannot drift from the program.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::file::JobFile;
use crate::api::endpoint::REGIONS;
use crate::table::tags::{CUSTOM_TAG_PREFIX, standard_tags};

/// The schema as indented JSON with a final LF.
pub fn json_schema() -> String {
    let settings = SchemaSettings::draft2020_12().with_transform(Simplify);
    let schema = settings.into_generator().into_root_schema_for::<JobFile>();
    format!("{:#}\n", schema.as_value())
}

/// The allowed values of a key.
pub fn keywords<T>(known: &[(&'static str, T)]) -> Vec<&'static str> {
    known.iter().map(|(keyword, _)| *keyword).collect()
}

pub fn regions() -> Vec<&'static str> {
    REGIONS.iter().map(|region| region.name).collect()
}

/// A tag: one of the standard tags, which editors then offer, or a custom tag.
pub fn tag(_: &mut SchemaGenerator) -> Schema {
    let standard: Vec<&str> = standard_tags().collect();
    let custom = format!("^{CUSTOM_TAG_PREFIX}.+");
    json_schema!({
        "type": "string",
        "anyOf": [{ "enum": standard }, { "pattern": custom }],
    })
}

/// A limit: a number, a percentage or "off".
pub fn limit(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]{1,4})?\s*%\s*$|^\s*[0-9]+\s*$|^\s*off\s*$" },
        ],
    })
}

/// Removes what does not apply: null (TOML has none), defaults that are whole tables, and the `format` of numbers,
/// which no validator supports.
#[derive(Debug, Clone)]
struct Simplify;

impl Transform for Simplify {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("format");
        if schema.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
            schema.remove("default");
        }
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".to_owned(), only);
            }
        }
    }
}
