//! A first deploy in steps, by Terraform: the real core, with AWS's own provider on moto, and with one that has
//! Google's schema.

use crate::engines::{self, SchemaProvider};
use crate::name_server::{NameServer, Says};
use crate::product::root;
use crate::run::Run;
use crate::{Aws, run};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_certificate_waits_for_its_zone() {
    let Some(aws) = Aws::start() else { return };
    let stack = r#"stack shop {
    dns-zone site domain="shop.example"
    certificate tls domain="www.shop.example" zone=site
}
"#;
    let server = Arc::new(NameServer::start(Says::Servers(vec!["dns.registrar.example".to_owned()])));
    let environment = aws.environment.clone();
    let run = Run::new(stack, "tf-aws", environment).with("STACKC_RESOLVER", &server.address.to_string());
    let run = run.with("STACKC_POLL_MS", "100");
    let first = run.ends(&["deploy", "--yes", "--wait-for-gates", "0"], 5);
    for said in ["then add      1 resource: certificate tls", "delegated to others: dns.registrar.example", "delegate shop.example to ns-"] {
        assert!(first.stderr.contains(said), "{said}\n{}", first.stderr);
    }
    let status = run.ok(&["status", "--long"]).stdout;
    assert!(status.contains("certificate tls: proof") && !status.contains("validation"), "{status}");
    let servers = run.ok(&["outputs", "--name", "site-name-servers"]).stdout;
    let registrar = Arc::clone(&server);
    let asked = server.asked().len();
    let delegates = std::thread::spawn(move || {
        while registrar.asked().len() < asked + 4 {
            std::thread::sleep(Duration::from_millis(20));
        }
        registrar.says(Says::Servers(servers.trim().split(',').map(str::to_owned).collect()));
    });
    let done = run.ok(&["deploy", "--yes"]);
    delegates.join().unwrap();
    assert!(done.stderr.contains("site.delegated is open"), "{}", done.stderr);
    assert!(done.stderr.contains("shop (Terraform, state in .stackc/tf-aws): 1 to add\n"), "{}", done.stderr);
    // Nothing of it is held back any more, whatever the name server says.
    server.says(Says::Nothing);
    let asked = server.asked().len();
    run.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn a_service_waits_for_its_image_on_google() {
    let (Some(python), Some(terraform)) = (engines::python(), engines::terraform_core()) else { return };
    let facts = |name: &str| root().join("specs/providers").join(name).to_str().unwrap().to_owned();
    let served = [format!("{},project,region", facts("terraform-google.facts")), facts("terraform-time.facts")];
    let provider = SchemaProvider::start(&python, &served, &terraform.folder("provider"));
    let mut environment = provider.environment();
    environment.push(("TF_CLI_CONFIG_FILE".to_owned(), terraform.configuration().to_str().unwrap().to_owned()));
    let stack = r#"stack shop {
    network main
    registry images
    service web network=main port=80 { image (fmt)"{images.url}:1"; }
    bucket media
}
"#;
    // The registry cannot be asked, as behind any proxy that is not there.
    let run: run::Run = Run::new(stack, "tf-google", environment).with("STACKC_PARAM_PROJECT", "acme").with("HTTPS_PROXY", "http://127.0.0.1:9");
    let first = run.ends(&["deploy", "--yes", "--wait-for-gates", "0"], 5);
    assert!(first.stderr.contains("web.pushed: push the image europe-west1-docker.pkg.dev/acme/"), "{}", first.stderr);
    assert!(first.stderr.contains("cannot be asked"), "{}", first.stderr);
    let status = run.ok(&["status", "--long"]).stdout;
    assert!(status.contains("registry images") && !status.contains("google_cloud_run_v2_service"), "{status}");
    run.ok(&["deploy", "--yes", "--open", "web.pushed"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.edit("service web ", "service shop ");
    // A part never removes anything: one service in the place of another is one step, as it always was.
    let at_once = run.ok(&["deploy", "--yes", "--wait-for-gates", "0"]);
    let said = "would be removed by that, and all is made at once, without waiting for shop.pushed";
    assert!(at_once.stderr.contains(said), "{}", at_once.stderr);
    run.ok(&["plan", "--detailed-exitcode"]);
}
