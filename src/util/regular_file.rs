//! Reading files that must be regular: a named pipe would block for ever, and a device has no end.

use std::fs::{self, File, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// What is at a path in place of a regular file, in words; `None` for a regular file.
pub fn kind_in_its_place(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// What is found where a regular file may be.
#[derive(Debug)]
pub enum Opened {
    File(File),
    /// Something else, in words.
    Other(&'static str),
}

/// Opens a file for reading, without waiting for the writer of a named pipe. Symbolic links are followed.
pub fn open(path: &Path) -> io::Result<Opened> {
    // Opening a socket fails, so the kind is read first; the file may be exchanged in between, so it is read again.
    if let Some(kind) = kind_in_its_place(fs::metadata(path)?.file_type()) {
        return Ok(Opened::Other(kind));
    }
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    Ok(match kind_in_its_place(file.metadata()?.file_type()) {
        None => Opened::File(file),
        Some(kind) => Opened::Other(kind),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn everything_but_a_regular_file_is_named_without_waiting() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        fs::create_dir(path("directory")).unwrap();
        mkfifoat(CWD, path("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        for name in ["file", "link"] {
            let Opened::File(mut file) = open(&path(name)).unwrap() else { panic!("{name}") };
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
        }
        let kind = |path: &Path| match open(path).unwrap() {
            Opened::Other(kind) => kind,
            Opened::File(_) => panic!("{}", path.display()),
        };
        assert_eq!(kind(&path("directory")), "a directory");
        assert_eq!(kind(&path("pipe")), "a named pipe");
        assert_eq!(kind(&path("socket")), "a socket");
        assert_eq!(kind(Path::new("/dev/zero")), "a device");
        assert_eq!(open(&path("missing")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
