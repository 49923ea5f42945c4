//! Sets `IM_PROFILES_BUILD`, the build that `--version` and the parts name: the variable of that name, such as in a container
//! build without `.git`, else the git commit, else `unknown`.

use std::path::Path;
use std::process::Command;

const VARIABLE: &str = "IM_PROFILES_BUILD";

/// Written into the archive by `cargo package`.
const PACKAGED_COMMIT: &str = ".cargo_vcs_info.json";

/// Enough digits to be unique in any repository; a fixed number, so that clones agree.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    let given = std::env::var(VARIABLE).ok().filter(|build| !build.is_empty());
    let build = given.or_else(packaged_commit).or_else(git_commit);
    let build = build.unwrap_or_else(|| "unknown".to_owned());
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "._+-".contains(character);
    assert!(
        build.chars().all(is_plain),
        "{VARIABLE} is {build:?}; write a commit or build number of ASCII letters, digits and . _ + -"
    );
    println!("cargo:rustc-env={VARIABLE}={build}");
}

fn packaged_commit() -> Option<String> {
    let info = std::fs::read_to_string(PACKAGED_COMMIT).ok()?;
    let (_, after) = info.split_once("\"sha1\": \"")?;
    after.get(..DIGITS).map(str::to_owned)
}

fn git_commit() -> Option<String> {
    // Without this, the commit of a repository around the sources would be taken for theirs. In a worktree it is a file.
    if !Path::new(".git").exists() {
        return None;
    }
    let commit = git(&["rev-parse", &format!("--short={DIGITS}"), "HEAD"])?;
    // The log of HEAD grows with each commit and checkout. Only files that exist: others would rebuild every time.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file])
            && Path::new(&path).exists()
        {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    Some(commit)
}

/// The first line that git prints; `None` if it is not installed or fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.lines().next()?.to_owned();
    output.status.success().then_some(line)
}
