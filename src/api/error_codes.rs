//! The error codes of the service as data: what each means to the run, to a person, and what mends it.
//!
//! Source: `docs/im-rest-api.md` section 5, from the error lists 269/1671 and 1047/34348.

use std::time::Duration;

/// What a code means to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Passing: ask again after a backoff, up to the attempts there are.
    Retry,
    /// Too fast: slow the whole client down, then ask again; costs no account an attempt.
    Throttle,
    /// Nothing further can succeed: stop the run.
    Fatal,
    /// Something in the chunk is not to the service's liking: bisect until the account stands alone.
    BadBatch,
    /// Final for this account, and for no other.
    Permanent,
}

/// How one code is dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCodeRule {
    /// The code in `ErrorCode` or `ResultCode`.
    pub code: i64,
    /// Whether the first thing to do is to sign anew and ask again, once.
    pub resign: bool,
    /// What it means otherwise.
    pub class: Class,
    /// For how many tries `class` holds, where it is not for as many as the job allows.
    pub tries: Option<u32>,
    /// What it means after `tries`.
    pub then: Class,
    /// How long the whole client keeps still at the least when the code throttles.
    pub pause: Duration,
    /// What the code says, in a few words.
    pub meaning: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
}

impl ErrorCodeRule {
    /// The rule for a code. An unlisted code may pass; in the profile family, one that an account gets three times in a row
    /// is about that account.
    pub fn for_code(code: i64) -> ErrorCodeRule {
        if let Ok(index) = RULES.binary_search_by_key(&code, |rule| rule.code) {
            return RULES[index];
        }
        let unlisted = rule(code, Class::Retry, "a code that is in no list", REPORT);
        let is_of_profiles = (40000..41000).contains(&code);
        if is_of_profiles { for_tries(unlisted, 3, Class::BadBatch) } else { unlisted }
    }

    /// What the code means to a chunk that has had it `tries_so_far` times in a row.
    pub fn class_after(&self, tries_so_far: u32) -> Class {
        match self.tries {
            Some(tries) if tries_so_far >= tries => self.then,
            _ => self.class,
        }
    }

    /// Whether the code says that the account does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self.code, 40003 | 70107)
    }
}

const fn rule(
    code: i64,
    class: Class,
    meaning: &'static str,
    remedy: &'static str,
) -> ErrorCodeRule {
    ErrorCodeRule {
        code,
        resign: false,
        class,
        tries: None,
        then: class,
        pause: Duration::ZERO,
        meaning,
        remedy,
    }
}

const fn for_tries(rule: ErrorCodeRule, tries: u32, then: Class) -> ErrorCodeRule {
    ErrorCodeRule { tries: Some(tries), then, ..rule }
}

const fn pausing(rule: ErrorCodeRule, pause: Duration) -> ErrorCodeRule {
    ErrorCodeRule { pause, ..rule }
}

const fn resign(rule: ErrorCodeRule) -> ErrorCodeRule {
    ErrorCodeRule { resign: true, ..rule }
}

const KEY: &str = "check that api.sdkappid and the secret key belong to the same app";
const REGION: &str = "check api.sdkappid, and that api.region is the app's data centre";
const ADMIN: &str = "set api.identifier to an administrator account of the app";
const CLOCK_OR_KEY: &str = "check this machine's clock, and that the secret key is the app's current one; a UserSig that \
     api.usersig_env names has to be made anew";
const PLAN: &str = "look at the app's plan and service state in the console";
const REPORT: &str = "this is not expected of a read; report it with the answer's text";
const WAIT: &str = "it passes by itself; run again if accounts failed by it";
const SLOWER: &str = "lower api.calls_per_second, or raise the app's limit in the console";
const LOOK: &str = "look at the account, and at the text the service gave";

/// Every code that is known, in ascending order.
pub const RULES: &[ErrorCodeRule] = {
    use Class::{BadBatch, Fatal, Permanent, Retry, Throttle};
    &[
        rule(40001, BadBatch, "a request parameter is wrong", LOOK),
        rule(40002, BadBatch, "no account was given", LOOK),
        rule(40003, Permanent, "the account does not exist", LOOK),
        rule(40004, Fatal, "administrator right needed", ADMIN),
        rule(40005, Permanent, "a sensitive word in a field", LOOK),
        rule(40006, Retry, "internal error of the service", WAIT),
        rule(
            40007,
            Fatal,
            "no right to read a field",
            "give the tag the app-admin read right in the console, or drop the column",
        ),
        rule(40008, Fatal, "no right to write a field", REPORT),
        rule(
            40009,
            Fatal,
            "a tag does not exist",
            "check the tags in [[columns]]; a new custom field takes 5 minutes to appear",
        ),
        rule(40601, Permanent, "a value is longer than 500 bytes", LOOK),
        rule(40605, Permanent, "a bad value of a standard field", LOOK),
        rule(40610, BadBatch, "a value of the wrong type", LOOK),
        rule(60002, BadBatch, "the service could not parse the HTTP request", REPORT),
        rule(60003, BadBatch, "the service could not parse the JSON request", REPORT),
        resign(rule(60004, Retry, "account check failed", CLOCK_OR_KEY)),
        resign(rule(60005, Retry, "account check failed", CLOCK_OR_KEY)),
        rule(60006, Fatal, "the SDKAppID is invalid", REGION),
        rule(60007, Throttle, "call frequency over the limit", SLOWER),
        for_tries(rule(60008, Retry, "service timeout or request format error", WAIT), 5, BadBatch),
        rule(60009, Fatal, "the service does not know this command", "check api.base_url"),
        rule(60010, Fatal, "administrator needed", ADMIN),
        rule(60011, Throttle, "the app's overall frequency over the limit", SLOWER),
        rule(60012, Fatal, "the SDKAppID is missing", REGION),
        rule(60013, Retry, "the service could not parse its backend's reply", WAIT),
        rule(60014, Retry, "account check timed out", WAIT),
        rule(60015, BadBatch, "an account in the request is not a string", REPORT),
        rule(60016, Fatal, "the SDKAppID is disabled", PLAN),
        rule(60017, Fatal, "this request is disabled", PLAN),
        rule(60018, Throttle, "too frequent", SLOWER),
        rule(60019, Throttle, "too frequent", SLOWER),
        rule(60020, Fatal, "the plan has expired or the service is stopped", PLAN),
        rule(
            60021,
            Fatal,
            "this machine's IP address may not call the REST API",
            "add the address to the app's allowed addresses in the console",
        ),
        rule(
            60025,
            Fatal,
            "SDKAppID, identifier, UserSig or content type in the URL is wrong",
            "check api.sdkappid and api.identifier",
        ),
        rule(
            60026,
            Fatal,
            "the app lives in another data centre",
            "set api.region to the app's data centre",
        ),
        rule(60027, Fatal, "the app's product type may not use this", PLAN),
        rule(
            60028,
            Fatal,
            "the trial edition's calls of 24 hours are used up",
            "run again tomorrow, or change the plan",
        ),
        resign(rule(70001, Fatal, "the UserSig has expired", CLOCK_OR_KEY)),
        rule(
            70002,
            Fatal,
            "the UserSig is empty",
            "check the environment variable or file that api names for it",
        ),
        resign(rule(70003, Fatal, "the UserSig is illegal", CLOCK_OR_KEY)),
        resign(rule(70004, Fatal, "UserSig verification failed", CLOCK_OR_KEY)),
        resign(rule(70005, Fatal, "the UserSig is illegal", CLOCK_OR_KEY)),
        resign(rule(70006, Fatal, "UserSig verification failed", CLOCK_OR_KEY)),
        resign(rule(70007, Fatal, "UserSig verification failed", CLOCK_OR_KEY)),
        resign(rule(70008, Fatal, "UserSig verification failed", CLOCK_OR_KEY)),
        resign(rule(70009, Fatal, "the UserSig was made with another app's key", KEY)),
        resign(rule(70010, Fatal, "UserSig verification failed", CLOCK_OR_KEY)),
        rule(
            70013,
            Fatal,
            "the identifier is not the UserSig's",
            "check that api.identifier is the one the UserSig was made for",
        ),
        rule(
            70014,
            Fatal,
            "the SDKAppID is not the UserSig's",
            "check that api.sdkappid is the one the UserSig was made for",
        ),
        rule(70016, Fatal, "the app's key was not found", REGION),
        rule(70020, Fatal, "the SDKAppID was not found", REGION),
        pausing(
            for_tries(
                rule(
                    70050,
                    Throttle,
                    "UserSig failed too often, locked for a minute",
                    CLOCK_OR_KEY,
                ),
                1,
                Fatal,
            ),
            Duration::from_secs(61),
        ),
        rule(70051, Fatal, "the administrator account is on a blocklist", ADMIN),
        resign(rule(70052, Fatal, "the UserSig is no longer valid", CLOCK_OR_KEY)),
        rule(70107, Permanent, "the account is not imported", LOOK),
        rule(70114, Throttle, "restricted for security, too many logins", SLOWER),
        rule(70169, Retry, "the service timed out", WAIT),
        rule(70202, Retry, "the service timed out", WAIT),
        rule(70206, BadBatch, "an illegal number of accounts in a call", REPORT),
        resign(rule(70346, Fatal, "the UserSig is bad", CLOCK_OR_KEY)),
        rule(70398, Fatal, "the plan's number of accounts is used up", PLAN),
        rule(70399, Permanent, "a deleted account", LOOK),
        rule(70402, BadBatch, "illegal parameters", LOOK),
        rule(70403, Fatal, "administrator needed", ADMIN),
        rule(70404, Fatal, "the client's SDK is too old", REPORT),
        rule(70500, Retry, "internal error of the service", WAIT),
        rule(71000, Fatal, "the app may not delete accounts", REPORT),
        rule(72000, Fatal, "the trial edition's daily users are used up", PLAN),
        rule(72001, Fatal, "the feature is not enabled", PLAN),
        rule(72002, Fatal, "the trial edition's monthly users are used up", PLAN),
        rule(72010, Throttle, "one user's requests too frequent", SLOWER),
        rule(72011, Fatal, "the feature is not enabled", PLAN),
        rule(72012, Fatal, "the feature is not enabled", PLAN),
        rule(80005, Fatal, "the service is stopped", PLAN),
        rule(90992, Retry, "internal error of the service", WAIT),
        rule(91000, Retry, "internal error of the service", WAIT),
    ]
};

#[cfg(test)]
mod tests {
    use super::Class::{BadBatch, Fatal, Permanent, Retry, Throttle};
    use super::*;

    /// Section 5 of `docs/im-rest-api.md`, class by class.
    const REFERENCE: &[(Class, &[i64])] = &[
        (Retry, &[40006, 60004, 60005, 60008, 60013, 60014, 70169, 70202, 70500, 90992, 91000]),
        (Throttle, &[60007, 60011, 60018, 60019, 70050, 70114, 72010]),
        (
            Fatal,
            &[
                40004, 40007, 40008, 40009, 60006, 60009, 60010, 60012, 60016, 60017, 60020, 60021,
                60025, 60026, 60027, 60028, 70001, 70002, 70003, 70004, 70005, 70006, 70007, 70008,
                70009, 70010, 70013, 70014, 70016, 70020, 70051, 70052, 70346, 70398, 70403, 70404,
                71000, 72000, 72001, 72002, 72011, 72012, 80005,
            ],
        ),
        (BadBatch, &[40001, 40002, 40610, 60002, 60003, 60015, 70206, 70402]),
        (Permanent, &[40003, 40005, 40601, 40605, 70107, 70399]),
    ];

    #[test]
    fn every_code_has_the_class_of_the_reference() {
        let mut walked = 0;
        for (class, codes) in REFERENCE {
            for &code in *codes {
                assert_eq!(ErrorCodeRule::for_code(code).class, *class, "{code}");
                walked += 1;
            }
        }
        assert_eq!(walked, RULES.len(), "a code is in the table and not in the test");
    }

    #[test]
    fn codes_are_in_ascending_order_and_each_once() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn codes_requiring_renewal() {
        let resigned: Vec<i64> =
            RULES.iter().filter(|rule| rule.resign).map(|rule| rule.code).collect();
        assert_eq!(
            resigned,
            [
                60004, 60005, 70001, 70003, 70004, 70005, 70006, 70007, 70008, 70009, 70010, 70052,
                70346
            ]
        );
    }

    #[test]
    fn limited_tries_end_in_the_class_of_the_reference() {
        for (code, tries, then) in [(60008, 5, BadBatch), (70050, 1, Fatal)] {
            let rule = ErrorCodeRule::for_code(code);
            assert_eq!(rule.class_after(tries - 1), rule.class, "{code}");
            assert_eq!(rule.class_after(tries), then, "{code}");
        }
        for code in [40006, 60004, 60005, 60013] {
            assert_eq!(ErrorCodeRule::for_code(code).class_after(1000), Retry, "{code}");
        }
    }

    #[test]
    fn unlisted_codes_may_pass_whatever_their_number() {
        for code in [60099, 79999, -10113, 1] {
            assert_eq!(ErrorCodeRule::for_code(code).class_after(1000), Retry, "{code}");
        }
        assert_eq!(ErrorCodeRule::for_code(40999).class_after(2), Retry);
        assert_eq!(ErrorCodeRule::for_code(40999).class_after(3), BadBatch);
    }
}
