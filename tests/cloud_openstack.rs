//! What an OpenStack does with a template beyond what Heat's validator and the provider's schema say: small stacks, and what they become.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

mod support;

use serde_json::{Map, Value};
use support::{stackc, stderr, stdout};

fn text(target: &str, body: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), format!("stack shop {{\n    network main\n{body}\n}}\n")).unwrap();
    let output = stackc(folder.path(), &["build", "--target", target, "-o", "-"]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn built(body: &str) -> Value {
    serde_json::from_str(&text("tf-openstack", body)).unwrap()
}

/// The resources of a type in a template of Heat's, each with the lines of its own.
fn of_type(body: &str, kind: &str) -> Vec<String> {
    let template = text("hot", body);
    let (_, resources) = template.split_once("\nresources:\n").unwrap();
    let mut found: Vec<String> = Vec::new();
    for line in resources.lines().take_while(|line| line.starts_with(' ')) {
        if !line.starts_with("   ") {
            found.push(String::new());
        }
        found.last_mut().unwrap().extend([line.trim(), "\n"]);
    }
    found.retain(|resource| resource.contains(&format!("type: '{kind}'")));
    found
}

fn all<'t>(template: &'t Value, kind: &str) -> &'t Map<String, Value> {
    template["resource"][kind].as_object().unwrap_or_else(|| panic!("no {kind}"))
}

fn services(count: usize) -> String {
    let mut body = "    load-balancer public network=main { listen 80 }\n".to_owned();
    for index in 0..count {
        let routed = format!("port 80; route public path=\"/{index}/*\"");
        body += &format!("    service s{index} network=main {{ image \"a\"; {} }}\n", if index < 2 { &routed } else { "" });
        body += &format!("    job j{index} network=main {{ image \"a\" }}\n");
    }
    body
}

#[test]
fn services_and_jobs_share_the_group_for_what_may_leave() {
    // Neutron's quota is ten groups for a project, and one of them is its own.
    assert_eq!(of_type(&services(8), "OS::Neutron::SecurityGroup").len(), 3);
    assert_eq!(all(&built(&services(8)), "openstack_networking_secgroup_v2").len(), 3);
}

#[test]
fn what_is_behind_a_firewall_names_each_group_by_itself() {
    let body = r#"    firewall office network=main {
        allow web port=80 cidr="192.0.2.0/24"
        allow anything protocol=any cidr="192.0.2.0/24"
    }
    service web network=main { image "a"; behind office }"#;
    let ports = of_type(body, "OS::Neutron::Port");
    assert_eq!(ports.len(), 1);
    assert!(ports[0].contains("security_groups:\n- get_resource: 'outside'\n- get_resource: 'office'\n"), "{}", ports[0]);
    // A port lets go of a group before it goes.
    for (name, group) in all(&built(body), "openstack_networking_secgroup_v2") {
        assert_eq!(group["lifecycle"]["create_before_destroy"], true, "{name}");
    }
}

#[test]
fn a_subnet_that_is_taken_out_goes_after_the_ports_in_it() {
    for (name, subnet) in all(&built("    network other cidr=\"10.9.0.0/16\" zones=3"), "openstack_networking_subnet_v2") {
        assert_eq!(subnet["lifecycle"]["create_before_destroy"] == true, name.contains("private"), "{name}");
    }
}

#[test]
fn resolvers_can_be_named() {
    let body = "    service web network=main { image \"a\" }";
    for subnet in of_type(body, "OS::Neutron::Subnet") {
        assert_eq!(subnet.contains("get_param: 'dns_servers'"), subnet.contains("shop-main-private"), "{subnet}");
    }
    let subnets = built(body);
    assert_eq!(all(&subnets, "openstack_networking_subnet_v2")["main_private_a"]["dns_nameservers"], "${compact(split(\",\", var.dns_servers))}");
}

#[test]
fn a_server_can_start_from_a_volume() {
    let servers = of_type("    service web network=main { image \"a\" }\n    job once network=main { image \"a\" }", "OS::Nova::Server");
    assert_eq!(servers.len(), 2);
    for server in servers {
        // Either the one or the other, by the same parameter.
        assert!(server.contains("image:\nif:\n- equals:\n- get_param: 'boot_volume'"), "{server}");
        assert!(server.contains("block_device_mapping_v2:\nif:\n- not:\nequals:\n- get_param: 'boot_volume'"), "{server}");
    }
}

#[test]
fn commands_arrive_as_they_were_written_and_packages_are_found_by_either_name() {
    let body = r#"    job once network=main { image "a"; command sh "-c" "echo $(date) $HOME"; schedule "0 3 * * *" }"#;
    for target in ["hot", "tf-openstack"] {
        let text = text(target, body);
        assert!(text.contains("$$(date) $HOME"), "{target}");
        assert!(text.contains("dnf -y install cronie") && text.contains("apt-get -y install cron"), "{target}");
        assert!(text.contains("podman login") && text.contains("registry_password"), "{target}");
    }
}

#[test]
fn a_secret_stays_until_the_stack_says_otherwise() {
    let body = |revision: u32| {
        format!("    secret drawn {{ revision {revision} }}\n    database data network=main engine=mysql version=\"8.0\" {{ password-revision {revision} }}")
    };
    for revision in [1, 2] {
        let draws = of_type(&body(revision), "OS::Heat::RandomString");
        assert_eq!(draws.len(), 2);
        assert!(draws.iter().all(|draw| draw.contains(&format!("salt: '{revision}'"))), "{draws:?}");
    }
    let (before, after) = (built(&body(1)), built(&body(2)));
    for (name, secret) in all(&before, "openstack_keymanager_secret_v1") {
        assert_eq!(secret["lifecycle"]["ignore_changes"][0], "payload", "{name}");
        assert_ne!(secret["name"], after["resource"]["openstack_keymanager_secret_v1"][name]["name"], "{name}");
    }
}

#[test]
fn a_bucket_that_changes_keeps_its_name_and_what_is_in_it() {
    // Heat replaces a container whatever changes, and the one that it deletes then is the new one.
    let bare = of_type("    bucket media { accept \"a test\" target=openstack }", "OS::Swift::Container");
    let open = "    bucket media public-read=#true { accept \"a test\" target=openstack; website; cors \"*\" }";
    let open_on_heat = of_type(open, "OS::Swift::Container");
    for container in [&bare[0], &open_on_heat[0]] {
        assert!(container.contains("deletion_policy: 'Retain'") && container.contains("name: 'shop-media'"), "{container}");
    }
    // What is not said would stay as it was, who may read it above all.
    assert!(bare[0].contains("X-Container-Read: ''") && bare[0].contains("Access-Control-Allow-Origin: ''"), "{}", bare[0]);
    let gone = serde_json::json!({ "Web-Index": "", "Web-Error": "", "Access-Control-Allow-Origin": "" });
    let built = built("    bucket media { accept \"a test\" target=openstack }");
    assert_eq!(all(&built, "openstack_objectstorage_container_v1")["media"]["metadata"], gone);
}

#[test]
fn a_server_whose_port_moves_to_another_subnet_is_made_anew() {
    let body = "    service web network=main replicas=2 { image \"a\" }\n    job once network=main { image \"a\" }";
    for server in of_type(body, "OS::Nova::Server") {
        let subnet = if server.contains("shop-web-b") { "main_private_b" } else { "main_private_a" };
        assert!(server.contains(&format!("- \"#cloud-config\\n# \"\n- get_resource: '{subnet}'\n")), "{server}");
    }
    let template = built(body);
    for (name, server) in all(&template, "openstack_compute_instance_v2") {
        assert!(server["user_data"].as_str().unwrap().starts_with("#cloud-config\n# ${"), "{name}: {server}");
        assert!(server["user_data"].as_str().unwrap().contains("openstack_networking_subnet_v2.main_private_a.id"), "{name}");
    }
}

#[test]
fn a_database_by_another_name_takes_its_user_along() {
    // The provider cannot change which databases a user has; another password makes another user.
    let secret = |name: &str| {
        let template = built(&format!("    database data network=main engine=mysql version=\"8.0\" name={name}"));
        all(&template, "openstack_keymanager_secret_v1")["data_password"]["name"].clone()
    };
    assert_ne!(secret("first"), secret("second"));
}

#[test]
fn mail_of_two_domains_leaves_by_one_rule() {
    // Neutron compares rules without their descriptions, and refuses the second one.
    let body = r#"    dns-zone za domain="a.example"
    dns-zone zb domain="b.example"
    email one domain="a.example" zone=za { accept "a test" target=openstack }
    email two domain="b.example" zone=zb { accept "a test" target=openstack }
    service web network=main egress=none { image "a"; connect one; connect two; accept "a test" target=openstack }"#;
    let mail = of_type(body, "OS::Neutron::SecurityGroupRule").into_iter().filter(|rule| rule.contains("587"));
    assert_eq!(mail.count(), 1);
    let template = built(body);
    let rules = all(&template, "openstack_networking_secgroup_rule_v2");
    assert_eq!(rules.values().filter(|rule| rule["port_range_min"] == 587).count(), 1);
}

/// What is said where a stack is refused.
fn refused(target: &str, body: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), format!("stack shop {{\n    network main\n{body}\n}}\n")).unwrap();
    let output = stackc(folder.path(), &["build", "--target", target, "-o", "-"]);
    assert!(!output.status.success(), "{target} takes it");
    stderr(&output)
}

#[test]
fn containers_are_in_the_servers_own_network() {
    // podman's own bridge would take packets larger than Neutron's networks do, and publish one port of the container.
    let body = "    service web network=main { image \"a\"; port 80 }\n    job once network=main { image \"a\" }";
    for target in ["hot", "tf-openstack"] {
        let text = text(target, body).replace('\\', "");
        assert_eq!(text.matches("hostNetwork").count(), 2, "{target}: {text}");
        assert!(!text.contains("hostPort"), "{target}: podman refuses ports that are published beside it");
    }
}

#[test]
fn a_host_is_told_by_its_name_whatever_the_port() {
    // A browser sends `Host: www.shop.example:8080`, and Octavia compares the whole of it.
    let body = r#"    dns-zone site domain="shop.example"
    load-balancer public network=main { listen 8080; listen 81 redirect=8443; name www zone=site }
    service web network=main { image "a"; port 80; route public host="www.shop.example" }"#;
    let hosts: Vec<String> = of_type(body, "OS::Octavia::L7Rule").into_iter().filter(|rule| rule.contains("HOST_NAME")).collect();
    assert_eq!(hosts.len(), 3);
    for rule in hosts {
        assert!(rule.contains("REGEX") && rule.contains(r#"value: "^www\\.shop\\.example(:[0-9]+)?$""#), "{rule}");
    }
    let template = built(body);
    let hosts: Vec<&Value> = all(&template, "openstack_lb_l7rule_v2").values().filter(|rule| rule["type"] == "HOST_NAME").collect();
    assert_eq!(hosts.len(), 3);
    for rule in hosts {
        assert_eq!([&rule["compare_type"], &rule["value"]], ["REGEX", r"^www\.shop\.example(:[0-9]+)?$"]);
    }
}

#[test]
fn another_processor_makes_another_server() {
    // An image that changes is ignored on `tf-openstack`, and put on the same server by `hot`; the flavor would be another one in place.
    let body = |kind: &str| {
        format!("    service web network=main {{ image \"a\"; architecture {kind} }}\n    job once network=main {{ image \"a\"; architecture {kind} }}")
    };
    for kind in ["x86-64", "arm64"] {
        for server in of_type(&body(kind), "OS::Nova::Server") {
            assert!(server.contains(&format!("- \" {kind}\\n\"\n")), "{server}");
        }
        let image = if kind == "arm64" { "server_image_arm64" } else { "server_image" };
        for (name, server) in all(&built(&body(kind)), "openstack_compute_instance_v2") {
            assert!(server["user_data"].as_str().unwrap().contains(&format!(" {kind} ${{var.{image}}}\n")), "{name}: {server}");
        }
    }
}

#[test]
fn a_services_group_is_the_same_whatever_may_leave() {
    // Heat takes away what is not among a group's rules when these change, and what it takes away by another name after that.
    let body = |egress: &str| {
        format!("    load-balancer public network=main {{ listen 80 }}\n    service web network=main egress={egress} {{ image \"a\"; port 80; route public }}")
    };
    let group = |egress: &str| of_type(&body(egress), "OS::Neutron::SecurityGroup").into_iter().find(|group| group.contains("Service web")).unwrap();
    assert_eq!(group("internet"), group("none"));
    let rule = |egress: &str| of_type(&body(egress), "OS::Neutron::SecurityGroupRule").into_iter().find(|rule| rule.contains("ingress")).unwrap();
    assert_eq!(rule("internet"), rule("none"));
}

#[test]
fn the_same_opening_by_two_names_is_refused() {
    let body = r#"    firewall office network=main {
        allow web port=80 cidr="192.0.2.0/24"
        allow site port=80 cidr="192.0.2.0/24"
    }"#;
    for target in ["hot", "tf-openstack"] {
        let said = refused(target, body);
        assert!(said.contains("stack.kdl:3") || said.contains("stack.kdl:5"), "{said}");
    }
}

#[test]
fn a_databases_user_is_no_longer_than_trove_takes() {
    let body = |engine: &str, version: &str| format!("    database data network=main engine={engine} version=\"{version}\" user=seventeen_letters");
    assert!(refused("tf-openstack", &body("mysql", "8.0")).contains("16 characters at most"));
    assert!(refused("tf-openstack", &body("mariadb", "11.4")).contains("16 characters at most"));
    assert!(text("tf-openstack", &body("postgres", "16")).contains("seventeen_letters"));
}

#[test]
fn a_database_that_becomes_larger_is_a_loss_where_it_is_made_anew() {
    let output = |target: &str| {
        let folder = tempfile::tempdir().unwrap();
        let body = "stack shop {\n    network main\n    database data network=main engine=mysql version=\"8.0\" size=large storage=40\n}\n";
        std::fs::write(folder.path().join("stack.kdl"), body).unwrap();
        stderr(&stackc(folder.path(), &["build", "--target", target, "-o", "-"]))
    };
    for loss in ["another size is a new", "a larger disk is a new"] {
        assert!(output("tf-openstack").contains(loss) && !output("hot").contains(loss), "{loss}");
    }
}

#[test]
fn a_listener_that_begins_to_speak_tls_is_another_one_by_name() {
    // Octavia has one listener for each port. Heat asks again until the old one is gone, which goes meanwhile if nothing of it is left by its name.
    let body = |listen: &str| {
        format!(
            r#"    dns-zone site domain="shop.example"
    certificate tls domain="shop.example" zone=site
    load-balancer public network=main {{ {listen} }}
    service web network=main {{ image "a"; port 80; route public host="www.shop.example" path="/a" }}"#
        )
    };
    let names = |listen: &str| -> Vec<String> {
        let parts = ["Listener", "L7Policy", "L7Rule"].map(|kind| of_type(&body(listen), &format!("OS::Octavia::{kind}")));
        parts.concat().iter().filter_map(|part| part.lines().next()).map(str::to_owned).collect()
    };
    let (before, after) = (names("listen 443"), names("listen 443 protocol=https certificate=tls"));
    assert_eq!((before.len(), after.len()), (4, 4));
    assert!(before.iter().all(|name| !after.contains(name)), "{before:?} {after:?}");
}

#[test]
fn a_subnets_router_is_the_same_whatever_nat_is() {
    // Its gateway's address is in one router: Neutron refuses a second one while the first is there, and Heat makes the second first.
    let body = |nat: &str| format!("    network other cidr=\"10.9.0.0/16\" nat={nat}\n    service web network=other {{ image \"a\" }}");
    let interfaces = |nat: &str| of_type(&body(nat), "OS::Neutron::RouterInterface");
    assert_eq!(interfaces("none"), interfaces("single"));
    assert_eq!(interfaces("none"), interfaces("per-zone"));
    let built_interfaces = |nat: &str| all(&built(&body(nat)), "openstack_networking_router_interface_v2").clone();
    assert_eq!(built_interfaces("none"), built_interfaces("single"));
    // What may leave is within the network then.
    let ports = of_type(&body("none"), "OS::Neutron::Port");
    assert!(ports[0].contains("get_resource: 'other_inside'") && !ports[0].contains("'outside'"), "{}", ports[0]);
    let rules = built(&body("none"));
    let leaving: Vec<&Value> = all(&rules, "openstack_networking_secgroup_rule_v2").values().map(|rule| &rule["remote_ip_prefix"]).collect();
    assert_eq!(leaving, ["10.9.0.0/16"]);
}

#[test]
fn a_job_that_is_switched_off_is_not_resized() {
    // Heat waits for a server that runs, and one whose disk is new only installs podman when it is started next.
    let body = "    job once network=main { image \"a\" }\n    job nightly network=main { image \"a\"; schedule \"0 3 * * *\" }";
    for server in of_type(body, "OS::Nova::Server") {
        for property in ["flavor", "image"] {
            assert!(server.contains(&format!("{property}_update_policy: 'REPLACE'")), "{server}");
        }
    }
}

#[test]
fn an_opening_by_another_name_is_the_same_rule() {
    let rules = |names: [&str; 3]| {
        let body = format!(
            r#"    firewall office network=main {{
        allow {} port=80 cidr="192.0.2.0/24"
        allow {} port=80 to-port=90 protocol=udp cidr="192.0.2.0/24"
        allow {} protocol=any direction=out cidr="0.0.0.0/0"
    }}"#,
            names[0], names[1], names[2]
        );
        let mut rules = all(&built(&body), "openstack_networking_secgroup_rule_v2").clone();
        for rule in rules.values_mut() {
            // What it was first called stays.
            assert_eq!(rule["lifecycle"]["ignore_changes"], serde_json::json!(["description"]));
            rule["description"] = Value::Null;
        }
        rules
    };
    let first = rules(["web", "video", "all"]);
    let mut named: Vec<&String> = first.keys().collect();
    named.sort();
    assert_eq!(named, ["office_in_tcp_80_80_192_0_2_0_24", "office_in_udp_80_90_192_0_2_0_24", "office_out_any_0_0_0_0_0"]);
    assert_eq!(first, rules(["video", "all", "web"]));
}

#[test]
fn a_name_moves_from_one_load_balancer_to_another_in_place() {
    // Designate has one set of records for a name and a type, and Heat and Terraform make the new one beside the old one.
    let named = |target: &str, balancer: &str| -> Vec<String> {
        let body = format!("    dns-zone site domain=\"shop.example\"\n    load-balancer {balancer} network=main {{ listen 80; name www zone=site }}");
        if target == "hot" {
            let records = of_type(&body, "OS::Designate::RecordSet");
            return records.iter().map(|record| record.lines().next().unwrap().trim_end_matches(':').to_owned()).collect();
        }
        all(&built(&body), "openstack_dns_recordset_v2").keys().cloned().collect()
    };
    for target in ["hot", "tf-openstack"] {
        assert_eq!(named(target, "old"), ["record_www_in_site"], "{target}");
        assert_eq!(named(target, "new"), ["record_www_in_site"], "{target}");
    }
}

#[test]
fn what_fetches_no_image_is_said_to_break_applications() {
    for target in ["hot", "tf-openstack"] {
        let folder = tempfile::tempdir().unwrap();
        let body = "stack shop {\n    network main nat=none\n    service web network=main image=\"a\"\n}\n";
        std::fs::write(folder.path().join("stack.kdl"), body).unwrap();
        let said = stderr(&stackc(folder.path(), &["build", "--target", target, "-o", "-"]));
        assert!(said.contains("whose image comes from outside of the network"), "{target}: {said}");
    }
}
