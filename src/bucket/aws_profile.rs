//! A profile of `~/.aws/credentials` and `~/.aws/config`, which the client library does not read.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::environment::StoreEnvironment;

/// What a profile says.
#[derive(Default)]
pub struct AwsProfile {
    pub keys: Option<ProfileKeys>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

pub struct ProfileKeys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// Without the keys.
impl fmt::Debug for AwsProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsProfile").field("region", &self.region).finish_non_exhaustive()
    }
}

/// A profile that cannot be used: what is wrong, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    pub problem: String,
    pub fix: String,
}

/// Keys of profiles whose credentials another program or service issues.
const ISSUED: [&str; 7] = [
    "role_arn",
    "source_profile",
    "credential_source",
    "credential_process",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

type Section = HashMap<String, String>;

impl AwsProfile {
    /// The profile that `AWS_PROFILE` names, or else the default profile.
    ///
    /// # Errors
    /// When the named profile does not exist, a file is not readable, or the profile has no keys of its own but refers to
    /// another source of credentials.
    pub fn load(environment: &StoreEnvironment) -> Result<AwsProfile, ProfileError> {
        let named = environment.first(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]);
        let name = named.unwrap_or("default");
        let file = |variable: &str, default: &str| {
            environment.get(variable).map(PathBuf::from).or_else(|| environment.home(default))
        };
        let credentials = file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
        let config = file("AWS_CONFIG_FILE", ".aws/config");
        let headings = [name.to_owned(), format!("profile {name}")];
        // The keys of the credentials file take precedence.
        let mut section = Section::new();
        let mut exists = false;
        for path in [&config, &credentials].into_iter().flatten() {
            if let Some(found) = read_section(path, &headings)? {
                exists = true;
                section.extend(found);
            }
        }
        if !exists && named.is_some() {
            let paths = [&credentials, &config];
            let paths: Vec<String> =
                paths.into_iter().flatten().map(|path| path.display().to_string()).collect();
            return Err(ProfileError {
                problem: format!("the profile {name} is not in {}", paths.join(" or ")),
                fix: "correct AWS_PROFILE, or unset it".to_owned(),
            });
        }
        from_section(name, section)
    }
}

fn from_section(name: &str, mut section: Section) -> Result<AwsProfile, ProfileError> {
    let keys = match (section.remove("aws_access_key_id"), section.remove("aws_secret_access_key"))
    {
        (Some(id), Some(secret)) => {
            Some(ProfileKeys { id, secret, token: section.remove("aws_session_token") })
        }
        (None, None) => None,
        (id, _) => {
            let (present, absent) = match id {
                Some(_) => ("aws_access_key_id", "aws_secret_access_key"),
                None => ("aws_secret_access_key", "aws_access_key_id"),
            };
            return Err(ProfileError {
                problem: format!("the profile {name} has {present} but no {absent}"),
                fix: "add it".to_owned(),
            });
        }
    };
    if let Some(key) = ISSUED.iter().find(|key| section.contains_key(**key))
        && (keys.is_none() || *key == "role_arn")
    {
        return Err(ProfileError {
            problem: format!(
                "the credentials of the profile {name} are issued by another service ({key}), which is not supported"
            ),
            fix: format!(
                "export them first: eval \"$(aws configure export-credentials --profile {name} --format env)\", and unset \
                 AWS_PROFILE"
            ),
        });
    }
    let endpoint = section.remove("endpoint_url");
    Ok(AwsProfile { keys, region: section.remove("region"), endpoint })
}

/// The section of a file with one of these headings; `None` if the file or the section does not exist.
fn read_section(path: &PathBuf, headings: &[String]) -> Result<Option<Section>, ProfileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if crate::util::disk_error::is_absent(&error) => return Ok(None),
        Err(error) => {
            return Err(ProfileError {
                problem: format!("could not read {}: {error}", path.display()),
                fix: "make it readable for this user, or set the credentials in the environment"
                    .to_owned(),
            });
        }
    };
    Ok(find_section(&text, headings))
}

fn find_section(text: &str, headings: &[String]) -> Option<Section> {
    let mut found: Option<Section> = None;
    let mut is_wanted = false;
    for line in text.lines() {
        // An indented line belongs to the key before it.
        if line.starts_with([' ', '\t', '#', ';']) || line.trim().is_empty() {
            continue;
        }
        if let Some(heading) = line.trim().strip_prefix('[') {
            let heading: Vec<&str> =
                heading.split(']').next().unwrap_or_default().split_whitespace().collect();
            is_wanted = headings.contains(&heading.join(" "));
            if is_wanted {
                found.get_or_insert_default();
            }
        } else if let (true, Some((key, value)), Some(section)) =
            (is_wanted, line.split_once('='), &mut found)
        {
            // A comment needs a space before it, since a secret may contain the characters.
            let value = value.split(" #").next().unwrap_or_default();
            let value = value.split(" ;").next().unwrap_or_default().trim();
            if !value.is_empty() {
                section.insert(key.trim().to_ascii_lowercase(), value.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        credentials: &str,
        config: &str,
        variables: &[(&str, &str)],
    ) -> Result<AwsProfile, ProfileError> {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        for (name, text) in [("credentials", credentials), ("config", config)] {
            if !text.is_empty() {
                fs::write(home.path().join(".aws").join(name), text).unwrap();
            }
        }
        let home = home.path().to_str().unwrap();
        AwsProfile::load(&StoreEnvironment::of(&[variables, &[("HOME", home)]].concat()))
    }

    const CREDENTIALS: &str = "\
# comment
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = ab#c;d=e/+  # the old one
[ lake ]\r
aws_access_key_id=AKIALAKE\r
AWS_SECRET_ACCESS_KEY=s3cret\r
aws_session_token = tok=en
[half]
aws_access_key_id = AKIAHALF
";
    const CONFIG: &str = "\
[default]
region = eu-west-1
s3 =
    addressing_style = path
[profile lake]
region = ap-southeast-1
endpoint_url = https://s3.example.com
[profile sso]
sso_session = corp
[profile role]
role_arn = arn:aws:iam::1:role/x
source_profile = default
[profile process]
credential_process = /opt/hunter2
";

    #[test]
    fn profiles_are_merged_from_both_files() {
        let default = load(CREDENTIALS, CONFIG, &[]).unwrap();
        let keys = default.keys.unwrap();
        assert_eq!(
            (keys.id.as_str(), keys.secret.as_str(), keys.token),
            ("AKIADEFAULT", "ab#c;d=e/+", None)
        );
        assert_eq!((default.region.as_deref(), default.endpoint), (Some("eu-west-1"), None));
        let lake = load(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "lake")]).unwrap();
        assert!(!format!("{lake:?}").contains("s3cret"));
        let keys = lake.keys.unwrap();
        assert_eq!(
            (keys.id.as_str(), keys.secret.as_str(), keys.token.as_deref()),
            ("AKIALAKE", "s3cret", Some("tok=en"))
        );
        assert_eq!(lake.endpoint.as_deref(), Some("https://s3.example.com"));
        let none = load("", "", &[]).unwrap();
        assert!(none.keys.is_none() && none.region.is_none());
    }

    #[test]
    fn profiles_without_keys_of_their_own_are_refused() {
        for (name, part) in
            [("sso", "sso_session"), ("role", "role_arn"), ("process", "credential_process")]
        {
            let error = load(CREDENTIALS, CONFIG, &[("AWS_PROFILE", name)]).unwrap_err();
            assert!(
                error.problem.contains(part) && error.fix.contains(&format!("--profile {name} ")),
                "{error:?}"
            );
            assert!(!error.problem.contains("hunter2"));
        }
        let absent = load(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "nobody")]).unwrap_err();
        assert!(absent.problem.contains("the profile nobody is not in /"), "{absent:?}");
        let half = load(CREDENTIALS, CONFIG, &[("AWS_PROFILE", "half")]).unwrap_err();
        assert!(half.problem.contains("no aws_secret_access_key"), "{half:?}");
        let unreadable = load("", "", &[("AWS_CONFIG_FILE", "/proc/self/mem")]).unwrap_err();
        assert!(unreadable.problem.starts_with("could not read /proc/self/mem"), "{unreadable:?}");
    }
}
