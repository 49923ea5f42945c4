//! Writes contradictions about an account.

use super::super::super::contradictions::Contradiction;
use super::super::super::draw::{mix, pick, salt};
use super::super::super::population::AccountProfile;
use super::{ItemCode, ResponseWriter};
use crate::api::response::NOT_FOUND_MARKER;

/// JSON in place of a `ResultCode`.
const UNREADABLE_CODES: [&str; 4] = ["null", "\"OK\"", "true", "false"];

/// Markers in place of the account.
const MARKERS: [&str; 3] = [NOT_FOUND_MARKER, "@TLS#ERROR", ""];

/// Code of an item with a marker: the service failed to read an existing profile.
const READ_FAILED: i64 = 40006;

impl ResponseWriter<'_> {
    pub fn write_contradiction(
        &mut self,
        contradiction: Contradiction,
        account: &str,
        hash: u64,
        profile: &AccountProfile<'_>,
    ) {
        let choice = mix(hash, salt("choice"));
        match contradiction {
            Contradiction::FailedWithoutItem => self.push_failed_account(account),
            Contradiction::FailedWithProfile => {
                self.write_profile(account, hash, profile);
                self.end_item(ItemCode::Number(0));
                self.push_failed_account(account);
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
                self.push_unnamed_failure(account);
            }
        }
    }
}
