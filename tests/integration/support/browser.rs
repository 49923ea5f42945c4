//! A real browser that opens one page. It reports the requests of the page itself: the browser's own requests, such as
//! updates, differ between versions and do not belong to a page.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::devtools::{Browser, Session};
use serde::Deserialize;
use serde_json::json;

/// Host of the page in the browser; it does not exist.
const HOST: &str = "http://report.test";

/// The color scheme that the user prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// The rendered page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PageInspection {
    /// Elements with `data-manifest`: the attribute and the visible text.
    pub reported: Vec<(String, String)>,
    /// Width of the content in pixels.
    pub page_width: f64,
    /// Elements that overflow on the right, except scrollable tables.
    pub sticks_out: Vec<String>,
    /// Number of visible pictures.
    pub pictures: usize,
    /// Height in pixels of the smallest text in a picture, if there is one.
    pub smallest_text: Option<f64>,
    /// Scripts and images in the page, and whether a script has run.
    pub active: (usize, usize, bool),
    /// Colors of the page and of the shapes in its pictures.
    pub colors: Vec<String>,
    /// URLs of `<link>` elements. A browser can connect to their hosts without reporting a request.
    pub links: Vec<String>,
    /// URLs requested by the page and by everything it embeds or starts, in the order of the reports.
    #[serde(default)]
    pub requests: Vec<String>,
}

/// An HTML page with the page in a frame, whose width is independent of the browser window.
fn wrapper(width: u32) -> String {
    format!(
        r#"<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>
<iframe id="frame" src="/page" style="border: 0; width: {width}px; height: 900px"></iframe>"#
    )
}

/// A script for the wrapper that returns a [`PageInspection`] without the requests.
fn inspection(width: u32) -> String {
    format!(
        r#"(async () => {{
  const page = frame.contentDocument, all = query => [...page.querySelectorAll(query)];
  all('details').forEach(details => details.open = true);
  all('[loading]').forEach(element => element.loading = 'eager');
  await frame.contentWindow.finished; // Set by test pages with work that loading does not wait for.
  // Content that becomes visible is requested when it is drawn.
  for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
  const box = element => element.getBoundingClientRect();
  const inSight = element => box(element).width > 0;
  const sticksOut = element => box(element).right > {width} + 0.5 && !element.closest('.wide-table');
  const texts = all('figure svg text').filter(inSight).map(text => box(text).height);
  const colors = all('figure polygon, figure polyline').map(shape => getComputedStyle(shape));
  return {{
    reported: all('[data-manifest]').filter(inSight).map(e => [e.dataset.manifest, e.innerText]),
    page_width: page.documentElement.scrollWidth,
    sticks_out: all('body *').filter(sticksOut).map(element => element.outerHTML.slice(0, 200)),
    pictures: all('figure svg').filter(inSight).length,
    smallest_text: texts.length ? Math.min(...texts) : null,
    active: [page.scripts.length, page.images.length, frame.contentWindow.hasRun === true],
    links: all('link').map(link => link.href),
    colors: [getComputedStyle(page.body).backgroundColor, ...colors.map(s => s.fill + ' ' + s.stroke)],
  }};
}})()"#
    )
}

/// Opens the page at a width in pixels.
pub fn inspect_page(page: &[u8], width: u32, scheme: Scheme) -> PageInspection {
    // No request of the browser leaves this machine.
    let proxy = serve(page.to_vec(), wrapper(width));
    let profile = tempfile::tempdir().unwrap();
    let proxy =
        [format!("--proxy-server=http://{proxy}"), "--proxy-bypass-list=<-loopback>".into()];
    let mut browser = Browser::start(profile.path(), &proxy);
    let session = open_tab(&mut browser, scheme);
    load(&mut browser, &session);
    let inspection =
        json!({"expression": inspection(width), "awaitPromise": true, "returnByValue": true});
    let result = browser.call(&session, "Runtime.evaluate", &inspection);
    let seen = &result["result"]["value"];
    let page_state =
        PageInspection::deserialize(seen).unwrap_or_else(|error| panic!("{error}: {result}"));
    // A data: URL contains its content.
    let requests = browser.requests().iter().filter(|url| !url.starts_with("data:"));
    PageInspection { requests: requests.cloned().collect(), ..page_state }
}

/// Opens an empty tab whose requests are reported as events.
fn open_tab(browser: &mut Browser, scheme: Scheme) -> Session {
    let target = browser.call("", "Target.createTarget", &json!({"url": "about:blank"}));
    let target = json!({"targetId": target["targetId"], "flatten": true});
    let session = browser.call("", "Target.attachToTarget", &target)["sessionId"].clone();
    let session = session.as_str().unwrap().to_owned();
    let screen = json!({"width": 1600, "height": 1000, "deviceScaleFactor": 1, "mobile": false});
    browser.call(&session, "Emulation.setDeviceMetricsOverride", &screen);
    let scheme = match scheme {
        Scheme::Dark => "dark",
        Scheme::Light => "light",
    };
    let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    browser.call(&session, "Emulation.setEmulatedMedia", &scheme);
    browser.call(&session, "Page.enable", &json!({}));
    browser.call(&session, "Page.setLifecycleEventsEnabled", &json!({"enabled": true}));
    session
}

/// Loads the wrapper, the page in it and everything that they request while loading.
fn load(browser: &mut Browser, session: &Session) {
    let document = browser.call(session, "Page.navigate", &json!({"url": format!("{HOST}/")}));
    // The tab reports the same event for the initial empty document.
    browser.wait_for(|event| {
        event.method == "Page.lifecycleEvent"
            && event.params["loaderId"] == document["loaderId"]
            && event.params["name"] == "load"
    });
}

/// Starts the proxy of the browser, which serves only the page and the wrapper.
fn serve(page: Vec<u8>, wrapper: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let documents =
        Arc::new([(format!("{HOST}/"), wrapper.into_bytes()), (format!("{HOST}/page"), page)]);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let documents = Arc::clone(&documents);
            thread::spawn(move || answer(&connection.unwrap(), &*documents));
        }
    });
    address
}

/// Responds to the only request of a connection, which a browser can close at any time.
fn answer(connection: &TcpStream, documents: &[(String, Vec<u8>)]) -> Option<()> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    let document = documents.iter().find(|(url, _)| *url == target);
    let (status, body) =
        document.map_or(("404 Not Found", &b""[..]), |(_, document)| ("200 OK", document));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = connection;
    connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body)).ok()
}
