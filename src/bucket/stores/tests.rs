//! Set-up without a request.
