//! Values generated from the seed, the account and the tag: realistic ones, and ones that break careless readers
//! (commas, quotes, newlines, emoji, 64-bit numbers).

use std::fmt::Write;

use super::draw::{falls_within, mix, pick};
use super::profiles::ProfileValueRef;
use super::settings::{PopulationSettings, Quirks};
use super::tags::TagKind;

const NAMES: [&str; 20] = [
    "小明",
    "李雷",
    "韩梅梅",
    "张三",
    "王伟",
    "刘洋",
    "Anna",
    "José",
    "Zoë",
    "Мария",
    "さくら",
    "지민",
    "Nguyễn Văn",
    "محمد",
    "O'Brien",
    "Lena",
    "user",
    "Łukasz",
    "Ömer",
    "𠮷野",
];
const ENDINGS: [&str; 20] = [
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    " 🎉",
    "👨‍👩‍👧‍👦",
    ", Jr.",
    " \"the Great\"",
    "\nsecond line",
    "\r\n",
    "\\",
    "\t",
    "<b>&amp;",
    "=1+1",
    " ",
    ",\"\",",
];
const SENTENCES: [&str; 10] = [
    "天道酬勤",
    "生活不止眼前的苟且，还有诗和远方",
    "I'm here",
    "Busy, back at 5",
    "She said \"never\", and left.",
    "line one\nline two\nline three",
    "☕️ then code",
    "NULL",
    "0",
    "a;b|c\td",
];
const PLACES: [&str; 8] =
    ["上海", "北京朝阳区", "Shenzhen", "São Paulo", "Berlin", "東京", "1,2,3,4", "Paris \"75\""];
const GENDERS: [&str; 3] = ["Gender_Type_Unknown", "Gender_Type_Female", "Gender_Type_Male"];
const ALLOW_TYPES: [&str; 3] =
    ["AllowType_Type_NeedConfirm", "AllowType_Type_AllowAny", "AllowType_Type_DenyAny"];
const ADMIN_FORBIDS: [&str; 2] = ["AdminForbid_Type_None", "AdminForbid_Type_SendOut"];
/// 498 bytes: the longest text of three-byte characters within the limit of 500 bytes.
const LONGEST_TEXT_CHARACTERS: usize = 166;

const INVALID_BIRTHDAYS: [u64; 4] = [20_010_229, 19_991_131, 19_000_000, 85];

/// Purposes of the random decisions about one value.
const UNSET: u64 = 1;
const EMPTY: u64 = 2;
const CONTROL: u64 = 3;
const DIGITS: u64 = 4;
const SURROGATE: u64 = 5;
const CHOICE: u64 = 6;
const SECOND_CHOICE: u64 = 7;
const NO_DATE: u64 = 8;

/// Whether a text is sent as a JSON number.
pub fn is_sent_as_number(hash: u64, quirks: &Quirks) -> bool {
    falls_within(mix(hash, DIGITS), quirks.strings_as_numbers)
}

/// The value for the hash of an account and a tag; `None` if the account never set it.
pub fn value<'s>(
    kind: TagKind,
    hash: u64,
    settings: &PopulationSettings,
    quirks: &Quirks,
    scratch: &'s mut String,
) -> Option<ProfileValueRef<'s>> {
    if falls_within(mix(hash, UNSET), settings.unset) {
        return None;
    }
    let choice = mix(hash, CHOICE);
    let text = match kind {
        TagKind::BirthDay if falls_within(mix(hash, NO_DATE), settings.invalid_birthdays) => {
            return Some(ProfileValueRef::Number(pick(&INVALID_BIRTHDAYS, choice)));
        }
        TagKind::BirthDay => return Some(ProfileValueRef::Number(birthday(choice))),
        TagKind::Flag => return Some(ProfileValueRef::Number(choice % 2)),
        TagKind::Uint32 => {
            return Some(ProfileValueRef::Number(number(choice) & u64::from(u32::MAX)));
        }
        TagKind::Number => return Some(ProfileValueRef::Number(number(choice))),
        TagKind::Gender => pick(&GENDERS, choice),
        TagKind::AllowType => pick(&ALLOW_TYPES, choice),
        TagKind::AdminForbid => pick(&ADMIN_FORBIDS, choice),
        _ if falls_within(mix(hash, EMPTY), settings.empty) => "",
        TagKind::Location => pick(&PLACES, choice),
        TagKind::Nick | TagKind::Text | TagKind::Bytes | TagKind::Image => {
            write_text(kind, hash, quirks, scratch);
            if falls_within(mix(hash, CONTROL), settings.control_characters) {
                scratch.push_str("\u{0}\u{1}\u{8}\u{1f}\u{7f}");
            }
            scratch.as_str()
        }
    };
    Some(ProfileValueRef::Text(text))
}

fn write_text(kind: TagKind, hash: u64, quirks: &Quirks, text: &mut String) {
    text.clear();
    let (first, second) = (mix(hash, CHOICE), mix(hash, SECOND_CHOICE));
    if kind != TagKind::Image && is_sent_as_number(hash, quirks) {
        write_formatted(text, format_args!("{}", number(second)));
    } else if kind == TagKind::Image {
        write_formatted(text, format_args!("https://cdn.example.com/avatar/{first:016x}.png"));
    } else if kind == TagKind::Nick {
        text.push_str(pick(&NAMES, first));
        if first & (1 << 40) != 0 {
            write_formatted(text, format_args!(" {}", second >> 50));
        }
        text.push_str(pick(&ENDINGS, second));
        if falls_within(mix(hash, SURROGATE), quirks.lone_surrogates) {
            text.push('\u{fffd}');
        }
    } else if first >> 56 == 0 {
        text.extend(std::iter::repeat_n('字', LONGEST_TEXT_CHARACTERS));
    } else {
        text.push_str(pick(&SENTENCES, second));
    }
}

fn write_formatted(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing into a String cannot fail");
}

/// A date as yyyymmdd.
fn birthday(random: u64) -> u64 {
    let (year, month, day) = (1950 + random % 65, 1 + (random >> 8) % 12, 1 + (random >> 16) % 28);
    year * 10_000 + month * 100 + day
}

/// Mostly small numbers, and the limits of 32 and 64 bits.
fn number(random: u64) -> u64 {
    match random >> 60 {
        0 => 0,
        1 => u64::MAX,
        2 => u64::from(u32::MAX),
        3 => random,
        4 => i64::MAX as u64 + (random & 1),
        _ => (random >> 8) % 100_000,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn all_of(kind: TagKind, quirks: &Quirks) -> Vec<Option<String>> {
        let settings = PopulationSettings { unset: 0.2, empty: 0.1, ..Default::default() };
        let mut scratch = String::new();
        let values = (0..2_000).map(|account| {
            value(kind, mix(account, 99), &settings, quirks, &mut scratch).map(
                |value| match value {
                    ProfileValueRef::Text(text) => text.to_owned(),
                    ProfileValueRef::Number(number) => number.to_string(),
                },
            )
        });
        values.collect()
    }

    #[test]
    fn nicks_contain_difficult_characters() {
        let nicks = all_of(TagKind::Nick, &Quirks::default());
        for piece in ["小明", "🎉", "👨‍👩‍👧‍👦", ",", "\"", "\n", "\r\n", "\\", "\t", "=1+1"]
        {
            assert!(nicks.iter().flatten().any(|nick| nick.contains(piece)), "{piece:?}");
        }
        assert!(nicks.iter().filter(|nick| nick.is_none()).count() > 300);
        assert!(nicks.iter().flatten().filter(|nick| nick.is_empty()).count() > 100);
        assert!(nicks.iter().flatten().collect::<HashSet<_>>().len() > 500);
    }

    #[test]
    fn numbers_include_the_limits_of_32_and_64_bits() {
        let numbers: HashSet<_> =
            all_of(TagKind::Number, &Quirks::default()).into_iter().flatten().collect();
        for border in ["0", "18446744073709551615", "4294967295", "9223372036854775808"] {
            assert!(numbers.contains(border), "{border}");
        }
        let small = all_of(TagKind::Uint32, &Quirks::default());
        assert!(small.iter().flatten().all(|number| number.parse::<u32>().is_ok()));
        assert!(small.contains(&Some(u32::MAX.to_string())));
    }

    #[test]
    fn birthdays_are_dates() {
        for day in all_of(TagKind::BirthDay, &Quirks::default()).into_iter().flatten() {
            assert!(jiff::civil::Date::strptime("%Y%m%d", &day).is_ok(), "{day}");
        }
    }

    #[test]
    fn invalid_birthdays_are_not_dates() {
        let settings = PopulationSettings { invalid_birthdays: 1.0, ..Default::default() };
        let mut scratch = String::new();
        for hash in 0..100 {
            let kind = TagKind::BirthDay;
            let day = value(kind, mix(hash, 9), &settings, &Quirks::default(), &mut scratch);
            let Some(ProfileValueRef::Number(day)) = day else { continue };
            assert!(jiff::civil::Date::strptime("%Y%m%d", day.to_string()).is_err(), "{day}");
        }
    }

    #[test]
    fn texts_are_within_the_limits_of_the_service() {
        for (kind, max_bytes) in [
            (TagKind::Nick, 500),
            (TagKind::Text, 500),
            (TagKind::Location, 16),
            (TagKind::Image, 500),
        ] {
            let longest = all_of(kind, &Quirks::default()).iter().flatten().map(String::len).max();
            assert!(longest <= Some(max_bytes), "{kind:?} {longest:?}");
        }
        assert!(all_of(TagKind::Text, &Quirks::default()).iter().flatten().any(|t| t.len() == 498));
    }

    #[test]
    fn quirks_change_texts() {
        let digits = Quirks { strings_as_numbers: 1.0, ..Quirks::default() };
        let texts = all_of(TagKind::Text, &digits);
        assert!(texts.iter().flatten().all(|text| text.is_empty() || text.parse::<u64>().is_ok()));
        let halves = Quirks { lone_surrogates: 1.0, ..Quirks::default() };
        let nicks = all_of(TagKind::Nick, &halves);
        assert!(nicks.iter().flatten().all(|nick| nick.is_empty() || nick.ends_with('\u{fffd}')));
    }
}
