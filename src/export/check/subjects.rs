//! The findings about each subject that needs no call.

use indicatif::{HumanBytes, HumanCount};

use super::finding::{Finding, Moment};
use crate::accounts::{DuplicateRemoval, ListPath};
use crate::export::disk_space::rows_on_disk;
use crate::export::outlook::Outlook;
use crate::export::preflight::Preflight;
use crate::export::problem::Effect;
use crate::export::service::unix_seconds;
use crate::export::textfile::ensure_can_be_written;
use crate::export::usersig::UserSigError;
use crate::job::{Job, MetricsSettings, SecretSource};
use crate::report::plan::ListCounts;
use crate::report::size::SizeEstimate;
use crate::report::subject::Subject;
use crate::util::disk_space::free_bytes;
use crate::util::failure::Failure;
use crate::util::human::{counted, duration_text};
use crate::util::paths::relative_to_here;

/// What was found before the call.
pub struct SubjectFindings<'p> {
    pub job: &'p Job,
    pub preflight: &'p Preflight,
}

impl SubjectFindings<'_> {
    /// One finding for each problem; else what passed. A subject that the job does not use has none.
    pub fn of(&self, subject: Subject) -> Vec<Finding> {
        let problems = self.preflight.problems.of(subject);
        let found: Vec<Finding> = problems.map(|(order, effect)| finding(order, effect)).collect();
        let has_failed = found.iter().any(|found| found.code.is_some());
        let passed = if has_failed { None } else { self.passed(subject) };
        passed.into_iter().chain(found).collect()
    }

    fn passed(&self, subject: Subject) -> Option<Finding> {
        match subject {
            Subject::Accounts => self.accounts(),
            Subject::Secret => self.secret().map(Finding::passed),
            Subject::Output => Some(self.output()),
            Subject::Metrics => self.metrics().map(Finding::passed),
            Subject::Resume => Some(self.of_list(|outlook| outlook.resume.to_text())),
            Subject::Disk => Some(self.of_list(|outlook| self.disk(outlook))),
            Subject::Time => Some(self.of_list(|outlook| self.time(outlook))),
            Subject::Job | Subject::System | Subject::Call | Subject::Tags | Subject::Clock => None,
        }
    }

    fn accounts(&self) -> Option<Finding> {
        let path = match &self.job.accounts.path {
            ListPath::File(path) => relative_to_here(path),
            ListPath::Objects(list) => list.objects.to_string(),
            ListPath::Stdin => {
                return Some(Finding::skipped(
                    "are standard input, which is left to the export; the call asks for the administrator",
                ));
            }
        };
        let list = self.preflight.list.as_ref()?;
        let ListCounts { accounts_in_list, duplicates, invalid, .. } = list.counts;
        let duplicates = match list.counts.duplicate_removal {
            DuplicateRemoval::Exact => format!("{} duplicates", HumanCount(duplicates)),
            DuplicateRemoval::Adjacent => format!("{} adjacent duplicates", HumanCount(duplicates)),
            DuplicateRemoval::None => "duplicates not removed".to_owned(),
        };
        let counts = format!(
            "{} records, {duplicates}, {} invalid",
            HumanCount(accounts_in_list),
            HumanCount(invalid)
        );
        // Without a valid account there is a problem that says so.
        let first = list.first.as_ref()?;
        let path = match list.counts.files {
            1 => path,
            files => format!("{path} ({} files)", HumanCount(files)),
        };
        Some(Finding::passed(format!("{path} can be read: {counts}; its first is {first:?}")))
    }

    fn secret(&self) -> Option<String> {
        let access = &self.preflight.access;
        let place = match &self.job.api.secret {
            SecretSource::KeyEnv(name) | SecretSource::UserSigEnv(name) => name.clone(),
            SecretSource::KeyFile(path) => path.display().to_string(),
            SecretSource::EmulatorKey => {
                return Some("not needed, the emulator has its own".to_owned());
            }
        };
        let Some(usersig) = &access.given_usersig else {
            return Some(format!("{place} holds a key"));
        };
        let api = &self.job.api;
        let now = unix_seconds();
        (usersig.expires_at >= now).then(|| {
            format!(
                "{place} holds a UserSig of {} for SDKAppID {}, which expires {}",
                api.identifier,
                api.sdkappid,
                usersig.expiry_text(now)
            )
        })
    }

    /// Tries to write as well, which finds what no inspection shows, such as a quota.
    fn output(&self) -> Finding {
        let Some(store) = &self.preflight.access.store else {
            return Finding::skipped("the path failed");
        };
        let is_refused = |(_, effect): (usize, &Effect)| matches!(effect, Effect::Refuses(_));
        if self.preflight.problems.of(Subject::Disk).any(is_refused) {
            return Finding::skipped("the disk failed");
        }
        let warnings = match store.ensure_writable() {
            Ok(warnings) => warnings,
            Err(error) => return Failure::from(error).into(),
        };
        let text =
            format!("{} can be written and published", relative_to_here(store.output_path()));
        if warnings.is_empty() {
            return Finding::passed(text);
        }
        Finding::note(format!("{text}; {}", warnings.join("; ")))
    }

    fn metrics(&self) -> Option<String> {
        let MetricsSettings { textfile, listen } = &self.job.metrics;
        let textfile = textfile.as_ref().filter(|path| ensure_can_be_written(path).is_ok());
        let textfile = textfile.map(|path| format!("{} can be written", relative_to_here(path)));
        let listen = listen.map(|address| format!("{address} is free"));
        let texts: Vec<String> = textfile.into_iter().chain(listen).collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    }

    fn of_list(&self, text: impl FnOnce(&Outlook) -> String) -> Finding {
        let reason = match self.job.accounts.path {
            ListPath::File(_) | ListPath::Objects(_) => {
                "the account list or the output path failed"
            }
            ListPath::Stdin => "the account list is standard input",
        };
        let outlook = self.preflight.outlook.as_ref();
        outlook.map_or_else(|| Finding::skipped(reason), |outlook| Finding::passed(text(outlook)))
    }

    fn disk(&self, outlook: &Outlook) -> String {
        let rows = outlook.resume.left.map_or(0, |left| left.accounts_left);
        let store = self.preflight.access.store.as_ref();
        let scratch = store.filter(|store| !store.keeps_parts_on_disk());
        let rows = scratch.map_or(rows, |_| rows_on_disk(self.job.output.accounts_per_part, rows));
        let needed = SizeEstimate::new(rows, outlook.known.clone()).expected_bytes;
        let free = store.and_then(|store| free_bytes(store.scratch()));
        let free = free.map_or_else(|| "unknown".to_owned(), |free| HumanBytes(free).to_string());
        let place = scratch.map_or_else(String::new, |store| {
            format!(" in {}, where parts are until they are uploaded", store.scratch().display())
        });
        format!("about {} needed, {free} free{place}", HumanBytes(needed))
    }

    fn time(&self, outlook: &Outlook) -> String {
        match outlook.resume.minimum_seconds_left {
            Some(seconds) => {
                let rate = counted(self.job.api.calls_per_second.into(), "call");
                format!("at least {} at {rate} per second", duration_text(seconds))
            }
            None => "no minimum, because the job sets no rate limit".to_owned(),
        }
    }
}

fn finding(order: usize, effect: &Effect) -> Finding {
    let failed =
        |moment, failure: &Failure| Finding::failed_at(moment, failure.code, failure.text());
    match effect {
        Effect::Warns(warning) => Finding::note(warning.to_string()),
        Effect::Refuses(failure) => failed(Moment::BeforeCalls(order), failure),
        // The service's clock decides, and the call shows its decision.
        Effect::Stops(failure) if is_expired(failure) => Finding::note(failure.text()),
        Effect::Stops(failure) => failed(Moment::AfterCalls(order), failure),
    }
}

fn is_expired(failure: &Failure) -> bool {
    matches!(failure.error.downcast_ref(), Some(UserSigError::Expired { .. }))
}
