//! The UserSig in use: signed when needed, renewed before it expires, signed anew once when the service refuses it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::usersig::{SecretKey, UserSig, sign};

/// For how long a UserSig is signed: the least that the service advises (70001), so that a leaked one is soon useless.
const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// How long before its end a UserSig is replaced: far more than any call lasts.
const RENEW_BEFORE_SECONDS: u64 = 60 * 60;

/// Seconds since 1970-01-01 UTC, from the machine's clock or a test's.
pub type UnixClock = fn() -> u64;

/// Where UserSigs come from.
#[derive(Debug)]
pub enum SigSource {
    /// Signed here with the app's key.
    Key(SecretKey),
    /// Made elsewhere; it can be neither renewed nor signed anew.
    Ready(UserSig),
}

/// Which UserSig a call was made with: it grows by one with each new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigGeneration(u64);

impl SigGeneration {
    /// The one after this.
    pub fn next(self) -> SigGeneration {
        SigGeneration(self.0 + 1)
    }
}

/// Hands out the UserSig for each call.
#[derive(Debug)]
pub struct Signer {
    source: SigSource,
    sdkappid: u64,
    identifier: String,
    clock: UnixClock,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    sig: UserSig,
    generation: SigGeneration,
    signed_at: u64,
}

impl Signer {
    /// A signer for one app and administrator.
    pub fn new(source: SigSource, sdkappid: u64, identifier: String, clock: UnixClock) -> Signer {
        let now = clock();
        let sig = match &source {
            SigSource::Key(key) => sign(key, sdkappid, &identifier, now, LIFETIME_SECONDS),
            SigSource::Ready(sig) => sig.clone(),
        };
        let current =
            Mutex::new(Current { sig, generation: SigGeneration::default(), signed_at: now });
        Signer { source, sdkappid, identifier, clock, current }
    }

    /// The UserSig for a call made now.
    pub fn sig(&self) -> (UserSig, SigGeneration) {
        let mut current = self.lock();
        if let SigSource::Key(key) = &self.source {
            let now = (self.clock)();
            // A clock set back by more than the lifetime would otherwise keep an old one for ever.
            let age_seconds = now.abs_diff(current.signed_at);
            if age_seconds >= LIFETIME_SECONDS - RENEW_BEFORE_SECONDS {
                self.replace(&mut current, key, now);
            }
        }
        (current.sig.clone(), current.generation)
    }

    /// The generation in use.
    pub fn generation(&self) -> SigGeneration {
        self.lock().generation
    }

    /// Signs anew; `false` for a UserSig that was made elsewhere.
    pub fn renew(&self) -> bool {
        let SigSource::Key(key) = &self.source else { return false };
        let mut current = self.lock();
        self.replace(&mut current, key, (self.clock)());
        true
    }

    fn replace(&self, current: &mut Current, key: &SecretKey, now: u64) {
        current.sig = sign(key, self.sdkappid, &self.identifier, now, LIFETIME_SECONDS);
        current.generation = current.generation.next();
        current.signed_at = now;
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Nothing panics while the lock is held, and a UserSig is whole at any moment.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::api::usersig::decode;

    #[test]
    fn renewed_before_it_expires_whichever_way_the_clock_goes() {
        static NOW: AtomicU64 = AtomicU64::new(1_700_000_000);
        let clock = || NOW.load(Ordering::Relaxed);
        let key = SecretKey::new("k".to_owned());
        let signer = Signer::new(SigSource::Key(key), 1, "administrator".to_owned(), clock);
        let expires_at = |sig: &UserSig| decode(sig.as_str()).unwrap().expires_at();
        let (first, generation) = signer.sig();
        assert_eq!(expires_at(&first), 1_700_000_000 + LIFETIME_SECONDS);

        NOW.fetch_add(22 * 3600, Ordering::Relaxed);
        assert_eq!(signer.sig().1, generation);
        NOW.fetch_add(3600, Ordering::Relaxed);
        let (renewed, next) = signer.sig();
        assert!(next > generation);
        assert_eq!(expires_at(&renewed), 1_700_000_000 + 23 * 3600 + LIFETIME_SECONDS);

        NOW.fetch_sub(48 * 3600, Ordering::Relaxed);
        assert!(signer.sig().1 > next);
    }

    #[test]
    fn a_ready_sig_is_used_as_it_is_and_cannot_be_signed_anew() {
        let ready = SigSource::Ready(UserSig::new("abc".to_owned()));
        let signer = Signer::new(ready, 1, "administrator".to_owned(), || 0);
        let (sig, generation) = signer.sig();
        assert_eq!(sig.as_str(), "abc");
        assert!(!signer.renew());
        assert_eq!(signer.generation(), generation);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = SigSource::Key(SecretKey::new("hunter2".to_owned()));
        let signer = Signer::new(key, 1, "administrator".to_owned(), || 0);
        let printed = format!("{signer:?}");
        assert!(
            !printed.contains("hunter2") && !printed.contains(signer.sig().0.as_str()),
            "{printed}"
        );
    }
}
