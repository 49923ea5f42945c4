//! An emulator in the test's own process, to see what reaches the service, and its settings.

use std::net::Ipv4Addr;
use std::thread::{self, JoinHandle};

use im_profiles::emulator::{
    self, Credentials, CustomKind, EMULATOR_SECRET_KEY, Emulator, Profiles, Settings,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::wait_until;

/// The variable in which jobs for an [`EmulatorServer`] look for the secret key.
pub const SECRET_VARIABLE: &str = "IM_SECRET_KEY";

/// The settings in a TOML text, as below `[emulator]` in a job.
pub fn settings_of(toml: &str) -> Settings {
    let settings: Settings = toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    assert_eq!(settings.check(), Ok(()), "{toml}");
    settings
}

/// The settings, with the custom tags of the tests' jobs where they name none: an emulator outside of a job knows no other.
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
    /// The emulator: what it knows and what it has seen.
    pub emulator: Emulator,
    /// Where it is.
    pub base_url: String,
    listener: std::net::TcpListener,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmulatorServer {
    /// Serves made-up profiles to whoever signs with the built-in key.
    pub fn start(settings: Settings) -> EmulatorServer {
        EmulatorServer::start_with(settings, Credentials::built_in())
    }

    /// Ends this one, and with it what is under way, and starts another in its place. The port is never given up, or somebody
    /// else might take it in between.
    pub fn replaced_by(self, settings: Settings) -> EmulatorServer {
        let listener = self.listener.try_clone().unwrap();
        drop(self);
        let settings = with_tags_of_jobs(settings);
        let emulator = Emulator::new(settings, Credentials::built_in(), Profiles::generated());
        EmulatorServer::serve(listener, emulator)
    }

    /// [`EmulatorServer::start`] on the port of one that was dropped; waits while somebody else has it.
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

    /// [`EmulatorServer::start`] for whom these credentials let in.
    pub fn start_with(settings: Settings, credentials: Credentials) -> EmulatorServer {
        let emulator =
            Emulator::new(with_tags_of_jobs(settings), credentials, Profiles::generated());
        EmulatorServer::serve(free_port(), emulator)
    }

    /// Serves the profiles of an NDJSON text, and knows no other accounts.
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

    /// The overrides that turn a job for the emulator in the process into one for this server.
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

    /// Its port.
    pub fn port(&self) -> u16 {
        self.base_url.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Calls of `portrait_get` so far.
    pub fn calls(&self) -> u64 {
        self.emulator.stats().portrait_get().calls()
    }

    /// The secret key that it takes.
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
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}
