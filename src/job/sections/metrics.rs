//! `[metrics]`: where the metrics of a run are exposed.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::job::OutputSettings;
use crate::job::error::{KeyError, quoted};
use crate::job::file::MetricsFile;
use crate::job::settings::MetricsSettings;
use crate::job::validate::Context;
use crate::job::values::{non_empty, path, reject_url};

const TEXTFILE: &str = "metrics.textfile";
const LISTEN: &str = "metrics.listen";

pub fn validate(file: &MetricsFile, context: &Context) -> Result<MetricsSettings, KeyError> {
    let textfile = file.textfile.as_deref().map(|text| textfile(text, context));
    let listen = file.listen.as_deref().map(address);
    Ok(MetricsSettings { textfile: textfile.transpose()?, listen: listen.transpose()? })
}

fn textfile(text: &str, context: &Context) -> Result<PathBuf, KeyError> {
    let refuse = |message: String| Err(KeyError::new(TEXTFILE, message));
    const EXAMPLE: &str =
        "a path that ends in .prom, such as \"/var/lib/node_exporter/im_profiles.prom\"";
    non_empty(TEXTFILE, text, EXAMPLE)?;
    reject_url(TEXTFILE, text)?;
    if text.contains(['{', '}']) {
        return refuse(
            "contains a placeholder, but each run must find the file of the run before it, and node_exporter \
             would keep reading the files of earlier days; write one path for all days"
                .to_owned(),
        );
    }
    let path = path(TEXTFILE, text, context)?;
    if !text.ends_with(".prom") || path.extension().is_none() {
        return refuse(format!(
            "is {}, which node_exporter would not read; write {EXAMPLE}",
            quoted(text)
        ));
    }
    Ok(path)
}

/// Publishing replaces the whole directory, and with it any file inside.
pub fn ensure_textfile_is_outside_the_snapshot(
    metrics: &MetricsSettings,
    output: &OutputSettings,
) -> Result<(), KeyError> {
    match &metrics.textfile {
        Some(path) if path.starts_with(&output.path) => Err(KeyError::new(
            TEXTFILE,
            "is inside output.path, which the run replaces; write a path in another directory",
        )),
        _ => Ok(()),
    }
}

fn address(text: &str) -> Result<SocketAddr, KeyError> {
    text.parse().map_err(|_| {
        let message = format!(
            "is {}; write an IP address and a port, such as \"127.0.0.1:9187\"",
            quoted(text)
        );
        KeyError::new(LISTEN, message)
    })
}
