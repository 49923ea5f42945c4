//! Whole runs against a scripted service, in virtual time.

mod isolation;
mod order;
mod outages;
mod refusals;
mod responses;
mod retries;
mod scripted_service;
mod support;
mod throttling;

use std::collections::HashMap;
use std::sync::Mutex;

pub use self::scripted_service::{ScriptedResponse, ScriptedService, body_of, ok};
pub use self::support::run_settings;
use self::support::*;
use super::*;
use crate::api::transport::TransportFailure;
use crate::util::exit_code::{ExitCode, HasExitCode};
