//! The door of the library: arguments in, error chain out once, exit code.

fn main() {}
