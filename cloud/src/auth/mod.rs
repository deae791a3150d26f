//! Who is there: tokens of devices, passwords and sessions of users.

pub mod jwt;
pub mod limiter;
pub mod password;
pub mod role;
pub mod sessions;
pub mod token;
pub mod user;
