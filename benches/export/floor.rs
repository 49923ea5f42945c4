//! Runs a single step of an export in a child process: the minimum cost of any export.

use std::process::Command;
use std::sync::Arc;

use http_body_util::BodyExt;
use tokio::task::JoinSet;

use crate::answer;
use crate::bench::Bench;
use crate::calls::{ACCOUNTS_PER_CALL, Calls, Line};
use crate::child::{self, Usage};
use crate::encode;
use crate::options::{Floor, Step};

/// Concurrent connections: the default `max_in_flight`.
pub const CONNECTIONS: usize = 64;

/// Measures a step in a separate process.
pub fn measure(bench: &Bench, step: Step, base_url: &str, accounts: u64, tags: &[&str]) -> Usage {
    let word = clap::ValueEnum::to_possible_value(&step).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["floor", word.get_name(), "--base-url", base_url])
        .args(["--accounts", &accounts.to_string(), "--tags", &tags.join(",")])
        .arg("--directory")
        .arg(bench.directory());
    let process = child::run(bench.cores, &mut command);
    let result: f64 = process.stdout.trim().parse().unwrap();
    if step == Step::Encode {
        return Usage { cpu_seconds: result, ..process.usage };
    }
    assert_eq!(result, accounts as f64, "accounts of {step:?}");
    process.usage
}

/// Runs a step and prints the number of requested accounts, or the seconds that encoding took.
pub fn run(floor: &Floor) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = match floor.step {
        Step::Encode => encode::cpu_seconds(&runtime, floor).to_string(),
        Step::ReceiveReqwest => runtime.block_on(receive_by_reqwest(floor)).to_string(),
        Step::ReceiveHyper | Step::ReceiveAndParse => {
            runtime.block_on(receive_by_hyper(floor)).to_string()
        }
    };
    println!("{result}");
}

async fn receive_by_hyper(floor: &Floor) -> u64 {
    let calls = Arc::new(Calls::new(floor.accounts, &floor.tags));
    let mut lines = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (calls, base_url, step) = (Arc::clone(&calls), floor.base_url.clone(), floor.step);
        lines.spawn(async move {
            let mut line = Line::open(&base_url).await;
            let mut accounts = 0;
            while let Some((path, body)) = calls.take() {
                if step == Step::ReceiveAndParse {
                    accounts += answer::by_sonic_rs(&line.call_and_read(&path, body).await);
                } else {
                    let mut response = line.call(&path, body).await;
                    while let Some(frame) = response.frame().await {
                        drop(frame.unwrap());
                    }
                    accounts += ACCOUNTS_PER_CALL;
                }
            }
            accounts
        });
    }
    lines.join_all().await.into_iter().sum()
}

async fn receive_by_reqwest(floor: &Floor) -> u64 {
    let calls = Arc::new(Calls::new(floor.accounts, &floor.tags));
    let client = reqwest::Client::builder().tcp_nodelay(true).no_proxy().build().unwrap();
    let mut lines = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (calls, client, base_url) =
            (Arc::clone(&calls), client.clone(), floor.base_url.clone());
        lines.spawn(async move {
            let mut accounts = 0;
            while let Some((path, body)) = calls.take() {
                let request = client.post(format!("{base_url}{path}")).body(body);
                let request = request.header("content-type", "application/json");
                let mut response = request.send().await.unwrap().error_for_status().unwrap();
                while let Some(chunk) = response.chunk().await.unwrap() {
                    drop(chunk);
                }
                accounts += ACCOUNTS_PER_CALL;
            }
            accounts
        });
    }
    lines.join_all().await.into_iter().sum()
}
