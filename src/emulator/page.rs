//! What a person sees who opens the emulator in a browser, and the counts for a script: `GET /`, `HEAD /` and
//! `GET /__stats`. Shows the secret key only when it is the built-in one, which is no secret.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};

use super::command::Command;
use super::gateway::RequestLine;
use super::reply::Reply;
use super::{EMULATOR_SECRET_KEY, Emulator};
use crate::api::usersig;

/// Where the counts are.
const STATS_PATH: &str = "/__stats";

const TEMPLATE: &str = include_str!("page.html");

/// How long the UserSig of the example holds.
const EXAMPLE_LIFETIME_SECONDS: u64 = 86_400;

/// The reply to anything that is no call of the service.
pub(super) fn reply(
    emulator: &Emulator,
    head: RequestLine<'_>,
    headers: &HeaderMap,
) -> Option<Reply> {
    match (head.method, head.path) {
        ("GET" | "HEAD", "/") => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            Some(Reply::text(200, &html(emulator, host.unwrap_or_default())))
        }
        ("GET", STATS_PATH) => Some(Reply::json(emulator.stats().to_json().into_bytes())),
        _ => None,
    }
}

fn html(emulator: &Emulator, host: &str) -> String {
    let credentials = emulator.credentials();
    let settings = toml::to_string(emulator.settings())
        .unwrap_or_else(|_| "(cannot be shown as TOML)".to_owned());
    let key = if credentials.are_built_in() {
        format!("built in, no secret: {EMULATOR_SECRET_KEY}")
    } else {
        "set by whoever started the emulator; not shown".to_owned()
    };
    let rows: String = Command::ALL
        .iter()
        .map(|command| format!("<tr><td><code>{}</code></td></tr>\n", command.path()))
        .collect();
    TEMPLATE
        .replace("{{commands}}", &rows)
        .replace("{{sdkappid}}", &credentials.sdkappid.to_string())
        .replace("{{admins}}", &escaped(&credentials.admins.join(", ")))
        .replace("{{key}}", &escaped(&key))
        .replace("{{custom_tags}}", &custom_tags(emulator))
        .replace("{{curl}}", &escaped(&curl_example(emulator, host)))
        .replace("{{settings}}", &escaped(&settings))
}

/// The custom tags that are known, as HTML, and what to do about others.
fn custom_tags(emulator: &Emulator) -> String {
    let known = emulator.settings().population.custom_tags.keys();
    let known: Vec<String> = known.map(|tag| format!("<code>{}</code>", escaped(tag))).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!(
        "{known}; any other is refused (40009). They are those that <code>[population.custom_tags]</code> of the \
         settings lists, or without such a list those that the profiles file names."
    )
}

/// A command line that works as it stands with the built-in key, and with a UserSig put in otherwise.
fn curl_example(emulator: &Emulator, host: &str) -> String {
    let credentials = emulator.credentials();
    let admin = credentials.admins.first().map_or("administrator", String::as_str);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let sig = if credentials.are_built_in() {
        let key = &credentials.secret_key;
        usersig::sign(key, credentials.sdkappid, admin, now, EXAMPLE_LIFETIME_SECONDS)
    } else {
        usersig::UserSig::new("USERSIG".to_owned())
    };
    // The host comes from the request and goes into a command line, so nothing but a plain host may pass.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let host = if !host.is_empty() && host.bytes().all(is_plain) { host } else { "127.0.0.1" };
    format!(
        "curl 'http://{host}/{}?sdkappid={}&identifier={}&usersig={}&random=1&contenttype=json' \\\n  \
         -d '{{\"To_Account\":[\"user1\",\"user2\"],\"TagList\":[\"Tag_Profile_IM_Nick\",\"Tag_Profile_IM_Level\"]}}'",
        crate::api::response::PORTRAIT_GET_PATH,
        credentials.sdkappid,
        percent_encoding::utf8_percent_encode(admin, percent_encoding::NON_ALPHANUMERIC),
        sig.as_str(),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::{Credentials, Profiles, Settings};
    use super::*;
    use crate::api::usersig::SecretKey;

    #[test]
    fn the_page_tells_how_to_call_and_what_is_in_force() {
        let emulator =
            Emulator::for_test("seed = 77\nrate.portrait_get = 123", Profiles::generated());
        let page = html(&emulator, "127.0.0.1:8080");
        for text in Command::ALL.map(Command::path) {
            assert!(page.contains(text), "{text}");
        }
        for text in [
            "curl 'http://127.0.0.1:8080/v4/",
            "portrait_get = 123",
            "seed = 77",
            EMULATOR_SECRET_KEY,
            "prefers-color-scheme",
            STATS_PATH,
        ] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("{{") && !page.contains("src="), "self-contained and filled in");
    }

    #[test]
    fn the_page_lists_the_custom_tags() {
        let page = |toml: &str| html(&Emulator::for_test(toml, Profiles::generated()), "localhost");
        assert!(page("").contains("<td>none; any other is refused (40009)."));
        let listed = "population.custom_tags = { Tag_Profile_Custom_A = 'text', Tag_Profile_Custom_B = 'number' }";
        let expected =
            "<td><code>Tag_Profile_Custom_A</code>, <code>Tag_Profile_Custom_B</code>; any";
        assert!(page(listed).contains(expected));
    }

    #[test]
    fn a_key_of_ones_own_is_not_shown_nor_used() {
        let credentials = Credentials {
            sdkappid: 14,
            admins: vec!["<b>".to_owned()],
            secret_key: SecretKey::new("hush-hush".to_owned()),
        };
        let emulator = Emulator::new(Settings::default(), credentials, Profiles::generated());
        let page = html(&emulator, "x'; rm -rf ~");
        assert!(page.contains("usersig=USERSIG") && page.contains("&lt;b&gt;"));
        assert!(!page.contains("hush-hush") && !page.contains("<b>") && !page.contains("rm -rf"));
        assert!(!page.contains(EMULATOR_SECRET_KEY));
    }
}
