//! The commands of the service that the emulator knows.

use super::settings::Settings;

/// A command of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    PortraitGet,
    PortraitSet,
    AccountImport,
    MultiaccountImport,
    AccountCheck,
    AccountDelete,
}

impl Command {
    pub(super) const ALL: [Command; 6] = [
        Command::PortraitGet,
        Command::PortraitSet,
        Command::AccountImport,
        Command::MultiaccountImport,
        Command::AccountCheck,
        Command::AccountDelete,
    ];

    /// Where it is, without the first slash.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Command::PortraitGet => crate::api::response::PORTRAIT_GET_PATH,
            Command::PortraitSet => "v4/profile/portrait_set",
            Command::AccountImport => "v4/im_open_login_svc/account_import",
            Command::MultiaccountImport => "v4/im_open_login_svc/multiaccount_import",
            Command::AccountCheck => "v4/im_open_login_svc/account_check",
            Command::AccountDelete => "v4/im_open_login_svc/account_delete",
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

    /// The command at the path of a URL.
    pub(super) fn at(path: &str) -> Option<Command> {
        let path = path.strip_prefix('/')?;
        Command::ALL.into_iter().find(|command| command.path() == path)
    }

    /// Most calls in a second; 0 is unlimited.
    pub(super) fn limit(self, settings: &Settings) -> u32 {
        let rate = &settings.rate;
        match self {
            Command::PortraitGet => rate.portrait_get,
            Command::PortraitSet => rate.portrait_set,
            Command::AccountImport => rate.account_import,
            Command::MultiaccountImport => rate.multiaccount_import,
            Command::AccountCheck => rate.account_check,
            Command::AccountDelete => rate.account_delete,
        }
    }
}
