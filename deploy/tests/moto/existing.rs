//! A stack that uses what is somebody else's: it adds what it needs, takes that away again, and leaves the rest as it was.

use super::begun;
use serde_json::Value;

const SHOP: &str = r#"stack shop {
    targets cfn
    (existing)network corp cidr="10.9.0.0/16"
    (existing)firewall office
    (existing)dns-zone site domain="shop.example"
    (existing)bucket media name=acme-media
    (existing)secret token
    service web network=corp image="nginx:1.29" {
        behind office
        connect media access=read-write
        connect token
    }
    dns-record hello zone=site kind=TXT label=hello {
        values hi
    }
}
"#;

#[test]
fn what_exists_is_used_and_stays_as_it_was() {
    let Some(run) = begun(SHOP) else { return };
    let ids = run.fake.behind(&["owned"]);
    let found: Value = serde_json::from_str(&ids).unwrap();
    let before = run.fake.behind(&["as_owned", &ids]);
    let inventory = run.fake.behind(&["inventory"]);
    let of = |name: &str| found[name].as_str().unwrap().to_owned();
    let params =
        [("corp-vpc", of("vpc")), ("corp-private-subnets", of("subnets")), ("office-id", of("group")), ("site-id", of("zone")), ("token-arn", of("secret"))];
    let params: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut deploy = vec!["deploy", "--yes"];
    deploy.extend(params.iter().flat_map(|param| ["--param", param.as_str()]));
    run.ok(&deploy);
    let service: Value = serde_json::from_str(&run.fake.behind(&["placed"])).unwrap();
    assert_eq!(service["subnets"].as_array().unwrap().len(), 2, "{service}");
    assert!(service["securityGroups"].as_array().unwrap().contains(&found["group"]), "{service}");
    // What the stack adds is a record of its own, and all else is as it was.
    let during = run.fake.behind(&["as_owned", &ids]);
    let (mut during, before): (Value, Value) = (serde_json::from_str(&during).unwrap(), serde_json::from_str(&before).unwrap());
    let records = during["records"].as_array_mut().unwrap();
    records.retain(|record| !record.as_str().unwrap().contains("hello"));
    assert_eq!(during, before);
    run.ok(&["destroy", "--yes"]);
    let after: Value = serde_json::from_str(&run.fake.behind(&["as_owned", &ids])).unwrap();
    assert_eq!(after, before);
    assert_eq!(run.fake.behind(&["inventory"]), inventory);
}
