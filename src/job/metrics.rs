//! `[metrics]`: where the figures of a run can be read.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::MetricsSettings;
use super::check::Context;
use super::error::{Refusal, shown};
use super::file::MetricsFile;
use super::values::{non_empty, path};
use crate::snapshot::OutputSettings;

const TEXTFILE: &str = "metrics.textfile";
const LISTEN: &str = "metrics.listen";

pub(super) fn check(file: &MetricsFile, context: &Context) -> Result<MetricsSettings, Refusal> {
    let textfile = file.textfile.as_deref().map(|text| textfile(text, context));
    let listen = file.listen.as_deref().map(address);
    Ok(MetricsSettings { textfile: textfile.transpose()?, listen: listen.transpose()? })
}

fn textfile(text: &str, context: &Context) -> Result<PathBuf, Refusal> {
    let refuse = |message: String| Err(Refusal::new(TEXTFILE, message));
    const EXAMPLE: &str = "a file such as \"/var/lib/node_exporter/im_profiles.prom\"";
    non_empty(TEXTFILE, text, EXAMPLE)?;
    if text.contains(['{', '}']) {
        return refuse(
            "has a placeholder, but each run has to find the file of the run before it, and node_exporter \
             would go on reading files of earlier days; write one path for all days"
                .to_owned(),
        );
    }
    let path = path(TEXTFILE, text, context)?;
    if !text.ends_with(".prom") || path.extension().is_none() {
        return refuse(format!(
            "is {}, which node_exporter would not read; write {EXAMPLE}, ending in .prom",
            shown(text)
        ));
    }
    Ok(path)
}

/// As for the list: publishing replaces the whole directory.
pub(super) fn ensure_textfile_is_outside_the_snapshot(
    metrics: &MetricsSettings,
    output: &OutputSettings,
) -> Result<(), Refusal> {
    match &metrics.textfile {
        Some(path) if path.starts_with(&output.path) => Err(Refusal::new(
            TEXTFILE,
            "is inside output.path, which the run replaces; write a file in another directory",
        )),
        _ => Ok(()),
    }
}

fn address(text: &str) -> Result<SocketAddr, Refusal> {
    text.parse().map_err(|_| {
        let message = format!(
            "is {}; write an IP address and a port, such as \"127.0.0.1:9187\"",
            shown(text)
        );
        Refusal::new(LISTEN, message)
    })
}
