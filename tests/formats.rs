//! Formats that no embedded target has yet, by the rules that are being written for them: their templates, as files that a reviewer can open.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{root, same, stackc, stderr, stdout};

const STACK: &str = r##"stack shop {
    param ttl default=300 about="how long answers are remembered"
    param answer default="v=spf1 -all" about="what the text record says"
    network main cidr="10.0.0.0/16" zones=2 {
        accept "a trial" target=hot
    }
    firewall inner network=main
    dns-zone site domain="shop.example" {
        accept "a trial" target=hot
    }
    bucket media {
        accept "a trial" target=hot
        public-read
        website index=index.html
    }
    dns-record www zone=site label=www kind=A ttl=(get)ttl { values "192.0.2.1" }
    dns-record odd zone=site label=odd kind=TXT { values "on: {{x}} ${y} %{z} [w] # \"q\" 012 \u{e9}" }
    dns-record said zone=site label=said kind=TXT { values (get)answer }
    output range (get)main.cidr
    output media (get)media.domain
}
"##;

#[test]
fn heat_templates_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), STACK).unwrap();
    let rules = root().join("docs/spike/hot").display().to_string();
    let output = stackc(folder.path(), &["build", "--target", "hot", "--targets", &rules, "-o", "-"]);
    assert!(output.status.success(), "{}", stderr(&output));
    same(&root().join("snapshots/formats/heat.yaml"), &stdout(&output)).unwrap();
}
