//! The documented error codes.
//!
//! Source: `docs/im-rest-api.md` section 5, from the error lists 269/1671 and 1047/34348.

use std::time::Duration;

use super::{Class, ErrorCodeRule, Fault};

impl ErrorCodeRule {
    const fn with_renewal(self) -> ErrorCodeRule {
        ErrorCodeRule { renews_signature: true, ..self }
    }

    const fn up_to(self, tries: u32, final_class: Class) -> ErrorCodeRule {
        ErrorCodeRule { max_tries: Some(tries), final_class, ..self }
    }

    const fn with_pause(self, min_pause: Duration) -> ErrorCodeRule {
        ErrorCodeRule { min_pause, ..self }
    }

    /// The rule for a code that is not in the table. It may pass; in the profile family, one that an account gets three
    /// times in a row is about that account.
    pub(super) const fn undocumented(code: i64) -> ErrorCodeRule {
        let rule = rule(code, Class::Retry, Fault::Unspecified, "an undocumented code", REPORT);
        let is_of_profiles = 40_000 <= code && code < 41_000;
        if is_of_profiles { rule.up_to(3, Class::BadBatch) } else { rule }
    }
}

const fn rule(
    code: i64,
    class: Class,
    fault: Fault,
    meaning: &'static str,
    remedy: &'static str,
) -> ErrorCodeRule {
    ErrorCodeRule {
        code,
        class,
        fault,
        renews_signature: false,
        max_tries: None,
        final_class: class,
        min_pause: Duration::ZERO,
        meaning,
        remedy,
    }
}

const KEY: &str = "check that api.sdkappid and the secret key belong to the same app";
const REGION: &str = "check api.sdkappid, and that api.region is the app's data center";
const ADMIN: &str = "set api.identifier to an administrator account of the app";
const CLOCK_OR_KEY: &str = "check this machine's clock, and that the secret key is the app's current one, or put a new \
     UserSig into the variable of api.usersig_env";
const PLAN: &str = "check the app's plan and service state in the console";
const REPORT: &str =
    "this code is not expected for a read; report it with the text of the response";
const WAIT: &str = "wait until the service has recovered";
const SLOWER: &str = "set api.calls_per_second to what the app's limit leaves for this job, or raise the limit in the console";
const ACCOUNT: &str = "check the account, and the text that the service returned";

/// Every documented code, in ascending order.
pub const RULES: &[ErrorCodeRule] = {
    use Class::{BadBatch, Fatal, Permanent, Retry, Throttle};
    use Fault::{
        Address, Administrator, App, Clock, Identifier, Key, PlanOrState, Rate, Region, Revocation,
        SdkAppId, Signature, Tag, UnknownAccount, Unspecified,
    };
    &[
        rule(40001, BadBatch, Unspecified, "a request parameter is wrong", ACCOUNT),
        rule(40002, BadBatch, Unspecified, "no account was given", ACCOUNT),
        rule(40003, Permanent, UnknownAccount, "the account does not exist", ACCOUNT),
        rule(40004, Fatal, Administrator, "administrator rights required", ADMIN),
        rule(40005, Permanent, Unspecified, "a field contains a sensitive word", ACCOUNT),
        rule(40006, Retry, Unspecified, "internal error of the service", WAIT),
        rule(
            40007,
            Fatal,
            Tag,
            "no permission to read a field",
            "give the tag the app-admin read right in the console, or drop the column",
        ),
        rule(40008, Fatal, Unspecified, "no permission to write a field", REPORT),
        rule(
            40009,
            Fatal,
            Tag,
            "a tag does not exist",
            "check the tags in [[columns]]; a new custom field takes 5 minutes to appear",
        ),
        rule(40601, Permanent, Unspecified, "a value is longer than 500 bytes", ACCOUNT),
        rule(40605, Permanent, Unspecified, "a value of a standard field is invalid", ACCOUNT),
        rule(40610, BadBatch, Unspecified, "a value has the wrong type", ACCOUNT),
        rule(60002, BadBatch, Unspecified, "the service could not parse the HTTP request", REPORT),
        rule(60003, BadBatch, Unspecified, "the service could not parse the JSON request", REPORT),
        rule(60004, Retry, Signature, "account check failed", CLOCK_OR_KEY).with_renewal(),
        rule(60005, Retry, Signature, "account check failed", CLOCK_OR_KEY).with_renewal(),
        rule(60006, Fatal, App, "the SDKAppID is invalid", REGION),
        rule(60007, Throttle, Rate, "call frequency above the limit", SLOWER),
        rule(60008, Retry, Unspecified, "service timeout or request format error", WAIT)
            .up_to(5, BadBatch),
        rule(
            60009,
            Fatal,
            Unspecified,
            "the service does not know this command",
            "check api.base_url",
        ),
        rule(60010, Fatal, Administrator, "administrator account required", ADMIN),
        rule(60011, Throttle, Rate, "call frequency of the app above the limit", SLOWER),
        rule(60012, Fatal, App, "the SDKAppID is missing", REGION),
        rule(60013, Retry, Unspecified, "the service could not parse its backend's reply", WAIT),
        rule(60014, Retry, Unspecified, "account check timed out", WAIT),
        rule(60015, BadBatch, Unspecified, "an account in the request is not a string", REPORT),
        rule(60016, Fatal, PlanOrState, "the SDKAppID is disabled", PLAN),
        rule(60017, Fatal, PlanOrState, "this request is disabled", PLAN),
        rule(60018, Throttle, Rate, "too many requests", SLOWER),
        rule(60019, Throttle, Rate, "too many requests", SLOWER),
        rule(60020, Fatal, PlanOrState, "the plan has expired or the service is stopped", PLAN),
        rule(
            60021,
            Fatal,
            Address,
            "this machine's IP address may not call the REST API",
            "add the address to the allowed addresses of the app in the console",
        ),
        rule(
            60025,
            Fatal,
            Unspecified,
            "SDKAppID, identifier, UserSig or content type in the URL is wrong",
            "check api.sdkappid and api.identifier",
        ),
        rule(
            60026,
            Fatal,
            Region,
            "the app is in another data center",
            "set api.region to the app's data center",
        ),
        rule(
            60027,
            Fatal,
            PlanOrState,
            "the app's product type does not include this request",
            PLAN,
        ),
        rule(
            60028,
            Fatal,
            PlanOrState,
            "the trial edition's daily calls are used up",
            "run again tomorrow, or change the plan",
        ),
        rule(70001, Fatal, Clock, "the UserSig has expired", CLOCK_OR_KEY).with_renewal(),
        rule(
            70002,
            Fatal,
            Signature,
            "the UserSig is empty",
            "set the environment variable that api.usersig_env names",
        ),
        rule(70003, Fatal, Signature, "the UserSig is invalid", CLOCK_OR_KEY).with_renewal(),
        rule(70004, Fatal, Signature, "UserSig verification failed", CLOCK_OR_KEY).with_renewal(),
        rule(70005, Fatal, Signature, "the UserSig is invalid", CLOCK_OR_KEY).with_renewal(),
        rule(70006, Fatal, Signature, "UserSig verification failed", CLOCK_OR_KEY).with_renewal(),
        rule(70007, Fatal, Signature, "UserSig verification failed", CLOCK_OR_KEY).with_renewal(),
        rule(70008, Fatal, Signature, "UserSig verification failed", CLOCK_OR_KEY).with_renewal(),
        rule(70009, Fatal, Key, "the UserSig was signed with another app's key", KEY)
            .with_renewal(),
        rule(70010, Fatal, Signature, "UserSig verification failed", CLOCK_OR_KEY).with_renewal(),
        rule(
            70013,
            Fatal,
            Identifier,
            "the identifier differs from that of the UserSig",
            "set api.identifier to the identifier that the UserSig was signed for",
        ),
        rule(
            70014,
            Fatal,
            SdkAppId,
            "the SDKAppID differs from that of the UserSig",
            "set api.sdkappid to the app that the UserSig was signed for",
        ),
        rule(70016, Fatal, App, "the app's key was not found", REGION),
        rule(70020, Fatal, App, "the SDKAppID was not found", REGION),
        rule(
            70050,
            Throttle,
            Signature,
            "the UserSig failed too often, locked for a minute",
            CLOCK_OR_KEY,
        )
        .up_to(1, Fatal)
        .with_pause(Duration::from_secs(61)),
        rule(70051, Fatal, Administrator, "the administrator account is on a blocklist", ADMIN),
        rule(70052, Fatal, Revocation, "the UserSig has become invalid", CLOCK_OR_KEY)
            .with_renewal(),
        rule(70107, Permanent, UnknownAccount, "the account is not imported", ACCOUNT),
        rule(70114, Throttle, Rate, "restricted for security reasons, too many logins", SLOWER),
        rule(70169, Retry, Unspecified, "the service timed out", WAIT),
        rule(70202, Retry, Unspecified, "the service timed out", WAIT),
        rule(70206, BadBatch, Unspecified, "the number of accounts in the call is invalid", REPORT),
        rule(70346, Fatal, Signature, "the UserSig is invalid", CLOCK_OR_KEY).with_renewal(),
        rule(70398, Fatal, PlanOrState, "the plan's limit of accounts is reached", PLAN),
        rule(70399, Permanent, Unspecified, "the account was deleted", ACCOUNT),
        rule(70402, BadBatch, Unspecified, "a parameter is invalid", ACCOUNT),
        rule(70403, Fatal, Administrator, "administrator account required", ADMIN),
        rule(70404, Fatal, Unspecified, "the client's SDK is too old", REPORT),
        rule(70500, Retry, Unspecified, "internal error of the service", WAIT),
        rule(71000, Fatal, Unspecified, "the app may not delete accounts", REPORT),
        rule(
            72000,
            Fatal,
            PlanOrState,
            "the trial edition's limit of daily users is reached",
            PLAN,
        ),
        rule(72001, Fatal, PlanOrState, "the feature is not enabled", PLAN),
        rule(
            72002,
            Fatal,
            PlanOrState,
            "the trial edition's limit of monthly users is reached",
            PLAN,
        ),
        rule(72010, Throttle, Rate, "too many requests for one user", SLOWER),
        rule(72011, Fatal, PlanOrState, "the feature is not enabled", PLAN),
        rule(72012, Fatal, PlanOrState, "the feature is not enabled", PLAN),
        rule(80005, Fatal, PlanOrState, "the service is stopped", PLAN),
        rule(90992, Retry, Unspecified, "internal error of the service", WAIT),
        rule(91000, Retry, Unspecified, "internal error of the service", WAIT),
    ]
};
