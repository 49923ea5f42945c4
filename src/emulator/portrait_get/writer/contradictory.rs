//! What an answer says of an account when it contradicts itself.

use super::super::super::contradictions::Contradiction;
use super::super::super::faults::{mix, pick, salt_of};
use super::super::super::population::Profile;
use super::{ItemCode, Writer};
use crate::api::response::NOT_FOUND_MARKER;

/// What comes in place of a `ResultCode`.
const UNREADABLE_CODES: [&str; 4] = ["null", "\"OK\"", "true", "false"];

/// What comes in place of the account.
const MARKERS: [&str; 3] = [NOT_FOUND_MARKER, "@TLS#ERROR", ""];

/// The code that a marker comes with: the service failed to read a profile that is there.
const READ_FAILED: i64 = 40006;

impl Writer<'_> {
    pub(super) fn write_contradiction(
        &mut self,
        contradiction: Contradiction,
        account: &str,
        hash: u64,
        profile: &Profile<'_>,
    ) {
        let choice = mix(hash, salt_of("choice"));
        match contradiction {
            Contradiction::FailedWithoutItem => self.push_failed(account),
            Contradiction::FailedWithProfile => {
                self.write_profile(account, hash, profile);
                self.end_item(ItemCode::Number(0));
                self.push_failed(account);
            }
            Contradiction::UnreadableCode => {
                self.write_profile(account, hash, profile);
                self.end_item(ItemCode::Json(pick(&UNREADABLE_CODES, choice)));
            }
            Contradiction::BareItem => {
                self.start_item(account);
                self.end_item(ItemCode::Missing);
            }
            Contradiction::FailedMarker => {
                self.start_item(pick(&MARKERS, choice));
                self.end_item(ItemCode::Number(READ_FAILED));
                self.push_unknown_as_failed(account);
            }
        }
    }
}
