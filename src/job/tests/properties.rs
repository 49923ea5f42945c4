//! No text makes the program panic or reveal a secret.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", argument in "[a-z.0-9=\\[\\]{}\"']{0,40}") {
        let _ = load(&text, &[]);
        let _ = load(FULL, &[&argument]);
    }

    /// A piece of the job replaced by something else: most are refused late, where the checks are.
    #[test]
    fn no_change_to_a_job_panics(
        start in 0..FULL.len(),
        length in 0usize..40,
        piece in "[a-z0-9=.%{}\\[\\]\"\n _-]{0,20}",
    ) {
        let end = (start + length).min(FULL.len());
        let text = format!("{}{piece}{}", &FULL[..start], &FULL[end..]);
        if let Err(error) = load(&text, &[]) {
            prop_assert!(error.starts_with("jobs/n.toml"), "{error}");
            prop_assert!(error.len() < 1_000 && !error.contains('\n'), "{error}");
        }
    }

    /// Whatever a value of a secret's key is, and whatever is wrong with it, the message does not have it.
    #[test]
    fn no_secret_is_repeated(
        key in "(secret_key|usersig|secret_key_env|secret_key_file|usersig_env|my_secret)",
        open in "[\"'\\[{ ]{0,3}",
        close in "[\"'\\]} =]{0,3}",
        is_override in any::<bool>(),
    ) {
        let value = format!("{open}hunter2-{}{close}", "x".repeat(5));
        let line = "secret_key_env = \"IM_SECRET_KEY\"";
        let loaded = if is_override {
            load(FULL, &[&format!("api.{key}={value}")])
        } else {
            load(&full_with(line, &format!("{key} = {value}")), &[])
        };
        if let Err(error) = loaded {
            prop_assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
