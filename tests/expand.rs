//! Overlays and forms: what a stack is in each of its variants, told by the templates.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong"
)]

use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

/// What a stage of a stack is on a target, or what is wrong with it.
fn built(text: &str, stage: Option<&str>, target: &str) -> Result<String, String> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, mut said) = compiler.check(file, Variant { stage, instance: None }, &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|other| other.name == target).unwrap();
    let artefact = model.filter(|_| !said.has_errors()).and_then(|model| {
        let (artefact, found) = compiler.build(&model, &target, Style::default(), &mut sources);
        said.extend(found);
        artefact
    });
    let said: Vec<String> = said.sorted().into_iter().map(|said| format!("{} {}: {}", said.code, said.message, said.primary.text)).collect();
    artefact.map(|artefact| artefact.text).ok_or_else(|| said.join("\n"))
}

/// Whether two texts are the same stack for a target.
fn alike(one: (&str, Option<&str>), other: (&str, Option<&str>), target: &str) {
    let [first, second] = [one, other].map(|(text, stage)| built(text, stage, target).unwrap_or_else(|said| panic!("{said}\n{text}")));
    // The name of a running stack has its stage in it.
    let nameless = |text: String| text.replace("shop-prod", "shop").replace("shop_prod", "shop").replace("ShopProd", "Shop");
    similar_asserts(&nameless(first), &nameless(second));
}

fn similar_asserts(one: &str, other: &str) {
    let differing: Vec<_> = one.lines().zip(other.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(one == other, "{differing:#?}");
}

/// A stack with something of every kind that an overlay can change, then what is laid over.
fn shop(over: &str) -> String {
    format!(
        "stack shop {{
    network main
    load-balancer public network=main {{
        listen 80
        listen 8080 redirect=80
    }}
    database data network=main engine=postgres version=\"17\" backup-days=7
    secret key
    bucket files {{
        expire \"tmp/\" days=7
        expire \"logs/\" days=90
        cors \"https://a.example\" {{ methods GET PUT; max-age 5; }}
    }}
    service web network=main {{
        image \"acme/shop:1\"
        port 80
        command serve \"--fast\"
        env A=1 B=2
        env C=3 {{ D four; }}
        rollout min-healthy=0 max=150
        route public path=\"/a\" health=\"/up\"
        route public path=\"/b\"
        connect data prefix=DB
        connect files
    }}
{over}
}}
"
    )
}

#[test]
fn an_overlay_changes_what_it_names_and_nothing_else() {
    let cases = [
        // Single values and lists are replaced.
        ("service web { command run; }", "command serve \"--fast\"", "command run"),
        ("service web command=run", "command serve \"--fast\"", "command run"),
        ("service web replicas=3 { port 81; }", "port 80", "port 81\n        replicas 3"),
        ("database data backup-days=9", "backup-days=7", "backup-days=9"),
        ("service web { (remove)command; }", "        command serve \"--fast\"\n", ""),
        // Maps go by their keys.
        ("service web { env B=20 E=5; }", "env A=1 B=2", "env A=1 B=20 E=5"),
        ("service web { env { D 4; }; }", "{ D four; }", "{ D 4; }"),
        ("service web { env { (remove)C; (remove)D; }; }", "        env C=3 { D four; }\n", ""),
        ("service web { tags team=a; }", "port 80", "port 80\n        tags team=a"),
        // Groups go by their fields, and by their keys.
        ("service web { rollout max=180; }", "max=150", "max=180"),
        ("service web { (remove)rollout; }", "        rollout min-healthy=0 max=150\n", ""),
        ("bucket files { expire \"tmp/\" days=1; expire \"x/\" days=2; }", "expire \"tmp/\" days=7", "expire \"tmp/\" days=1\n        expire \"x/\" days=2"),
        ("bucket files { expire days=1 prefix=\"tmp/\"; }", "expire \"tmp/\" days=7", "expire \"tmp/\" days=1"),
        ("bucket files { (remove)expire \"logs/\"; }", "        expire \"logs/\" days=90\n", ""),
        ("bucket files { cors \"https://a.example\" { methods GET; }; }", "methods GET PUT;", "methods GET;"),
        // Edges go by what they are, where they lead and their key.
        ("service web { connect key; }", "connect files\n", "connect files\n        connect key\n"),
        ("service web { connect files access=read-write; }", "connect files\n", "connect files access=read-write\n"),
        ("service web { connect data { prefix X; }; }", "prefix=DB", "prefix=X"),
        ("service web { route public path=\"/a\" health=\"/ok\"; }", "health=\"/up\"", "health=\"/ok\""),
        ("service web { (remove)route public path=\"/b\"; }", "        route public path=\"/b\"\n", ""),
        ("service web { (remove)connect data; }", "        connect data prefix=DB\n", ""),
    ];
    for (change, from, to) in cases {
        let plain = shop("");
        assert!(plain.contains(from), "{from}");
        let plain = plain.replace(from, to);
        for target in ["cfn", "tf-aws"] {
            alike(
                (&shop(&format!("    stage prod {{ {change}; }}")), Some("prod")),
                (&plain.replace("stack shop {", "stack shop {\n    stage prod;"), Some("prod")),
                target,
            );
            for on in [target, "aws"] {
                alike((&shop(&format!("    on {on} {{ {change}; }}")), None), (&plain, None), target);
                let within = format!("    stage prod {{ on {on} {{ {change}; }}; }}");
                alike((&shop(&within), Some("prod")), (&plain.replace("stack shop {", "stack shop {\n    stage prod;"), Some("prod")), target);
            }
        }
        // No other target sees it.
        alike((&shop(&format!("    targets cfn tf-aws\n    on cfn {{ {change}; }}")), None), (&shop(""), None), "tf-aws");
    }
}

#[test]
fn what_says_more_decides() {
    let replicas = |over: &str, stage| {
        let text = built(&shop(over), stage, "cfn").unwrap_or_else(|said| panic!("{said}"));
        let template: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = template["Resources"].as_object().unwrap();
        all.values().find_map(|resource| resource["Properties"]["DesiredCount"].as_i64()).unwrap()
    };
    let [stack, stage] = ["on aws { service web replicas=2; }", "stage prod { service web replicas=3; }"];
    assert_eq!(replicas("", None), 1);
    assert_eq!(replicas(stack, None), 2);
    assert_eq!(replicas(stage, None), 1);
    assert_eq!(replicas(stage, Some("prod")), 3);
    assert_eq!(replicas(&format!("{stack}\non cfn {{ service web replicas=4; }}"), None), 4);
    assert_eq!(replicas("stage prod { service web replicas=3; on aws { service web replicas=5; }; on cfn { service web replicas=6; }; }", Some("prod")), 6);
    let decided = "targets cfn\nstage prod { service web replicas=3; on cfn { service web replicas=7; }; }\non aws { service web replicas=2; }\non cfn { service web replicas=4; }";
    assert_eq!(replicas(decided, Some("prod")), 7);
    assert_eq!(replicas(decided, None), 4);
}

#[test]
fn what_two_overlays_say_otherwise_is_decided_by_nobody() {
    let cases = [
        ("stage prod { service web replicas=3; }\non aws { service web { replicas 3; }; }", "web replicas"),
        ("stage prod { service web { connect key; }; }\non cfn { service web { connect key prefix=K; }; }", "web connect key"),
        ("stage prod { service web { (remove)rollout; }; }\non cfn { service web { rollout max=190; }; }", "web rollout"),
        ("stage prod { service web { rollout max=190; }; }\non cfn { service web { (remove)rollout; }; }", "web rollout"),
        ("stage prod { service web { env A=2; }; }\non aws { service web { env { (remove)A; }; }; }", "web env A"),
        ("stage prod { on aws { service web replicas=3; }; }\non cfn { service web replicas=2; }", "web replicas"),
    ];
    for (over, what) in cases {
        let said = built(&shop(over), None, "cfn").unwrap_err();
        assert!(said.starts_with("E0240") && said.contains(&format!("`{what}")) && said.lines().count() == 1, "{over}\n{said}");
    }
    // Other keys and other fields are no matter of both.
    for over in [
        "stage prod { service web { env A=2; }; }\non aws { service web { env B=3; }; }",
        "stage prod { service web replicas=3; }\non aws { service web drain=5; }",
    ] {
        built(&shop(over), Some("prod"), "cfn").unwrap();
    }
}

#[test]
fn what_is_accepted_is_accepted_by_its_name() {
    let said = |over: &str| {
        let (compiler, mut sources) = (Compiler::default(), Sources::default());
        let file = sources.add("stack.kdl", shop(&format!("    targets cfn tf-google\n{over}")));
        let (model, said) = compiler.check(file, Variant::default(), &mut sources);
        assert!(!said.has_errors(), "{:?}", said.sorted());
        let target = compiler.targets(&mut sources).into_iter().find(|other| other.name == "tf-google").unwrap();
        let (_, said) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
        said.sorted().into_iter().map(|said| said.message).collect::<Vec<_>>()
    };
    let of_rollout = |all: &[String]| all.iter().filter(|said| said.contains("`rollout")).count();
    let before = said("");
    assert!(of_rollout(&before) > 0 && before.len() > of_rollout(&before), "{before:#?}");
    let after = said("    on gcp { accept web rollout \"one at a time\"; }");
    assert_eq!((of_rollout(&after), after.len()), (0, before.len() - of_rollout(&before)), "{after:#?}");
    // At the top it is for all targets, and in the overlay of another target for none of these.
    assert_eq!(said("    accept web rollout \"one at a time\""), after);
    assert_eq!(said("    on cfn { accept web rollout \"one at a time\"; }"), before);
    // Without a property, no property is meant.
    assert!(of_rollout(&said("    accept web \"as it is\"")) > 0);
}

#[test]
fn a_move_is_told_of_what_is_otherwise_by_target() {
    let text = shop(
        "    targets cfn\n    stage prod {\n        on aws { service web replicas=2; }\n    }\n    on tf-google {\n        service web port=81\n        (remove)port\n    }",
    );
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", text.replace("        (remove)port\n", ""));
    let (model, said) = compiler.check(file, Variant::default(), &mut sources);
    assert!(!said.has_errors(), "{:?}", said.sorted());
    let model = model.unwrap();
    let targets = compiler.targets(&mut sources);
    let reports: Vec<_> = targets.iter().map(|target| compiler.portability(&model, target, &mut sources).0.unwrap()).collect();
    for write in [stackc::portability::table, stackc::portability::markdown, stackc::portability::json, stackc::portability::html] {
        let written = write(&model, &reports, None, &sources).replace('`', "");
        assert!(written.contains("on aws of stage prod") && written.contains("on tf-google"), "{written}");
    }
}

#[test]
fn what_is_wrong_elsewhere_is_said_when_it_is_built_there() {
    let text = shop("    targets cfn\n    on tf-google {\n        service web { (remove)image; }\n    }");
    assert!(built(&text, None, "cfn").is_ok());
    assert!(built(&text, None, "tf-google").unwrap_err().starts_with("E0207"));
}
