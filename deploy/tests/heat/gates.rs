//! A first deploy in steps, by Heat: our own rules have nothing there that waits for a person, a team's may.

use super::{Run, SHOP};
use crate::registry::{Holds, Registry};

#[test]
fn what_waits_for_an_image_is_made_when_it_is_there() {
    let run = Run::new(SHOP);
    let registry = Registry::start(Holds { open: true, ..Holds::default() });
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rule = std::fs::read_to_string(root.join("targets/openstack/bucket.kdl")).unwrap();
    let head = "        resource main \"OS::Swift::Container\"";
    assert!(rule.contains(head));
    let gate = format!("        gate there image image=\"{}/acme/shop:1\" do=\"push it\"\n", registry.address);
    let rule = rule.replacen(head, &format!("{gate}{head} waits=(get)this.there"), 1);
    std::fs::create_dir_all(run.folder.path().join("rules/openstack")).unwrap();
    std::fs::write(run.folder.path().join("rules/openstack/bucket.kdl"), rule).unwrap();
    let made = || {
        run.fake.with(|world| {
            let found = world.stacks.last().map(|stack| stack.resources.iter().map(|resource| resource.name.clone()).collect::<Vec<_>>());
            found.unwrap_or_default()
        })
    };

    let deploy = ["deploy", "--yes", "--targets", "rules"];
    let first = run.ends(&[&deploy[..], &["--wait-for-gates", "0"]].concat(), 5);
    assert!(first.stderr.contains("media.there: push the image 127.0.0.1:"), "{}", first.stderr);
    assert!(first.stderr.contains("now: it is not in its registry yet"), "{}", first.stderr);
    assert!(made().contains(&"site".to_owned()) && !made().contains(&"media".to_owned()), "{:?}", made());
    run.ends(&[&deploy[..], &["--no-wait"]].concat(), 5);
    registry.holds.lock().unwrap().images.push("acme/shop:1".to_owned());
    run.ok(&deploy);
    assert!(made().contains(&"media".to_owned()), "{:?}", made());
    // It is there, and stays, whatever becomes of the image.
    registry.holds.lock().unwrap().status = Some(500);
    let asked = registry.asked().len();
    run.ok(&[&deploy[..], &["--set", "host=192.0.2.2"]].concat());
    assert!(made().contains(&"media".to_owned()), "{:?}", made());
    assert_eq!(registry.asked().len(), asked);
}
