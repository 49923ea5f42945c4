//! Errors of connections in plain words.

use std::error::Error;
use std::io;

/// What happened to a connection, if this error of the operating system says it.
pub fn connection_problem(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match cause.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "connection reset",
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => "connection closed",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable => "no route to the host",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        _ => return None,
    })
}
