//! A raised revision, done by Terraform and the real provider on moto: another value lies in the store, once, and only then.

use crate::engines::{Moto, python, terraform};
use crate::product::build;
use crate::terraform::one_try;
use serde_json::{Value, from_str};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A database's password, a secret that is made up, and one that is given.
fn stack(revision: u32) -> String {
    format!(
        "stack shop {{
            network main
            param token secret=#true revision={revision}
            database data network=main engine=postgres version=\"16\" password-revision={revision}
            secret key revision={revision}
            job tidy network=main image=\"acme/tidy:1\" {{ connect data; connect key; env TOKEN=(get)token }}
        }}\n"
    )
}

/// What lies in the store, by the descriptions of the secrets.
fn store(python: &Path, environment: &[(String, String)]) -> Value {
    let script = "import boto3, json; store = boto3.client('secretsmanager', region_name='us-east-1')
print(json.dumps({one['Description']: store.get_secret_value(SecretId=one['ARN'])['SecretString'] for one in store.list_secrets()['SecretList']}))";
    let output = Command::new(python).args(["-c", script]).envs(environment.iter().map(|(name, value)| (name, value))).output().unwrap();
    from_str(&String::from_utf8_lossy(&output.stdout)).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn a_raised_revision_is_another_value_and_the_next_plan_is_empty() {
    let (Some(python), Some(terraform)) = (python(), terraform()) else { return };
    let folder = terraform.folder("revision");
    let out = TempDir::new().unwrap();
    let moto = Moto::start(&python, &folder);
    let write = |revision: u32| {
        let file = out.path().join("stack.kdl");
        fs::write(&file, stack(revision)).unwrap();
        build(&file, "tf-aws", &[], out.path());
        let text = fs::read_to_string(out.path().join("tf-aws/main.tf.json")).unwrap();
        fs::write(folder.join("main.tf.json"), &text).unwrap();
        fs::write(folder.join("zz_provider_override.tf.json"), one_try(&from_str(&text).unwrap()).to_string()).unwrap();
    };
    let environment = |token: &str| {
        let mut all = moto.environment();
        all.push(("TF_VAR_token".to_owned(), token.to_owned()));
        all
    };
    let apply = ["apply", "-no-color", "-auto-approve", "-parallelism=40"];
    let unchanged = ["plan", "-no-color", "-detailed-exitcode", "-parallelism=40"];

    write(1);
    terraform.expect(&folder, &["init", "-no-color"], &environment("one"));
    terraform.expect(&folder, &apply, &environment("one"));
    let first = store(&python, &environment("one"));
    assert_eq!(first["token of shop"], "one", "{first}");
    // Each run draws values, and none of them comes into the store: nor does a given one without a higher revision.
    terraform.expect(&folder, &unchanged, &environment("other"));
    terraform.expect(&folder, &apply, &environment("other"));
    assert_eq!(store(&python, &environment("one")), first);

    write(2);
    let said = terraform.expect(&folder, &apply, &environment("two"));
    assert!(said.contains("aws_db_instance.data: Modifications complete"), "the database takes its new password:\n{said}");
    let second = store(&python, &environment("two"));
    assert_eq!(second["token of shop"], "two", "{second}");
    for name in ["key of shop", "Password of dbadmin in data of shop"] {
        assert!(second[name].is_string() && second[name] != first[name], "{name}: {second}");
    }
    terraform.expect(&folder, &unchanged, &environment("two"));
}
