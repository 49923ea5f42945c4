//! A real browser that looks at one page. All that it asks of any host comes to a server of this test, which keeps note.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde::Deserialize;

const CHROMIUM: &str = "/usr/bin/chromium";

/// Where the page is, for the browser; there is no such host.
const HOST: &str = "http://report.test";

/// Where the browser's own wishes go, those that no option turns off; they are not the page's.
const OWN_HOST: &str = "http://own.invalid";

/// Beyond what a browser takes to show a page on a busy machine, in seconds.
const HANGS_AFTER_SECONDS: &str = "120";

/// A light or a dark page, as the person who looks has set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark.
    Dark = 0,
    /// Light.
    Light = 1,
}

/// What the browser made of the page.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Looked {
    /// Elements with `data-manifest`: what it says, and the text in sight.
    pub told: Vec<(String, String)>,
    /// Width that the page takes, in pixels.
    pub page_width: f64,
    /// What sticks out on the right, tables that may be scrolled left out.
    pub sticks_out: Vec<String>,
    /// Pictures in sight.
    pub pictures: usize,
    /// Height in pixels of the smallest text in a picture, if there is one.
    pub smallest_text: Option<f64>,
    /// Scripts and images in the page, and whether one of the scripts has run.
    pub active: (usize, usize, bool),
    /// Colour of the page, and those of shapes of its pictures.
    pub colors: Vec<String>,
    /// Everything asked of any host, in no order.
    #[serde(default)]
    pub requests: Vec<String>,
}

/// What the browser opens: the page in a frame of a width, and a script that writes down what it sees of it.
fn wrapper(width: u32) -> String {
    format!(
        r#"<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>
<iframe id="frame" src="/page" style="border: 0; width: {width}px; height: 900px"></iframe>
<script>
frame.onload = () => {{
  const page = frame.contentDocument, all = query => [...page.querySelectorAll(query)];
  all('details').forEach(details => details.open = true);
  const box = element => element.getBoundingClientRect();
  const inSight = element => box(element).width > 0;
  const sticksOut = element => box(element).right > {width} + 0.5 && !element.closest('.wide-table');
  const texts = all('figure svg text').filter(inSight).map(text => box(text).height);
  const colors = all('figure polygon, figure polyline').map(shape => getComputedStyle(shape));
  const seen = {{
    told: all('[data-manifest]').filter(inSight).map(e => [e.dataset.manifest, e.innerText]),
    page_width: page.documentElement.scrollWidth,
    sticks_out: all('body *').filter(sticksOut).map(element => element.outerHTML.slice(0, 200)),
    pictures: all('figure svg').filter(inSight).length,
    smallest_text: texts.length ? Math.min(...texts) : null,
    active: [page.scripts.length, page.images.length, frame.contentWindow.hasRun === true],
    colors: [getComputedStyle(page.body).backgroundColor, ...colors.map(s => s.fill + ' ' + s.stroke)],
  }};
  document.body.dataset.seen = encodeURIComponent(JSON.stringify(seen));
}};
</script>"#
    )
}

/// Opens the page at a width in pixels.
pub fn look_at(page: &[u8], width: u32, scheme: Scheme) -> Looked {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let proxy = serve(page.to_vec(), wrapper(width), Arc::clone(&requests));
    let profile = tempfile::tempdir().unwrap();
    let browser = Command::new("timeout")
        .args(["--kill-after=5", HANGS_AFTER_SECONDS, CHROMIUM])
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--proxy-bypass-list=<-loopback>"])
        .args([
            "--disable-features=NetworkTimeServiceQuerying,PreconnectToSearch",
            "--no-default-browser-check",
        ])
        .arg(format!("--google-base-url={OWN_HOST}"))
        .arg(format!("--gaia-url={OWN_HOST}"))
        .arg(format!("--proxy-server=http://{proxy}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings=preferredColorScheme={}", scheme as u8))
        .arg("--window-size=1600,1000")
        .arg("--dump-dom")
        .arg(format!("{HOST}/"))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&browser.stdout);
    let seen = dom.split_once("data-seen=\"").and_then(|(_, seen)| seen.split_once('"'));
    let (seen, _) = seen.unwrap_or_else(|| panic!("the page was not seen: {browser:?}"));
    let seen = percent_encoding::percent_decode_str(seen).decode_utf8().unwrap();
    let mut looked: Looked = serde_json::from_str(&seen).unwrap();
    looked.requests = requests.lock().unwrap().clone();
    looked
}

/// Starts a server that is the proxy of the browser: gives the page and the wrapper, nothing else, and notes every request.
fn serve(page: Vec<u8>, wrapper: String, requests: Arc<Mutex<Vec<String>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (page, wrapper) = (page.clone(), wrapper.clone());
            let requests = Arc::clone(&requests);
            thread::spawn(move || answer(&connection.unwrap(), &page, &wrapper, &requests));
        }
    });
    address
}

/// Answers the one request of a connection; a browser may close it before it has asked or heard, which is its right.
fn answer(
    connection: &TcpStream,
    page: &[u8],
    wrapper: &str,
    requests: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next()?.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    while !lines.next()?.ok()?.is_empty() {}
    let body = match target.strip_prefix(HOST) {
        Some("/") => wrapper.as_bytes(),
        Some("/page") => page,
        _ => b"",
    };
    if !target.starts_with(OWN_HOST) {
        requests.lock().unwrap().push(target);
    }
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut connection = connection;
    connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body)).ok()
}
