//! Catches panics of a library on purpose, without the output of the panic hook.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is going to be caught.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` if it panics, in which case nothing is printed. The caller must not use anything that `work` was
/// changing.
pub fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| panic::set_hook(silent_when_caught(panic::take_hook())));
    let was_caught = IS_CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_CAUGHT.set(was_caught);
    result.ok()
}

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

fn silent_when_caught(report: Hook) -> Hook {
    Box::new(move |panic| {
        if !IS_CAUGHT.get() {
            report(panic);
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static REPORTED: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn only_uncaught_panics_are_reported() {
        const OURS: &str = "a panic of the test of caught panics";
        assert_eq!(catch(|| 7), Some(7));
        // Other tests of the process may panic at the same time.
        let report_others = panic::take_hook();
        panic::set_hook(silent_when_caught(Box::new(move |panic| {
            if panic.payload_as_str() == Some(OURS) {
                REPORTED.fetch_add(1, Ordering::Relaxed);
            } else {
                report_others(panic);
            }
        })));
        assert_eq!(catch(|| -> u8 { panic!("{OURS}") }), None);
        assert_eq!(catch(|| catch(|| -> u8 { panic!("{OURS}") })), Some(None));
        assert_eq!(REPORTED.load(Ordering::Relaxed), 0);
        assert!(panic::catch_unwind(|| panic!("{OURS}")).is_err());
        assert_eq!(REPORTED.load(Ordering::Relaxed), 1);
    }
}
