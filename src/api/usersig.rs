//! UserSig.
