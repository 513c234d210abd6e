//! What measurements say of a release, pure: nothing here knows a client, a clock or a log.

pub mod expr;
