//! Runs, measures and verifies a stream of the accounts of an export.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use im_profiles::emulator::EMULATOR_SECRET_KEY;

use crate::bench::Bench;
use crate::child::{self, Usage};
use crate::export::{Export, SECRET_VARIABLE};

/// Rows of a record batch, as Spark writes them.
const BATCH_ROWS: usize = 10_000;

/// Streams the accounts as Arrow from a file, and reads the rows from a pipe as an engine would.
pub fn run(bench: &Bench, export: &Export<'_>) -> Usage {
    let job = bench.directory().join("stream.toml");
    fs::write(&job, export.job(Path::new("unused"))).unwrap();
    let input = File::open(arrow_list(export.list)).unwrap();
    let mut command = Command::new(&bench.binary);
    command
        .args(["stream", "--quiet", "--progress", "none"])
        .arg(&job)
        .env_clear()
        .env(SECRET_VARIABLE, EMULATOR_SECRET_KEY)
        .stdin(input)
        .stdout(Stdio::piped());
    let mut rows = 0;
    let (process, _) = child::run_attended(bench.cores, &mut command, |child| {
        let output = BufReader::new(child.stdout.take().unwrap());
        let batches = StreamReader::try_new(output, None).unwrap();
        rows = batches.map(|batch| batch.unwrap().num_rows() as u64).sum();
    });
    assert_eq!(rows, export.expected_rows, "rows of the stream");
    process.usage
}

/// The accounts of a CSV list as an Arrow IPC stream beside it.
fn arrow_list(list: &Path) -> PathBuf {
    let path = list.with_extension("arrows");
    let text = fs::read_to_string(list).unwrap();
    let accounts: Vec<&str> = text.lines().skip(1).collect();
    let batch = |accounts: &[&str]| {
        let column: ArrayRef = Arc::new(StringArray::from(accounts.to_vec()));
        RecordBatch::try_from_iter([("account", column)]).unwrap()
    };
    let mut writer =
        StreamWriter::try_new(File::create(&path).unwrap(), &batch(&[]).schema()).unwrap();
    accounts.chunks(BATCH_ROWS).for_each(|rows| writer.write(&batch(rows)).unwrap());
    writer.finish().unwrap();
    path
}
