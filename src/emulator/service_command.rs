//! The commands of the service that the emulator implements.

use super::settings::Settings;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceCommand {
    PortraitGet,
    PortraitSet,
    AccountImport,
    MultiaccountImport,
    AccountCheck,
    AccountDelete,
}

impl ServiceCommand {
    pub const ALL: [ServiceCommand; 6] = [
        ServiceCommand::PortraitGet,
        ServiceCommand::PortraitSet,
        ServiceCommand::AccountImport,
        ServiceCommand::MultiaccountImport,
        ServiceCommand::AccountCheck,
        ServiceCommand::AccountDelete,
    ];

    /// Path of the URL, without the leading slash.
    pub const fn path(self) -> &'static str {
        match self {
            ServiceCommand::PortraitGet => crate::api::response::PORTRAIT_GET_PATH,
            ServiceCommand::PortraitSet => "v4/profile/portrait_set",
            ServiceCommand::AccountImport => "v4/im_open_login_svc/account_import",
            ServiceCommand::MultiaccountImport => "v4/im_open_login_svc/multiaccount_import",
            ServiceCommand::AccountCheck => "v4/im_open_login_svc/account_check",
            ServiceCommand::AccountDelete => "v4/im_open_login_svc/account_delete",
        }
    }

    /// Last segment of the path.
    pub fn name(self) -> &'static str {
        self.path().rsplit('/').next().unwrap_or_default()
    }

    /// Whether the command belongs to the profile service, whose responses contain `ErrorDisplay`.
    pub const fn is_profile_command(self) -> bool {
        matches!(self, ServiceCommand::PortraitGet | ServiceCommand::PortraitSet)
    }

    pub fn from_path(path: &str) -> Option<ServiceCommand> {
        let path = path.strip_prefix('/')?;
        ServiceCommand::ALL.into_iter().find(|command| command.path() == path)
    }

    /// Limit in calls per second; 0 is unlimited.
    pub fn rate_limit(self, settings: &Settings) -> u32 {
        let rate = &settings.rate;
        match self {
            ServiceCommand::PortraitGet => rate.portrait_get,
            ServiceCommand::PortraitSet => rate.portrait_set,
            ServiceCommand::AccountImport => rate.account_import,
            ServiceCommand::MultiaccountImport => rate.multiaccount_import,
            ServiceCommand::AccountCheck => rate.account_check,
            ServiceCommand::AccountDelete => rate.account_delete,
        }
    }
}
