//! The vendors' own engines judge what stackc writes: cfn-lint, Terraform with the real AWS provider, moto as the
//! cloud, Terraform's core with a provider that knows nothing but a schema, and Heat's validator. A user's machine
//! may lack them, then a test says so in one line and passes; in CI a missing engine fails.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers outside of #[test] functions belong to the tests too"
)]

mod arm;
mod arm_escaping;
mod cfn_lint;
mod cfn_yaml;
mod engines;
mod escaping;
mod heat;
mod independent;
mod product;
mod revision;
mod schema_provider;
mod terraform;
