//! A first deploy that waits: for a zone to be delegated, for an image to be pushed. The name server is on this
//! machine, the registry is moto's.

use super::name_server::{NameServer, Says};
use super::{Aws, begun};
use crate::runs::Run;
use std::fs;
use std::io::Read;
use std::process::Command;
use std::time::Duration;

const SHOP: &str = r#"stack shop {
    targets cfn
    param tag default=live
    network main
    dns-zone site domain="shop.example"
    certificate tls domain="www.shop.example" zone=site
    load-balancer public network=main { listen 443 protocol=https certificate=tls; }
    registry images
    service web network=main port=80 {
        image (fmt)"{images.url}:{tag}"
        route public path="/*"
    }
    service worker network=main { image (fmt)"{images.url}:{tag}"; }
    bucket media
}
"#;

fn locked(run: &Run<Aws>) -> String {
    fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap()
}

#[test]
fn what_waits_for_a_person_is_made_when_it_is_done() {
    let Some(run) = begun(SHOP) else { return };
    let server = NameServer::start(Says::Unknown);
    let resolver = server.address.to_string();
    let resolver = resolver.as_str();

    let planned = run.ends(&["plan", "--detailed-exitcode", "--resolver", resolver], 4);
    for gate in ["site.delegated is shut", "web.pushed is shut"] {
        assert!(planned.stdout.contains(gate), "{}", planned.stdout);
    }
    let json = run.ok(&["plan", "--format", "json", "--resolver", resolver]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let gates: Vec<_> = json["gates"].as_array().unwrap().iter().map(|gate| (gate["names"][0].clone(), gate["open"].clone())).collect();
    assert_eq!(gates, [("site.delegated".into(), false.into()), ("web.pushed".into(), false.into())]);
    assert!(json["gates"][0]["waiting"].as_array().unwrap().contains(&"TlsCertificate".into()), "{json}");
    assert!(server.asked().is_empty(), "nothing is there yet that could be delegated");

    // What waits for nobody is made, and no more.
    let first = run.ends(&["deploy", "--yes", "--lock", "--wait-for-gates", "0", "--resolver", resolver], 5);
    for said in
        ["then add      5 resources: certificate tls", "delegate shop.example to ns-", "NXDOMAIN", "push the image 123456789012.dkr.ecr", "not waited for"]
    {
        assert!(first.stderr.contains(said), "{said}\n{}", first.stderr);
    }
    let made = run.fake.behind(&["inventory"]);
    for there in ["Buckets shop-", "HostedZones shop.example.", "repositories shop-", "LoadBalancers shop-"] {
        assert!(made.contains(there), "{there}\n{made}");
    }
    assert!(!made.contains("CertificateSummaryList"), "{made}");
    let lock = locked(&run);
    assert!(lock.contains("resource SiteZone ") && !lock.contains("TlsCertificate"), "{lock}");

    // Taken up again, it makes nothing twice, and Ctrl-C leaves it.
    let mut child = run.command(&["deploy", "--yes", "--resolver", resolver]).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut seen = String::new();
    let mut piece = [0; 4096];
    while !seen.contains("Ctrl-C leaves it") {
        let length = stderr.read(&mut piece).unwrap();
        assert!(length > 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130), "{seen}");
    assert_eq!(run.fake.behind(&["inventory"]), made);

    // The image comes first: what waits for it alone is made, and the rest when the domain is delegated.
    run.fake.behind(&["push"]);
    let servers = run.ok(&["outputs", "--name", "site-name-servers"]).stdout;
    let servers: Vec<String> = servers.trim().split(',').map(str::to_uppercase).collect();
    let asked = server.asked().len();
    let server = std::sync::Arc::new(server);
    let registrar = std::sync::Arc::clone(&server);
    let delegates = std::thread::spawn(move || {
        while registrar.asked().len() < asked + 8 {
            std::thread::sleep(Duration::from_millis(20));
        }
        registrar.says(Says::Servers(servers));
    });
    let done = run.ok(&["deploy", "--yes", "--resolver", resolver]);
    delegates.join().unwrap();
    assert!(done.stderr.contains("site.delegated is open") && !done.stderr.contains("web.pushed"), "{}", done.stderr);
    let made = run.fake.behind(&["inventory"]);
    assert!(made.contains("CertificateSummaryList www.shop.example"), "{made}");
    assert!(locked(&run).contains("resource TlsCertificate "), "{}", locked(&run));

    // On the hundredth day no name server answers: nobody asks one, and nothing that runs is left out.
    server.says(Says::Nothing);
    let asked = server.asked().len();
    let again = run.ok(&["deploy", "--yes", "--resolver", resolver]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    // Nor for a new image, though nobody pushed it: the service is there.
    let changed = run.ok(&["deploy", "--yes", "--resolver", resolver, "--set", "tag=next"]);
    assert!(changed.stderr.contains("new revision") && !changed.stderr.contains("remove"), "{}", changed.stderr);
    assert_eq!(server.asked().len(), asked);
    let made = run.fake.behind(&["inventory"]);
    assert!(made.contains("CertificateSummaryList www.shop.example"), "{made}");
}
