//! A client of the tests.
fn main() {}
