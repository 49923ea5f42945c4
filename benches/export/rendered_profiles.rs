//! Profiles of the emulator with five tags, rendered once.

use std::ops::Range;

use im_profiles::emulator::{Credentials, Emulator, Profiles, Settings};
use im_profiles::internals::{request_body, tag_list};
use xxhash_rust::xxh3::xxh3_64;

use crate::responses::FIVE_TAGS;

/// More distinct values than a dictionary of the encoder holds.
const PROFILES: usize = 32_768;

/// One call in eight has non-ASCII characters as `\uXXXX`, as with the emulator.
const ESCAPED_CALLS: u64 = 8;

const BEFORE_ACCOUNT: &str = r#"{"UserProfileItem":[{"To_Account":""#;
const AFTER_ITEM: &str = r#"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;

/// What follows the account's name in an item, for each profile, plain and escaped.
pub struct RenderedProfiles {
    plain: Rendered,
    escaped: Rendered,
}

/// Texts one after the other.
#[derive(Default)]
struct Rendered {
    text: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl RenderedProfiles {
    pub fn render() -> RenderedProfiles {
        RenderedProfiles { plain: Rendered::new(0.0), escaped: Rendered::new(1.0) }
    }

    /// Whether the response to a call is escaped, by the part of the request that starts with its accounts.
    pub fn is_escaped(&self, accounts: &[u8]) -> bool {
        xxh3_64(&accounts[..accounts.len().min(32)]).is_multiple_of(ESCAPED_CALLS)
    }

    /// The rest of an item after the account's name, with its comma.
    pub fn after_account(&self, account: &[u8], is_escaped: bool) -> &[u8] {
        let rendered = if is_escaped { &self.escaped } else { &self.plain };
        &rendered.text[rendered.ranges[xxh3_64(account) as usize % PROFILES].clone()]
    }
}

impl Rendered {
    fn new(escaped_share: f64) -> Rendered {
        let mut settings = Settings::default();
        settings.quirks.escape_non_ascii = escaped_share;
        settings.quirks.escape_slashes = 0.0;
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        let tags = tag_list(FIVE_TAGS.into_iter());
        let mut rendered = Rendered::default();
        for number in 0..PROFILES {
            let account = number.to_string();
            let request = request_body([account.as_str()].into_iter(), &tags);
            let body = emulator.portrait_get(request.as_bytes()).unwrap();
            let body = str::from_utf8(&body).unwrap().strip_prefix(BEFORE_ACCOUNT).unwrap();
            let item = body.strip_prefix(&account).unwrap().strip_suffix(AFTER_ITEM).unwrap();
            let start = rendered.text.len();
            rendered.text.extend_from_slice(item.as_bytes());
            rendered.text.push(b',');
            rendered.ranges.push(start..rendered.text.len());
        }
        rendered
    }
}
