//! The checks that come before any command, in the order of `reference/im-rest-api.md` section 5:
//! method and URL, command, SDKAppID, content type, UserSig, administrator, rate. The body comes after them.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::rate::RateWindow;
use super::settings::{OverLimit, Settings};
use crate::api::usersig::{self, SecretKey};

/// Whom the emulator lets in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The app.
    pub sdkappid: u64,
    /// Its administrators.
    pub admins: Vec<String>,
    /// Its secret key.
    pub secret_key: SecretKey,
}

/// A command of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    PortraitGet,
    PortraitSet,
    AccountImport,
    MultiaccountImport,
    AccountCheck,
}

impl Command {
    pub(super) const ALL: [Command; 5] = [
        Command::PortraitGet,
        Command::PortraitSet,
        Command::AccountImport,
        Command::MultiaccountImport,
        Command::AccountCheck,
    ];

    /// Where it is, without the first slash.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Command::PortraitGet => crate::api::wire::PORTRAIT_GET_PATH,
            Command::PortraitSet => "v4/profile/portrait_set",
            Command::AccountImport => "v4/im_open_login_svc/account_import",
            Command::MultiaccountImport => "v4/im_open_login_svc/multiaccount_import",
            Command::AccountCheck => "v4/im_open_login_svc/account_check",
        }
    }

    /// The last part of the path.
    pub(super) fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Whether its answers carry `ErrorDisplay`.
    pub(super) const fn is_of_profile(self) -> bool {
        matches!(self, Command::PortraitGet | Command::PortraitSet)
    }

    pub(super) fn at(path: &str) -> Option<Command> {
        let path = path.strip_prefix('/')?;
        Command::ALL.into_iter().find(|command| command.path() == path)
    }

    fn limit(self, settings: &Settings) -> u32 {
        let rate = &settings.rate;
        match self {
            Command::PortraitGet => rate.portrait_get,
            Command::PortraitSet => rate.portrait_set,
            Command::AccountImport => rate.account_import,
            Command::MultiaccountImport => rate.multiaccount_import,
            Command::AccountCheck => rate.account_check,
        }
    }
}

/// Why a call is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// HTTP 200 with this code.
    Code(i64),
    /// HTTP 429 with `Retry-After`.
    Http429,
}

/// The first line of a request, in parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
}

/// When a call came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) since_start: Duration,
    pub(super) unix_seconds: u64,
}

#[derive(Debug)]
struct Counts {
    windows: [RateWindow; Command::ALL.len()],
    day: u64,
    calls_of_day: u64,
    called_expired: u64,
}

/// The checks and what they count.
#[derive(Debug)]
pub(super) struct Gateway {
    credentials: Credentials,
    counts: Mutex<Counts>,
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Gateway {
    pub(super) fn new(settings: &Settings, credentials: Credentials) -> Gateway {
        let windows = Command::ALL
            .map(|command| RateWindow::new(command.limit(settings), settings.rate.window));
        let counts = Counts { windows, day: 0, calls_of_day: 0, called_expired: 0 };
        Gateway { credentials, counts: Mutex::new(counts) }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Lets a call through to its command, or says why not.
    pub(super) fn check(
        &self,
        head: Head<'_>,
        settings: &Settings,
        moment: Moment,
    ) -> Result<Command, Refusal> {
        let parameters = Parameters::read(head.query).ok_or(Refusal::Code(60002))?;
        if head.method != "POST" || !head.path.starts_with('/') {
            return Err(Refusal::Code(60002));
        }
        let command = Command::at(head.path).ok_or(Refusal::Code(60009))?;
        self.check_app(&parameters)?;
        if settings.open_questions.rate_before_usersig {
            self.check_rate(command, settings, moment)?;
            self.check_caller(&parameters, settings, moment)?;
        } else {
            self.check_caller(&parameters, settings, moment)?;
            self.check_rate(command, settings, moment)?;
        }
        Ok(command)
    }

    fn check_app(&self, parameters: &Parameters<'_>) -> Result<(), Refusal> {
        let sdkappid = parameters.get("sdkappid").unwrap_or_default();
        if sdkappid.is_empty() {
            return Err(Refusal::Code(60012));
        }
        if sdkappid.parse() != Ok(self.credentials.sdkappid) {
            return Err(Refusal::Code(60006));
        }
        if parameters.get("contenttype") != Some("json") {
            return Err(Refusal::Code(60025));
        }
        Ok(())
    }

    fn check_caller(
        &self,
        parameters: &Parameters<'_>,
        settings: &Settings,
        moment: Moment,
    ) -> Result<(), Refusal> {
        let identifier = parameters.get("identifier").unwrap_or_default();
        if identifier.is_empty() {
            return Err(Refusal::Code(60025));
        }
        let sig = parameters.get("usersig").unwrap_or_default();
        self.check_usersig(sig, identifier, settings, moment.unix_seconds)
            .map_err(Refusal::Code)?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.called_expired < settings.faults.usersig_expired_calls {
            counts.called_expired += 1;
            return Err(Refusal::Code(70001));
        }
        if !self.credentials.admins.iter().any(|admin| admin == identifier) {
            return Err(Refusal::Code(60010));
        }
        Ok(())
    }

    /// The order of the official Go verifier, with the codes of section 2 of the reference.
    fn check_usersig(
        &self,
        sig: &str,
        identifier: &str,
        settings: &Settings,
        unix_seconds: u64,
    ) -> Result<(), i64> {
        if sig.is_empty() {
            return Err(70002);
        }
        let claims = usersig::decode(sig).map_err(|_| 70003)?;
        if claims.sdkappid != self.credentials.sdkappid {
            return Err(70014);
        }
        if claims.identifier != identifier {
            return Err(70013);
        }
        let questions = &settings.open_questions;
        let is_signed = claims.is_signed_by(&self.credentials.secret_key);
        if !is_signed && questions.signature_before_expiry {
            return Err(70009);
        }
        let is_too_early = questions
            .clock_skew_seconds
            .is_some_and(|skew| claims.time > unix_seconds.saturating_add(skew));
        if unix_seconds > claims.expires_at() || is_too_early {
            return Err(70001);
        }
        if is_signed { Ok(()) } else { Err(70009) }
    }

    fn check_rate(
        &self,
        command: Command,
        settings: &Settings,
        moment: Moment,
    ) -> Result<(), Refusal> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.windows[command as usize].admit(moment.since_start) {
            return Err(match settings.rate.answer {
                OverLimit::Code => Refusal::Code(60007),
                OverLimit::Http429 => Refusal::Http429,
            });
        }
        let day = moment.since_start.as_secs() / DAY_SECONDS;
        if day != counts.day {
            (counts.day, counts.calls_of_day) = (day, 0);
        }
        counts.calls_of_day += 1;
        let calls_per_day = settings.rate.calls_per_day;
        if calls_per_day > 0 && counts.calls_of_day > calls_per_day {
            return Err(Refusal::Code(60028));
        }
        Ok(())
    }
}

/// The query of a URL, percent-decoded; names and values are case-sensitive, their order is free.
struct Parameters<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

/// Most parameters that are looked at; a call has five.
const MAX_PARAMETERS: usize = 32;

impl<'q> Parameters<'q> {
    fn read(query: &'q str) -> Option<Parameters<'q>> {
        let decode = |text: &'q str| percent_decode_str(text).decode_utf8().ok();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PARAMETERS);
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(name)?, decode(value)?))
            })
            .collect::<Option<Vec<_>>>()
            .map(Parameters)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn key() -> SecretKey {
        SecretKey::new("key".to_owned())
    }

    fn gateway(toml: &str) -> (Gateway, Settings) {
        let settings: Settings = toml::from_str(toml).unwrap();
        let admins = vec!["administrator".to_owned(), "张三".to_owned()];
        let credentials = Credentials { sdkappid: 14, admins, secret_key: key() };
        (Gateway::new(&settings, credentials), settings)
    }

    fn at(milliseconds: u64) -> Moment {
        Moment { since_start: Duration::from_millis(milliseconds), unix_seconds: NOW }
    }

    fn sig_of(key: &SecretKey, sdkappid: u64, identifier: &str, time: u64) -> String {
        usersig::sign(key, sdkappid, identifier, time, 100).as_str().to_owned()
    }

    fn good_query() -> String {
        let sig = sig_of(&key(), 14, "administrator", NOW);
        format!("sdkappid=14&identifier=administrator&usersig={sig}&random=1&contenttype=json")
    }

    fn outcome(toml: &str, method: &str, path: &str, query: &str) -> Result<Command, Refusal> {
        let (gateway, settings) = gateway(toml);
        gateway.check(Head { method, path, query }, &settings, at(0))
    }

    fn code(query: &str) -> Result<Command, Refusal> {
        outcome("", "POST", "/v4/profile/portrait_get", query)
    }

    #[test]
    fn a_good_call_reaches_each_command() {
        for command in Command::ALL {
            let path = format!("/{}", command.path());
            assert_eq!(outcome("", "POST", &path, &good_query()), Ok(command));
        }
    }

    /// Each query mends the fault before it and adds nothing else, so the order is tested too.
    #[test]
    fn checks_come_in_order() {
        let path = "/v4/profile/portrait_get";
        assert_eq!(outcome("", "GET", "/nothing", ""), Err(Refusal::Code(60002)));
        assert_eq!(outcome("", "POST", "/nothing", "a=%ff"), Err(Refusal::Code(60002)));
        assert_eq!(outcome("", "POST", "/nothing", ""), Err(Refusal::Code(60009)));
        assert_eq!(outcome("", "POST", "/V4/profile/portrait_get", ""), Err(Refusal::Code(60009)));
        let other_app = sig_of(&SecretKey::new("x".to_owned()), 15, "else", 0);
        let other_caller = sig_of(&SecretKey::new("x".to_owned()), 14, "else", 0);
        let expired = sig_of(&SecretKey::new("x".to_owned()), 14, "nobody", NOW - 101);
        let forged = sig_of(&SecretKey::new("x".to_owned()), 14, "nobody", NOW);
        let not_admin = sig_of(&key(), 14, "nobody", NOW - 100);
        let app = "sdkappid=14&contenttype=json";
        for (query, expected) in [
            (String::new(), 60012),
            ("sdkappid=&contenttype=xml".to_owned(), 60012),
            ("sdkappid=15&contenttype=xml".to_owned(), 60006),
            ("sdkappid=14&contenttype=xml".to_owned(), 60025),
            ("sdkappid=14&contenttype=JSON".to_owned(), 60025),
            (app.to_owned(), 60025),
            (format!("{app}&identifier=nobody"), 70002),
            (format!("{app}&identifier=nobody&usersig=garbage"), 70003),
            (format!("{app}&identifier=nobody&usersig={other_app}"), 70014),
            (format!("{app}&identifier=nobody&usersig={other_caller}"), 70013),
            (format!("{app}&identifier=nobody&usersig={expired}"), 70001),
            (format!("{app}&identifier=nobody&usersig={forged}"), 70009),
            (format!("{app}&identifier=nobody&usersig={not_admin}"), 60010),
        ] {
            let found = outcome("rate.portrait_get = 1", "POST", path, &query);
            assert_eq!(found, Err(Refusal::Code(expected)), "{query}");
        }
    }

    #[test]
    fn values_are_percent_decoded_and_their_order_is_free() {
        let sig = sig_of(&key(), 14, "张三", NOW).replace('*', "%2A");
        let query =
            format!("contenttype=json&usersig={sig}&identifier=%E5%BC%A0%E4%B8%89&sdkappid=14");
        assert_eq!(code(&query), Ok(Command::PortraitGet));
    }

    #[test]
    fn open_questions_of_the_signature_are_switches() {
        let query =
            |sig| format!("sdkappid=14&contenttype=json&identifier=administrator&usersig={sig}");
        let forged = SecretKey::new("x".to_owned());
        let old_and_forged = query(sig_of(&forged, 14, "administrator", NOW - 101));
        let path = "/v4/profile/portrait_get";
        let first = "open_questions.signature_before_expiry = true";
        assert_eq!(outcome(first, "POST", path, &old_and_forged), Err(Refusal::Code(70009)));
        let early = query(sig_of(&key(), 14, "administrator", NOW + 31));
        assert_eq!(code(&early), Ok(Command::PortraitGet));
        let strict = "open_questions.clock_skew_seconds = 30";
        assert_eq!(outcome(strict, "POST", path, &early), Err(Refusal::Code(70001)));
    }

    #[test]
    fn each_command_has_its_own_rate() {
        let (gateway, settings) = gateway("rate = { portrait_get = 2, account_check = 1 }");
        let query = good_query();
        let call = |command: Command, milliseconds| {
            let path = format!("/{}", command.path());
            let head = Head { method: "POST", path: &path, query: &query };
            gateway.check(head, &settings, at(milliseconds)).is_ok()
        };
        assert!(call(Command::PortraitGet, 0) && call(Command::PortraitGet, 1));
        assert!(!call(Command::PortraitGet, 999) && call(Command::AccountCheck, 999));
        assert!(call(Command::PortraitGet, 1_000) && !call(Command::AccountCheck, 1_000));
    }

    #[test]
    fn refused_callers_count_only_if_so_set() {
        for (toml, expected) in [
            ("rate.portrait_get = 1", Ok(Command::PortraitGet)),
            (
                "rate.portrait_get = 1\nopen_questions.rate_before_usersig = true",
                Err(Refusal::Code(60007)),
            ),
            (
                "rate = { portrait_get = 1, answer = 'http429' }\nopen_questions.rate_before_usersig = true",
                Err(Refusal::Http429),
            ),
        ] {
            let (gateway, settings) = gateway(toml);
            let path = "/v4/profile/portrait_get";
            let unsigned = "sdkappid=14&contenttype=json&identifier=administrator";
            let head = |query| Head { method: "POST", path, query };
            assert!(gateway.check(head(unsigned), &settings, at(0)).is_err());
            assert_eq!(gateway.check(head(&good_query()), &settings, at(1)), expected);
        }
    }

    #[test]
    fn the_first_calls_are_told_to_sign_again() {
        let (gateway, settings) =
            gateway("faults.usersig_expired_calls = 2\nrate.calls_per_day = 1");
        let query = good_query();
        let head = Head { method: "POST", path: "/v4/profile/portrait_get", query: &query };
        let answers: Vec<_> = (0..4).map(|_| gateway.check(head, &settings, at(0))).collect();
        let expected = [Err(70001), Err(70001), Ok(Command::PortraitGet), Err(60028)];
        assert_eq!(answers, expected.map(|answer| answer.map_err(Refusal::Code)));
        let next_day = at(DAY_SECONDS * 1_000);
        assert_eq!(gateway.check(head, &settings, next_day), Ok(Command::PortraitGet));
    }

    proptest! {
        #[test]
        fn no_request_line_panics_or_gets_in(method in "[A-Z]{0,5}", path in ".{0,40}", query in ".{0,200}") {
            prop_assert!(outcome("", &method, &path, &query).is_err());
        }
    }
}
