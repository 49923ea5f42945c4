//! The current UserSig: renewed before it expires, and when the service refuses it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::usersig::{SecretKey, UserSig, sign};

/// Lifetime of a UserSig: the shortest that the service recommends (70001), so that a leaked one soon expires.
const LIFETIME_SECONDS: u64 = 24 * 60 * 60;

/// How long before its expiry a UserSig is renewed: far longer than any call takes.
const RENEW_BEFORE_SECONDS: u64 = 60 * 60;

/// Seconds since 1970-01-01 UTC, from the machine's clock or a test's.
pub type UnixClock = fn() -> u64;

/// The source of UserSigs.
#[derive(Debug)]
pub enum SigSource {
    /// Signed with the app's key.
    Key(SecretKey),
    /// Signed elsewhere; cannot be renewed.
    Ready(UserSig),
}

/// Identifies the UserSig that signed a call; increases with each renewal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigGeneration(u64);

impl SigGeneration {
    pub fn next(self) -> SigGeneration {
        SigGeneration(self.0 + 1)
    }
}

/// Provides the UserSig for each call.
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

    /// The UserSig for a call made now, renewed if necessary.
    pub fn sig(&self) -> (UserSig, SigGeneration) {
        let mut current = self.lock();
        if let SigSource::Key(key) = &self.source {
            let now = (self.clock)();
            // The absolute difference, so that a clock that is set back does not keep an old one forever.
            let age_seconds = now.abs_diff(current.signed_at);
            if age_seconds >= LIFETIME_SECONDS - RENEW_BEFORE_SECONDS {
                self.replace(&mut current, key, now);
            }
        }
        (current.sig.clone(), current.generation)
    }

    pub fn generation(&self) -> SigGeneration {
        self.lock().generation
    }

    /// Signs a new UserSig; returns false if it was signed elsewhere.
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
        // Nothing panics while the lock is held, and each UserSig is replaced as a whole.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::api::usersig::decode;

    #[test]
    fn a_usersig_is_renewed_before_it_expires_and_after_a_clock_change() {
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
    fn a_ready_usersig_cannot_be_renewed() {
        let ready = SigSource::Ready(UserSig::new("abc".to_owned()));
        let signer = Signer::new(ready, 1, "administrator".to_owned(), || 0);
        let (sig, generation) = signer.sig();
        assert_eq!(sig.as_str(), "abc");
        assert!(!signer.renew());
        assert_eq!(signer.generation(), generation);
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SigSource::Key(SecretKey::new("hunter2".to_owned()));
        let signer = Signer::new(key, 1, "administrator".to_owned(), || 0);
        let printed = format!("{signer:?}");
        assert!(
            !printed.contains("hunter2") && !printed.contains(signer.sig().0.as_str()),
            "{printed}"
        );
    }
}
