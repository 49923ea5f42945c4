//! An emulator in the test process, to observe what reaches the service.

use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};

use im_profiles::emulator::{
    self, Credentials, CustomKind, EMULATOR_SECRET_KEY, Emulator, Profiles, Settings,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::wait_until;

/// Environment variable from which jobs for an [`EmulatorServer`] read the secret key.
pub const SECRET_VARIABLE: &str = "IM_SECRET_KEY";

/// Parses settings in TOML, as in the `[emulator]` table of a job.
pub fn settings_of(toml: &str) -> Settings {
    let settings: Settings = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    assert_eq!(settings.check(), Ok(()), "{toml}");
    settings
}

/// Adds the custom tags of the tests' jobs, which an emulator outside of a job does not know, unless some are listed.
fn with_tags_of_jobs(mut settings: Settings) -> Settings {
    settings.set_default_custom_tags([
        ("Tag_Profile_Custom_Points", CustomKind::Number),
        ("Tag_Profile_Custom_Coins", CustomKind::Number),
        ("Tag_Profile_Custom_Raw", CustomKind::Bytes),
    ]);
    settings
}

/// An emulator that serves until this value is dropped.
#[derive(Debug)]
pub struct EmulatorServer {
    /// The emulator with its population and statistics.
    pub emulator: Emulator,
    /// Its base URL.
    pub base_url: String,
    listener: std::net::TcpListener,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmulatorServer {
    /// Serves generated profiles to callers with the built-in key.
    pub fn start(settings: Settings) -> EmulatorServer {
        EmulatorServer::start_with(settings, Credentials::built_in())
    }

    /// Stops this emulator with its calls in flight and starts another one. The port stays bound, so that no other process
    /// can take it in between.
    pub fn replaced_by(self, settings: Settings) -> EmulatorServer {
        let listener = self.listener.try_clone().unwrap();
        drop(self);
        let settings = with_tags_of_jobs(settings);
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        EmulatorServer::serve(listener, emulator)
    }

    /// [`EmulatorServer::start`] on the port of a dropped one; waits while another process uses the port.
    pub fn start_on(port: u16, settings: Settings) -> EmulatorServer {
        let mut listener = None;
        wait_until("the port", || {
            listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
            listener.is_some()
        });
        let settings = with_tags_of_jobs(settings);
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        EmulatorServer::serve(listener.unwrap(), emulator)
    }

    /// [`EmulatorServer::start`] with these credentials.
    pub fn start_with(settings: Settings, credentials: Credentials) -> EmulatorServer {
        let emulator =
            Emulator::new(with_tags_of_jobs(settings), credentials, Profiles::generated());
        EmulatorServer::serve(free_port(), emulator)
    }

    /// Serves the profiles of an NDJSON text; there are no other accounts.
    pub fn with_profiles(ndjson: &str) -> EmulatorServer {
        let profiles = Profiles::from_ndjson(ndjson.as_bytes()).unwrap();
        let emulator = Emulator::new(Settings::default(), Credentials::built_in(), profiles);
        EmulatorServer::serve(free_port(), emulator)
    }

    fn serve(listener: std::net::TcpListener, emulator: Emulator) -> EmulatorServer {
        listener.set_nonblocking(true).unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let (served, served_at) = (emulator.clone(), listener.try_clone().unwrap());
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let serving = async {
                let listener = TcpListener::from_std(served_at).unwrap();
                emulator::run(listener, served, async { drop(stopped.await) }).await.unwrap();
            };
            runtime.block_on(serving);
        });
        EmulatorServer { emulator, base_url, listener, stop: Some(stop), thread: Some(thread) }
    }

    /// Overrides that point a job for the in-process emulator to this server.
    pub fn overrides(&self) -> Vec<String> {
        [
            "api.emulator=false".to_owned(),
            format!("api.base_url={}", self.base_url),
            format!("api.sdkappid={}", emulator::EMULATOR_SDKAPPID),
            format!("api.secret_key_env={SECRET_VARIABLE}"),
        ]
        .map(|key| ["--set".to_owned(), key])
        .concat()
    }

    pub fn port(&self) -> u16 {
        self.base_url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Number of calls of `portrait_get`.
    pub fn calls(&self) -> u64 {
        self.emulator.stats().portrait_get().calls()
    }

    /// The secret key that it accepts.
    pub fn secret_key(&self) -> &'static str {
        EMULATOR_SECRET_KEY
    }
}

fn free_port() -> std::net::TcpListener {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

impl Drop for EmulatorServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let result = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            result.unwrap().unwrap();
        }
    }
}
