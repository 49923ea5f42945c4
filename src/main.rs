//! Entry point.

use std::process::ExitCode;

fn main() -> ExitCode {
    im_profiles::run()
}
