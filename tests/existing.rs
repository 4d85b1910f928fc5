//! What exists already: how it is found on every target, and that it is never changed.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value, json};
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

/// The template of a stack for a target, or what is wrong with it.
fn build(target: &str, body: &str) -> Result<Value, Vec<String>> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let said = |problems: stackc::diag::Diagnostics| problems.sorted().iter().map(|one| format!("{}: {}", one.code, one.message)).collect::<Vec<_>>();
    if problems.has_errors() {
        return Err(said(problems));
    }
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
    match built {
        Some(artefact) => Ok(serde_json::from_str(&artefact.text).unwrap_or(Value::String(artefact.text))),
        None => Err(said(problems)),
    }
}

fn template(target: &str, body: &str) -> Value {
    build(target, body).unwrap_or_else(|said| panic!("{target}: {said:?}"))
}

/// Whether a text stands in a template's text, spaces aside.
fn says(template: &Value, text: &str) -> bool {
    let whole = template.as_str().map_or_else(|| template.to_string(), str::to_owned);
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    plain(&whole).contains(&plain(text))
}

const BEHIND: &str = "network main
    service web network=main image=\"acme/shop:1\" {
        behind default
    }";

#[test]
fn the_default_group_is_found_on_every_target_that_has_groups() {
    let named = format!("(existing)firewall default name=default\n{BEHIND}");
    let cfn = template("cfn", &named);
    assert_eq!(cfn["Parameters"]["DefaultId"]["Type"], "AWS::EC2::SecurityGroup::Id");
    assert!(says(&cfn["Resources"], "{\"Ref\":\"DefaultId\"}"), "{cfn:#}");
    let aws = template("tf-aws", &named);
    assert_eq!(aws["data"]["aws_security_group"]["default"], json!({ "name": "default" }));
    assert!(says(&aws["resource"]["aws_ecs_service"], "${data.aws_security_group.default.id}"));
    let openstack = template("tf-openstack", &named);
    assert_eq!(openstack["data"]["openstack_networking_secgroup_v2"]["default"], json!({ "name": "default" }));
    assert!(says(&openstack["resource"], "${data.openstack_networking_secgroup_v2.default.id}"));
    let hot = template("hot", &named);
    assert!(says(&hot, "get_resource: 'outside'\n- 'default'") && !says(&hot, "default_name"), "{hot}");
    let google = template("tf-google", &named);
    assert!(google["variable"]["default_tag"].is_object() && says(&google["resource"], "${var.default_tag}"));
    for target in ["tf-azure", "arm"] {
        assert!(build(target, &named).is_err_and(|said| said.len() == 1 && said[0].contains("has no firewall")));
        let accepted = named.replace("name=default", "name=default { accept \"its subnet is guarded\" target=azure; }");
        template(target, &accepted);
    }
}

#[test]
fn what_the_stack_does_not_say_the_deployer_is_asked_for() {
    let bare = format!("(existing)firewall default\n{BEHIND}");
    assert_eq!(template("tf-aws", &bare)["data"]["aws_security_group"]["default"], json!({ "id": "${var.default_id}" }));
    let hot = template("hot", &bare);
    assert!(says(&hot, "constraints:\n- custom_constraint: 'neutron.security_group'") && says(&hot, "get_param: 'default_name'"), "{hot}");
    let by_id = format!("(existing)firewall default id=\"sg-0a1b2c3d\"\n{BEHIND}");
    let cfn = template("cfn", &by_id);
    assert!(cfn.get("Parameters").is_none() && says(&cfn["Resources"], "\"sg-0a1b2c3d\""));
    let asked = format!("param group about=\"of the office\"\n(existing)firewall default id=(get)group\n{BEHIND}");
    assert!(says(&template("cfn", &asked)["Resources"], "{\"Ref\":\"Group\"}"));
}

#[test]
fn what_is_found_is_not_made_and_not_changed() {
    let with = format!("(existing)firewall default name=default network=main\n{BEHIND}");
    let without = BEHIND.replace("behind default", "");
    for (target, made) in [("cfn", "Resources"), ("tf-aws", "resource"), ("tf-openstack", "resource"), ("tf-google", "resource")] {
        let (with, without) = (template(target, &with), template(target, &without));
        let names = |template: &Value| -> Vec<String> {
            let of = |(ty, value): (&String, &Value)| match made {
                "Resources" => vec![ty.clone()],
                _ => value.as_object().unwrap().keys().map(|name| format!("{ty}.{name}")).collect(),
            };
            template[made].as_object().unwrap().iter().flat_map(of).collect()
        };
        assert_eq!(names(&with), names(&without), "{target}");
    }
}

#[test]
fn what_is_written_is_known_to_a_target_of_the_stack() {
    let unknown = build("cfn", &format!("(existing)firewall default idd=\"sg-1\"\n{BEHIND}")).unwrap_err();
    assert!(unknown.iter().any(|said| said.contains("has no property `idd`")), "{unknown:?}");
    let elsewhere = build("cfn", &format!("targets cfn tf-aws\n(existing)firewall default tag=web\n{BEHIND}")).unwrap_err();
    assert!(elsewhere.iter().any(|said| said.contains("has no property `tag`")), "{elsewhere:?}");
    let several = build("cfn", &format!("(existing)firewall default {{ id sg-1 sg-2; }}\n{BEHIND}")).unwrap_err();
    assert!(several.iter().any(|said| said.starts_with("E02")), "{several:?}");
    let secret = build("cfn", &format!("param token secret=#true about=\"a\"\n(existing)firewall default id=(get)token\n{BEHIND}")).unwrap_err();
    assert!(secret.iter().any(|said| said.starts_with("E0216")), "{secret:?}");
}

/// One of each type that is found, and all that can lead to it.
const ALL: &str = "(existing)network corp cidr=\"10.1.0.0/16\"
    (existing)dns-zone site domain=\"shop.example\"
    (existing)certificate tls domain=\"shop.example\"
    (existing)bucket media
    (existing)secret token
    (existing)registry images
    (existing)database data engine=postgres name=shop user=shop
    load-balancer public network=corp {
        listen 443 protocol=https certificate=tls
        name www zone=site
    }
    service web network=corp {
        image (fmt)\"{images.url}:1\"
        port 8080
        connect media access=read-write
        connect token
        connect data
        route public
    }
    job nightly network=corp image=\"acme/shop:1\" { connect data; connect media; connect token; }
    database own network=corp engine=postgres version=\"16\"
    dns-record hello zone=site kind=TXT label=hello { values hi; }";
const FOUND: [&str; 7] = ["corp", "site", "tls", "media", "token", "images", "data"];

#[test]
fn what_is_found_of_any_type_is_only_looked_up_on_every_target() {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n{ALL}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    assert!(!problems.has_errors(), "{problems:?}");
    let model = model.unwrap();
    let targets = compiler.targets(&mut sources);
    assert_eq!(targets.len(), 7);
    for target in targets {
        let (built, problems) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
        let (_, origins) = built.unwrap_or_else(|| panic!("{}: {:?}", target.name, problems.sorted()));
        let mut looked_up = 0;
        for resource in &origins.resources {
            if resource.of.as_ref().is_some_and(|(_, name)| FOUND.contains(&name.as_str())) {
                assert_eq!(resource.kind, stackc::provider::NativeKind::Data, "{}: {}", target.name, resource.address);
                looked_up += 1;
            }
        }
        assert_eq!(looked_up > 0, target.name.starts_with("tf-") || target.name == "arm", "{}", target.name);
        for found in FOUND.iter().filter(|found| !["site", "tls"].contains(*found) && **found != "token") {
            let asked = origins.params.iter().any(|param| param.user_name.starts_with(&format!("{found}-")));
            assert!(asked || *found == "corp", "{} asks for nothing of {found}", target.name);
        }
    }
}

#[test]
fn the_types_of_the_format_say_what_a_parameter_is() {
    let cfn = template("cfn", ALL);
    let of = |name: &str| cfn["Parameters"][name]["Type"].as_str().unwrap_or("none").to_owned();
    assert_eq!(of("CorpVpc"), "AWS::EC2::VPC::Id");
    assert_eq!(of("CorpPrivateSubnets"), "List<AWS::EC2::Subnet::Id>");
    assert_eq!(of("SiteId"), "AWS::Route53::HostedZone::Id");
    assert_eq!(of("DataGroup"), "AWS::EC2::SecurityGroup::Id");
    // What nothing reads nobody is asked for.
    assert_eq!(of("SiteNameServers"), "none");
    let hot = template("hot", ALL);
    for check in ["neutron.network", "neutron.subnet", "barbican.container"] {
        assert!(says(&hot, &format!("custom_constraint: '{check}'")), "{check}");
    }
    let aws = template("tf-aws", ALL);
    assert_eq!(aws["variable"]["corp_private_subnets"]["type"], "list(string)");
    let arm = template("arm", ALL);
    assert_eq!(
        arm["resources"]["site"],
        json!({ "existing": true, "type": "Microsoft.Network/dnsZones", "apiVersion": arm["resources"]["site"]["apiVersion"], "name": "shop.example" })
    );
}

#[test]
fn several_values_are_several_wherever_they_go() {
    let cfn = template("cfn", ALL);
    let own = &cfn["Resources"]["OwnSubnets"]["Properties"]["SubnetIds"];
    assert_eq!(own, &json!({ "Ref": "CorpPrivateSubnets" }), "{:#}", cfn["Resources"]);
    // Within a text of JSON, too.
    assert!(says(&cfn["Outputs"], "{\"Fn::Join\":[\"\\\",\\\"\",{\"Ref\":\"CorpPrivateSubnets\"}]}"), "{:#}", cfn["Outputs"]);
    let written = ALL.replacen("cidr=\"10.1.0.0/16\"", "cidr=\"10.1.0.0/16\" { private-subnets subnet-1 subnet-2; }", 1);
    let cfn = template("cfn", &written);
    assert_eq!(cfn["Resources"]["OwnSubnets"]["Properties"]["SubnetIds"], json!(["subnet-1", "subnet-2"]));
    assert!(cfn["Parameters"].get("CorpPrivateSubnets").is_none());
}

#[test]
fn a_zone_that_is_found_holds_nobody_up() {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let stack = |zone: &str| {
        format!(
            "stack shop {{\n{zone}dns-zone site domain=\"shop.example\"\ncertificate tls domain=\"www.shop.example\" zone=site\nnetwork main\nload-balancer public network=main {{ listen 443 protocol=https certificate=tls; }}\n}}"
        )
    };
    for (zone, held) in [("", 1), ("(existing)", 0)] {
        let file = sources.add("stack.kdl", stack(zone));
        let (model, _) = compiler.check(file, Variant::default(), &mut sources);
        for target in compiler.targets(&mut sources).into_iter().filter(|target| target.cloud == "aws") {
            let (built, problems) = compiler.build(model.as_ref().unwrap(), &target, Style::default(), &mut sources);
            assert_eq!(built.unwrap_or_else(|| panic!("{problems:?}")).gates.len(), held, "{zone} on {}", target.name);
        }
    }
}

#[test]
fn a_way_out_that_is_not_there_can_be_said() {
    let of = |nat: &str| format!("(existing)network corp{nat}\nservice web network=corp image=\"acme/shop:1\" {{ egress none; accept \"known\"; }}");
    for target in ["cfn", "tf-aws", "tf-azure", "arm"] {
        template(target, &of(""));
        // An image of somebody else's is out of reach without a way out.
        let none = build(target, &of(" nat=none").replace("; accept \"known\"", ""));
        let said = none.expect_err(target).join("\n");
        assert!(said.contains("E0404"), "{target}: {said}");
    }
}

#[test]
fn what_a_target_needs_is_written() {
    let said = build("cfn", "(existing)dns-zone site\ndns-record hello zone=site kind=TXT { values hi; }").unwrap_err();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("needs `domain`"), "{said:?}");
    let inner = "(existing)network corp\nload-balancer inner network=corp { internal; listen 80; }";
    assert!(build("cfn", inner).unwrap_err()[0].contains("needs `cidr`"));
    template("tf-aws", inner);
}

#[test]
fn a_copy_has_names_of_its_own_in_a_zone_that_is_found() {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let body = "(existing)dns-zone site domain=\"shop.example\"
        network main
        certificate tls domain=\"www.shop.example\" zone=site
        load-balancer public network=main { listen 443 protocol=https certificate=tls; name www zone=site; }
        dns-record apex zone=site kind=TXT { values hi; }";
    let file = sources.add("stack.kdl", format!("stack shop {{\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant { stage: None, instance: Some("green") }, &mut sources);
    assert!(!problems.has_errors(), "{problems:?}");
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == "tf-aws").unwrap();
    let (built, _) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
    let template: Value = serde_json::from_str(&built.unwrap().text).unwrap();
    assert_eq!(template["data"]["aws_route53_zone"]["site"]["name"], "shop.example");
    let mut names: Vec<String> =
        template["resource"]["aws_route53_record"].as_object().unwrap().values().map(|record| record["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names[1..], ["green.shop.example", "www.green.shop.example"]);
    assert!(says(&template["resource"]["aws_acm_certificate"], "www.green.shop.example"));
}

#[test]
fn what_stands_in_an_overlay_is_known_to_a_target_that_it_is_for() {
    let stack = |on: &str| {
        format!(
            "targets cfn tf-aws hot\n(existing)network corp cidr=\"10.1.0.0/16\"\ndatabase data network=corp engine=postgres version=\"16\" {{\naccept \"x\" target=openstack\n}}\n{on}"
        )
    };
    let both = stack("on aws { network corp { vpc vpc-1; private-subnets subnet-1 subnet-2; } }\non hot { network corp private-net=inner; }");
    let cfn = template("cfn", &both);
    assert_eq!(cfn["Resources"]["DataSubnets"]["Properties"]["SubnetIds"], json!(["subnet-1", "subnet-2"]));
    let aws = template("tf-aws", &both);
    assert_eq!(aws["data"]["aws_vpc"]["corp"], json!({ "id": "vpc-1" }));
    assert!(says(&template("hot", &both), "network: 'inner'"));
    let wrong = build("cfn", &stack("on hot { network corp vpc=vpc-1; }")).unwrap_err();
    assert!(wrong.iter().any(|said| said.contains("has no property `vpc`")), "{wrong:?}");
    // In the stack itself, it is for those that know it.
    template("hot", &stack("").replace("cidr=", "vpc=vpc-1 cidr="));
}

#[test]
fn a_route_adds_a_rule_to_a_listener_that_is_found() {
    let of = |listen: &str| {
        format!(
            "network main\n(existing)load-balancer shared {{ {listen} }}\nservice web network=main image=\"acme/shop:1\" port=80 {{ route shared path=\"/shop/*\"; }}\noutput address (get)shared.hostname"
        )
    };
    let cfn = template("cfn", &of("listen 443;"));
    let rules: Vec<&Value> = cfn["Resources"].as_object().unwrap().values().filter(|one| one["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule").collect();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0]["Properties"]["ListenerArn"], json!({ "Ref": "SharedListener" }));
    let made = cfn["Resources"].as_object().unwrap().values().filter(|one| one["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer").count();
    assert_eq!(made, 0);
    assert!(says(&cfn["Resources"], "{\"GroupId\":{\"Ref\":\"SharedGroup\"}"), "{:#}", cfn["Resources"]);
    let aws = template("tf-aws", &of("listen 443;"));
    assert_eq!(aws["data"]["aws_lb"]["shared"]["arn"], "${data.aws_lb_listener.shared_listener.load_balancer_arn}");
    assert!(says(&aws["resource"]["aws_lb_listener_rule"], "${data.aws_lb_listener.shared_listener.arn}"));
    // Without a port, no rule would be made, and nobody would know.
    let said = build("cfn", &of("")).unwrap_err();
    assert!(said.iter().any(|said| said.contains("needs `listen`")), "{said:?}");
    for target in ["tf-azure", "arm", "tf-google", "hot", "tf-openstack"] {
        let said = build(target, &of("listen 443;")).unwrap_err();
        assert!(said.iter().any(|said| said.starts_with("E0404")), "{target}: {said:?}");
    }
}
