//! The vendors' own engines judge what stackc writes: cfn-lint, Terraform with the real AWS provider, and moto as the
//! cloud. A user's machine may lack them, then a test says so in one line and passes; in CI a missing engine fails.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers outside of #[test] functions belong to the tests too"
)]

mod cfn_lint;
mod cfn_yaml;
mod engines;
mod escaping;
mod product;
mod terraform;
