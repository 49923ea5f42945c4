//! The page for a browser (`GET /`, `HEAD /`) and the statistics for scripts (`GET /__stats`). The page shows the secret
//! key only if it is the built-in one, which is public.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, header};

use super::gateway::RequestLine;
use super::http_reply::HttpReply;
use super::service_command::ServiceCommand;
use super::{EMULATOR_SECRET_KEY, Emulator};
use crate::api::usersig;

const STATS_PATH: &str = "/__stats";

const TEMPLATE: &str = include_str!("page.html");

/// Lifetime of the UserSig in the example.
const EXAMPLE_LIFETIME_SECONDS: u64 = 86_400;

/// The reply to a request that is not a call of the service.
pub fn reply(emulator: &Emulator, line: RequestLine<'_>, headers: &HeaderMap) -> Option<HttpReply> {
    match (line.method, line.path) {
        ("GET" | "HEAD", "/") => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            Some(HttpReply::text(200, &html(emulator, host.unwrap_or_default())))
        }
        ("GET", STATS_PATH) => Some(HttpReply::json(emulator.stats().to_json().into_bytes())),
        _ => None,
    }
}

fn html(emulator: &Emulator, host: &str) -> String {
    let credentials = emulator.credentials();
    let settings = toml::to_string(emulator.settings())
        .unwrap_or_else(|_| "(cannot be shown as TOML)".to_owned());
    let key = if credentials.has_built_in_key() {
        format!("built-in, public: {EMULATOR_SECRET_KEY}")
    } else {
        "set when the emulator was started; not shown".to_owned()
    };
    let rows: String = ServiceCommand::ALL
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

/// The custom tags of the app as HTML, and how to add others.
fn custom_tags(emulator: &Emulator) -> String {
    let known = emulator.settings().population.custom_tags.keys();
    let known: Vec<String> = known.map(|tag| format!("<code>{}</code>", escaped(tag))).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!(
        "{known}; any other is refused (40009). They are the tags listed in <code>[population.custom_tags]</code> of the \
         settings, or without such a list the tags in the profiles file."
    )
}

/// A command line that works as shown with the built-in key, and otherwise needs a UserSig.
fn curl_example(emulator: &Emulator, host: &str) -> String {
    let credentials = emulator.credentials();
    let admin = credentials.admins.first().map_or("administrator", String::as_str);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let sig = if credentials.has_built_in_key() {
        let key = &credentials.secret_key;
        usersig::sign(key, credentials.sdkappid, admin, now, EXAMPLE_LIFETIME_SECONDS)
    } else {
        usersig::UserSig::new("USERSIG".to_owned())
    };
    // The host comes from the request and becomes part of a command line, so only a plain host is accepted.
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
    fn page_shows_an_example_call_and_the_settings() {
        let emulator =
            Emulator::for_test("seed = 77\nrate.portrait_get = 123", Profiles::generated());
        let page = html(&emulator, "127.0.0.1:8080");
        for text in ServiceCommand::ALL.map(ServiceCommand::path) {
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
    fn page_lists_the_custom_tags() {
        let page = |toml: &str| html(&Emulator::for_test(toml, Profiles::generated()), "localhost");
        assert!(page("").contains("<td>none; any other is refused (40009)."));
        let listed = "population.custom_tags = { Tag_Profile_Custom_A = 'text', Tag_Profile_Custom_B = 'number' }";
        let expected =
            "<td><code>Tag_Profile_Custom_A</code>, <code>Tag_Profile_Custom_B</code>; any";
        assert!(page(listed).contains(expected));
    }

    #[test]
    fn custom_key_is_neither_shown_nor_used() {
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
