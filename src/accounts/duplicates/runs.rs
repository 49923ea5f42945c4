//! Numbers on the disk, in ascending runs that are merged when they are read. However many there are, they take a small
//! buffer for each run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::spill::NUMBER_BYTES;
use crate::accounts::list_file::create_nameless;

/// Writes runs to a file without a name.
pub struct RunWriter {
    file: BufWriter<File>,
    /// Position after each run that has ended, in numbers.
    ends: Vec<u64>,
    numbers: u64,
}

impl RunWriter {
    pub fn create(directory: &Path) -> io::Result<Self> {
        let file = BufWriter::new(create_nameless(directory)?);
        Ok(Self { file, ends: Vec::new(), numbers: 0 })
    }

    /// Adds a number that is greater than any other of this run.
    pub fn add(&mut self, number: u64) -> io::Result<()> {
        self.numbers += 1;
        self.file.write_all(&number.to_le_bytes()[..NUMBER_BYTES])
    }

    pub fn end_run(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.numbers {
            self.ends.push(self.numbers);
        }
    }

    pub fn finish(mut self) -> io::Result<Runs> {
        self.end_run();
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Runs { file, ends: self.ends })
    }
}

/// Runs of ascending numbers.
pub struct Runs {
    file: File,
    ends: Vec<u64>,
}

impl Runs {
    /// How many numbers there are.
    pub fn count(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Reads the numbers of all runs in ascending order.
pub struct MergedRuns {
    runs: Arc<Runs>,
    cursors: Vec<Cursor>,
    /// The next number of each run, with the index of the run.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    buffer_bytes: usize,
}

/// A position in a run.
struct Cursor {
    /// Position of the next number that is not in the buffer.
    position: u64,
    end: u64,
    /// Numbers that have been read, from the last to the next.
    buffer: Vec<u64>,
}

impl MergedRuns {
    /// `budget` is the size of all buffers.
    pub fn new(runs: Arc<Runs>, budget: u64) -> io::Result<Self> {
        const BUFFER_BYTES: (usize, usize) = (16 * size_of::<u64>(), 16 * 1024);
        let starts = std::iter::once(0).chain(runs.ends.iter().copied());
        let cursors: Vec<Cursor> = starts
            .zip(&runs.ends)
            .map(|(position, end)| Cursor { position, end: *end, buffer: Vec::new() })
            .collect();
        let share = budget / cursors.len().max(1) as u64;
        let share = usize::try_from(share).unwrap_or(usize::MAX);
        let buffer_bytes = share.clamp(BUFFER_BYTES.0, BUFFER_BYTES.1);
        let mut merged = Self { cursors, heads: BinaryHeap::new(), buffer_bytes, runs };
        for run in 0..merged.cursors.len() {
            if let Some(number) = merged.cursors[run].next(&merged.runs.file, buffer_bytes)? {
                merged.heads.push(Reverse((number, run)));
            }
        }
        Ok(merged)
    }

    /// The next number.
    #[inline]
    pub fn peek(&self) -> Option<u64> {
        self.heads.peek().map(|Reverse((number, _))| *number)
    }

    /// Skips the next number.
    pub fn advance(&mut self) -> io::Result<()> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(()) };
        let Reverse((_, run)) = *head;
        match self.cursors[run].next(&self.runs.file, self.buffer_bytes)? {
            Some(number) => *head = Reverse((number, run)),
            None => _ = PeekMut::pop(head),
        }
        Ok(())
    }
}

impl Cursor {
    fn next(&mut self, file: &File, buffer_bytes: usize) -> io::Result<Option<u64>> {
        if self.buffer.is_empty() && self.position < self.end {
            self.fill(file, buffer_bytes)?;
        }
        Ok(self.buffer.pop())
    }

    fn fill(&mut self, file: &File, buffer_bytes: usize) -> io::Result<()> {
        let count = (self.end - self.position).min((buffer_bytes / size_of::<u64>()) as u64);
        // At most the size of a buffer.
        let mut bytes = vec![0; count as usize * NUMBER_BYTES];
        file.read_exact_at(&mut bytes, self.position * NUMBER_BYTES as u64)?;
        self.position += count;
        let (numbers, _) = bytes.as_chunks::<NUMBER_BYTES>();
        self.buffer.extend(numbers.iter().rev().map(super::spill::number));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_merged_whatever_the_size_of_the_buffers() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = RunWriter::create(directory.path()).unwrap();
        let number = |n: u64| n * 1_000_003;
        for run in 0..7 {
            // The last ones are empty.
            (0..1_000 * 5).filter(|n| n % 5 == run).for_each(|n| writer.add(number(n)).unwrap());
            writer.end_run();
        }
        let runs = Arc::new(writer.finish().unwrap());
        assert_eq!((runs.count(), runs.ends.len()), (5_000, 5));
        assert_eq!(crate::accounts::tests::files_in(directory.path()), 0);
        for budget in [0, 1_000, 1 << 20] {
            let mut merged = MergedRuns::new(Arc::clone(&runs), budget).unwrap();
            for n in 0..5_000 {
                assert_eq!(merged.peek(), Some(number(n)));
                merged.advance().unwrap();
            }
            assert_eq!(merged.peek(), None);
            merged.advance().unwrap();
        }
    }

    #[test]
    fn without_numbers_there_are_no_runs() {
        let directory = tempfile::tempdir().unwrap();
        let runs = Arc::new(RunWriter::create(directory.path()).unwrap().finish().unwrap());
        assert_eq!((runs.count(), MergedRuns::new(runs, 100).unwrap().peek()), (0, None));
    }
}
