//! The tags of the app: which there are and what each holds (`reference/im-rest-api.md` section 4).

use super::faults::salt_of;
use super::settings::{CustomKind, PopulationSettings};

/// What every custom tag begins with.
const CUSTOM_PREFIX: &str = "Tag_Profile_Custom_";

/// Custom tags that hold numbers when the settings do not say otherwise.
const NUMBER_TAGS: [&str; 6] = ["Score", "Points", "Coins", "Level", "Rank", "Id"];

/// What a tag holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TagKind {
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
    /// The kind of a tag; `None` when the app has no such tag.
    pub(super) fn of(tag: &str, settings: &PopulationSettings) -> Option<TagKind> {
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
            custom if settings.custom_tags.is_empty() && is_custom_tag(custom) => {
                let keyword = custom.rsplit('_').next().unwrap_or_default();
                if NUMBER_TAGS.contains(&keyword) { TagKind::Number } else { TagKind::Text }
            }
            listed => match settings.custom_tags.get(listed)? {
                CustomKind::Text => TagKind::Text,
                CustomKind::Number => TagKind::Number,
                CustomKind::Bytes => TagKind::Bytes,
            },
        })
    }

    /// Whether the service gives the tag as a number.
    pub(super) fn is_number(self) -> bool {
        use TagKind::{BirthDay, Flag, Number, Uint32};
        matches!(self, BirthDay | Flag | Uint32 | Number)
    }
}

/// `Tag_Profile_Custom_` and 1 to 8 letters, or the older form with the SDKAppID in between.
pub(super) fn is_custom_tag(tag: &str) -> bool {
    let Some(keyword) = tag.strip_prefix(CUSTOM_PREFIX) else {
        return false;
    };
    let keyword = match keyword.split_once('_') {
        Some((sdkappid, keyword)) if sdkappid.bytes().all(|byte| byte.is_ascii_digit()) => keyword,
        _ => keyword,
    };
    (1..=8).contains(&keyword.len()) && keyword.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A tag of a call, looked at once.
#[derive(Debug)]
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    pub(super) kind: TagKind,
    pub(super) salt: u64,
}

impl<'t> Tag<'t> {
    pub(super) fn new(name: &'t str, kind: TagKind) -> Tag<'t> {
        Tag { name, kind, salt: salt_of(name) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NICK: &str = "Tag_Profile_IM_Nick";

    #[test]
    fn tags_that_do_not_exist_have_no_value() {
        let settings = PopulationSettings::default();
        for (tag, kind) in [
            (NICK, Some(TagKind::Nick)),
            ("Tag_Profile_IM_BirthDay", Some(TagKind::BirthDay)),
            ("Tag_Profile_IM_Birthday", None),
            ("Tag_Profile_Custom_Coins", Some(TagKind::Number)),
            ("Tag_Profile_Custom_Test", Some(TagKind::Text)),
            ("Tag_Profile_Custom_888888_Test", Some(TagKind::Text)),
            ("Tag_Profile_Custom_", None),
            ("Tag_Profile_Custom_TooLongOne", None),
            ("Tag_Profile_Custom_A1", None),
            ("", None),
        ] {
            assert_eq!(TagKind::of(tag, &settings), kind, "{tag}");
        }
        let custom_tags =
            BTreeMap::from([("Tag_Profile_Custom_Test".to_owned(), CustomKind::Number)]);
        let listed = PopulationSettings { custom_tags, ..settings };
        assert_eq!(TagKind::of("Tag_Profile_Custom_Test", &listed), Some(TagKind::Number));
        assert_eq!(TagKind::of("Tag_Profile_Custom_Coins", &listed), None);
    }
}
