//! A service that responds by a script.

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::api::response_body::ResponseBody;

/// Decides how the service responds to a call, by its number from 0, its time and its accounts.
pub type Script = dyn Fn(u64, Duration, &[String]) -> ScriptedResponse + Send + Sync;

pub enum ScriptedResponse {
    /// A code for each of these accounts, and a row for all others.
    Codes(Vec<(String, i64)>),
    /// This body.
    Body(String),
    /// The whole call fails with this code.
    Code(i64),
    /// The connection breaks.
    Broken,
    /// The response exceeds the size limit.
    TooLarge,
    /// The call fails with this HTTP status.
    Status(u16),
    /// The call fails in transport.
    Transport(TransportFailure),
    /// Another response, with `Retry-After`.
    RetryAfter(Duration, Box<ScriptedResponse>),
    /// A row for every account, after a delay.
    After(Duration),
}

pub fn ok() -> ScriptedResponse {
    ScriptedResponse::Codes(Vec::new())
}

pub struct ScriptedService {
    pub script: Box<Script>,
    pub started: Instant,
    /// Time and accounts of every call.
    pub calls: Mutex<Vec<(Duration, Vec<String>)>>,
    pub sig_generation: Mutex<SigGeneration>,
}

impl Service for ScriptedService {
    async fn call(&self, request: String, _random: u32, departure: Departure) -> CallResult {
        drop(departure);
        let sig_generation = self.sig_generation();
        let at = self.started.elapsed();
        let request: serde_json::Value = serde_json::from_str(&request).unwrap();
        let accounts: Vec<String> = serde_json::from_value(request["To_Account"].clone()).unwrap();
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push((at, accounts.clone()));
            calls.len() as u64 - 1
        };
        let mut response = (self.script)(number, at, &accounts);
        let mut retry_after = None;
        if let ScriptedResponse::RetryAfter(pause, inner) = response {
            (retry_after, response) = (Some(pause), *inner);
        }
        let body = match response {
            ScriptedResponse::Codes(codes) => Ok(body_of(&accounts, &codes)),
            ScriptedResponse::Body(body) => Ok(body),
            ScriptedResponse::Code(code) => Ok(format!(
                r#"{{"ActionStatus":"FAIL","ErrorCode":{code},"ErrorInfo":"scripted"}}"#
            )),
            ScriptedResponse::Broken => {
                Err(TransportFailure::Connection("broken".to_owned()).into())
            }
            ScriptedResponse::TooLarge => Err(TransportFailure::TooLarge(1).into()),
            ScriptedResponse::Status(status) => Err(TransportFailure::Status(status).into()),
            ScriptedResponse::Transport(failure) => Err(failure.into()),
            ScriptedResponse::RetryAfter(..) => unreachable!("nested Retry-After"),
            ScriptedResponse::After(latency) => {
                tokio::time::sleep(latency).await;
                Ok(body_of(&accounts, &[]))
            }
        };
        tokio::time::sleep(Duration::from_millis(20)).await;
        CallResult {
            body: body.map(ResponseBody::from),
            sig_generation,
            retry_after,
            server_time: None,
        }
    }

    fn sig_generation(&self) -> SigGeneration {
        *self.sig_generation.lock().unwrap()
    }

    fn renew_signature(&self) -> bool {
        let mut generation = self.sig_generation.lock().unwrap();
        *generation = generation.next();
        true
    }
}

pub fn body_of(accounts: &[String], codes: &[(String, i64)]) -> String {
    let codes: HashMap<&str, i64> =
        codes.iter().map(|(account, code)| (account.as_str(), *code)).collect();
    let items: Vec<String> = accounts
        .iter()
        .map(|account| match codes.get(account.as_str()) {
            Some(code) => json!({ "To_Account": account, "ResultCode": code }).to_string(),
            None => {
                let nick = json!({ "Tag": "Tag_Profile_IM_Nick", "Value": format!("n-{account}") });
                json!({ "To_Account": account, "ProfileItem": [nick], "ResultCode": 0 }).to_string()
            }
        })
        .collect();
    format!(r#"{{"UserProfileItem":[{}],"ActionStatus":"OK","ErrorCode":0}}"#, items.join(","))
}
