//! The tags of the app and the kinds of their values (`docs/im-rest-api.md`).

use super::draw::salt;
use super::settings::{CustomKind, PopulationSettings};

const CUSTOM_PREFIX: &str = "Tag_Profile_Custom_";

/// Kind of the values of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    Nick,
    Text,
    Bytes,
    Image,
    Location,
    Gender,
    AllowType,
    AdminForbid,
    BirthDay,
    Flag,
    Uint32,
    Number,
}

impl TagKind {
    /// The kind of a tag; `None` if the app does not have the tag.
    pub fn of(tag: &str, settings: &PopulationSettings) -> Option<TagKind> {
        Some(match tag {
            "Tag_Profile_IM_Nick" => TagKind::Nick,
            "Tag_Profile_IM_Gender" => TagKind::Gender,
            "Tag_Profile_IM_BirthDay" => TagKind::BirthDay,
            "Tag_Profile_IM_Location" => TagKind::Location,
            "Tag_Profile_IM_SelfSignature" => TagKind::Text,
            "Tag_Profile_IM_AllowType" => TagKind::AllowType,
            "Tag_Profile_IM_Image" => TagKind::Image,
            "Tag_Profile_IM_MsgSettings" => TagKind::Flag,
            "Tag_Profile_IM_AdminForbidType" => TagKind::AdminForbid,
            "Tag_Profile_IM_Language" | "Tag_Profile_IM_Level" | "Tag_Profile_IM_Role" => {
                TagKind::Uint32
            }
            custom => match settings.custom_tags.get(custom)? {
                CustomKind::Text => TagKind::Text,
                CustomKind::Number => TagKind::Number,
                CustomKind::Bytes => TagKind::Bytes,
            },
        })
    }

    /// Whether the service sends the value as a number.
    pub fn is_number(self) -> bool {
        use TagKind::{BirthDay, Flag, Number, Uint32};
        matches!(self, BirthDay | Flag | Uint32 | Number)
    }
}

/// Whether a tag is a custom tag that an app can have, even if the console would no longer create it.
pub fn has_custom_prefix(tag: &str) -> bool {
    tag.strip_prefix(CUSTOM_PREFIX).is_some_and(|keyword| !keyword.is_empty())
}

/// Whether the console can create the tag: `Tag_Profile_Custom_` and 1 to 8 letters, or the older form with the
/// SDKAppID in between.
pub fn is_custom_tag(tag: &str) -> bool {
    let Some(keyword) = tag.strip_prefix(CUSTOM_PREFIX) else {
        return false;
    };
    let keyword = match keyword.split_once('_') {
        Some((sdkappid, keyword)) if sdkappid.bytes().all(|byte| byte.is_ascii_digit()) => keyword,
        _ => keyword,
    };
    (1..=8).contains(&keyword.len()) && keyword.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A tag of a call, with its kind and salt.
#[derive(Debug)]
pub struct Tag<'t> {
    pub name: &'t str,
    pub kind: TagKind,
    pub salt: u64,
}

impl<'t> Tag<'t> {
    pub fn new(name: &'t str, kind: TagKind) -> Tag<'t> {
        Tag { name, kind, salt: salt(name) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_tags_of_the_app_have_a_kind() {
        let custom_tags = BTreeMap::from([
            ("Tag_Profile_Custom_Test".to_owned(), CustomKind::Number),
            ("Tag_Profile_Custom_Blob".to_owned(), CustomKind::Bytes),
        ]);
        let settings = PopulationSettings { custom_tags, ..PopulationSettings::default() };
        for (tag, kind) in [
            ("Tag_Profile_IM_Nick", Some(TagKind::Nick)),
            ("Tag_Profile_IM_BirthDay", Some(TagKind::BirthDay)),
            ("Tag_Profile_IM_Birthday", None),
            ("Tag_Profile_Custom_Test", Some(TagKind::Number)),
            ("Tag_Profile_Custom_Blob", Some(TagKind::Bytes)),
            ("Tag_Profile_Custom_test", None),
            ("Tag_Profile_Custom_Coins", None),
            ("", None),
        ] {
            assert_eq!(TagKind::of(tag, &settings), kind, "{tag}");
        }
        let none = PopulationSettings::default();
        assert_eq!(TagKind::of("Tag_Profile_Custom_Test", &none), None);
    }

    #[test]
    fn custom_tags_are_short_and_made_of_letters() {
        for (tag, expected) in [
            ("Tag_Profile_Custom_Test", true),
            ("Tag_Profile_Custom_888888_Test", true),
            ("Tag_Profile_Custom_", false),
            ("Tag_Profile_Custom_TooLongOne", false),
            ("Tag_Profile_Custom_A1", false),
            ("Tag_Profile_IM_Nick", false),
        ] {
            assert_eq!(is_custom_tag(tag), expected, "{tag}");
        }
    }
}
