//! Where Terraform keeps its state: `s3 bucket=acme-state region=eu-west-1`, in the words of Terraform's own backends.

use serde_json::{Value, json};
use stackc::diag;
use stackc::source::FileId;
use stackc::syntax::Scalar;

/// A kind of backend: its settings, those that it cannot do without, and where in it a state lies.
struct Kind {
    name: &'static str,
    settings: &'static [&'static str],
    required: &'static [&'static str],
    place: (&'static str, Option<&'static str>),
}

/// The kinds. Settings that hold a secret are not among them: Terraform writes all settings into a file, and reads secrets from the environment.
const KINDS: [Kind; 5] = [
    Kind {
        name: "s3",
        settings: &[
            "bucket",
            "key",
            "region",
            "profile",
            "encrypt",
            "kms_key_id",
            "use_lockfile",
            "dynamodb_table",
            "use_path_style",
            "skip_credentials_validation",
            "skip_metadata_api_check",
            "skip_region_validation",
            "skip_requesting_account_id",
        ],
        required: &["bucket"],
        place: ("key", Some("stackc/{name}/{target}.tfstate")),
    },
    Kind {
        name: "azurerm",
        settings: &[
            "resource_group_name",
            "storage_account_name",
            "container_name",
            "key",
            "subscription_id",
            "tenant_id",
            "client_id",
            "environment",
            "use_oidc",
            "use_azuread_auth",
        ],
        required: &["storage_account_name", "container_name"],
        place: ("key", Some("stackc/{name}/{target}.tfstate")),
    },
    Kind { name: "gcs", settings: &["bucket", "prefix", "kms_encryption_key"], required: &["bucket"], place: ("prefix", Some("stackc/{name}/{target}")) },
    Kind {
        name: "http",
        settings: &["address", "lock_address", "unlock_address", "update_method", "lock_method", "unlock_method", "username"],
        required: &["address"],
        place: ("address", None),
    },
    Kind { name: "local", settings: &["path"], required: &[], place: ("path", Some("terraform.tfstate")) },
];

/// A backend.
#[derive(Debug, Clone)]
pub struct Backend {
    kind: &'static str,
    settings: Vec<(String, Value)>,
    place: String,
}

/// What distinguishes a running stack from others.
#[derive(Debug, Clone, Copy)]
pub struct Which<'w> {
    /// Its name, with stage and instance.
    pub name: &'w str,
    /// The target.
    pub target: &'w str,
    /// Whether it has a stage or an instance, so that there are others of the same file.
    pub one_of_many: bool,
}

impl Backend {
    /// Reads what was said; nothing said is a file in the working folder.
    pub fn read(said: Option<&str>, which: Which<'_>) -> Result<Backend, String> {
        let (nodes, problems) = stackc::syntax::read(FileId(u16::MAX), &format!("state {}", said.unwrap_or("local")));
        let node = match nodes.as_slice() {
            [node] if problems.is_empty() && node.children().is_empty() => node,
            _ => return Err("`--state` takes a kind and its settings, such as `s3 bucket=acme-state region=eu-west-1`".to_owned()),
        };
        let names = diag::list(KINDS.iter().map(|kind| kind.name));
        let word = node.arg_str(0).unwrap_or_default();
        let Some(kind) = KINDS.iter().find(|kind| kind.name == word && node.args.len() == 1) else {
            return Err(format!("`--state` takes one of {names}, and not `{word}`"));
        };
        let mut settings: Vec<(String, Value)> = Vec::new();
        for (name, value) in &node.props {
            let name = name.text.as_str();
            if !kind.settings.contains(&name) {
                let meant = diag::did_you_mean(name, kind.settings.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                return Err(format!(
                    "the state `{word}` takes no `{name}` here: it takes {} (secrets come from the environment){meant}",
                    diag::list(kind.settings)
                ));
            }
            let value = match &value.scalar {
                Scalar::String(text) => Value::from(text.replace("{name}", which.name).replace("{target}", which.target)),
                Scalar::Bool(flag) => json!(flag),
                Scalar::Integer(number) => json!(number.to_string()),
                _ => return Err(format!("`{name}` of the state takes a text or a yes or no")),
            };
            settings.push((name.to_owned(), value));
        }
        if let Some(missing) = kind.required.iter().find(|name| !settings.iter().any(|(known, _)| known == *name)) {
            return Err(format!("the state `{word}` needs `{missing}`"));
        }
        let (place, default) = kind.place;
        let given = node.props.iter().find(|(name, _)| name.text == place).and_then(|(_, value)| value.as_str());
        if given.is_some_and(|given| which.one_of_many && !given.contains("{name}")) {
            return Err(format!(
                "all stages and instances would share one state: `{place}` needs `{{name}}` in it, in whose place the running stack's name is put"
            ));
        }
        if let (None, Some(default)) = (given, default) {
            settings.push((place.to_owned(), Value::from(default.replace("{name}", which.name).replace("{target}", which.target))));
        }
        let has = |name: &str| settings.iter().any(|(known, _)| known == name);
        if word == "s3" {
            let (lock, encrypt) = (!has("use_lockfile") && !has("dynamodb_table"), !has("encrypt"));
            settings.extend(lock.then(|| ("use_lockfile".to_owned(), json!(true))));
            settings.extend(encrypt.then(|| ("encrypt".to_owned(), json!(true))));
        }
        let text = |name: &str| settings.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned();
        let place = match word {
            "s3" | "gcs" => format!("{}/{}", text("bucket"), text(place)),
            "azurerm" => format!("{}/{}/{}", text("storage_account_name"), text("container_name"), text("key")),
            _ => text(place),
        };
        Ok(Backend { kind: kind.name, settings, place })
    }

    /// Whether it is a file on this machine.
    pub fn is_local(&self) -> bool {
        self.kind == "local"
    }

    /// Where it is, for a person.
    pub fn place(&self) -> String {
        format!("{} {}", self.kind, self.place)
    }

    /// Terraform's block for it.
    pub fn block(&self) -> Value {
        let settings: serde_json::Map<String, Value> = self.settings.iter().cloned().collect();
        json!({ "terraform": { "backend": { self.kind: settings } } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROD: Which<'static> = Which { name: "shop-prod", target: "tf-aws", one_of_many: true };

    #[test]
    fn each_running_stack_has_a_state_of_its_own() {
        let backend = Backend::read(Some("s3 bucket=acme region=eu-west-1"), PROD).unwrap();
        assert_eq!(backend.place(), "s3 acme/stackc/shop-prod/tf-aws.tfstate");
        assert_eq!(backend.block().pointer("/terraform/backend/s3/use_lockfile"), Some(&json!(true)));
        assert!(Backend::read(Some("s3 bucket=acme key=\"shop.tfstate\""), PROD).unwrap_err().contains("share one state"));
        assert!(Backend::read(Some("s3 bucket=acme key=\"{name}.tfstate\""), PROD).is_ok());
        assert!(Backend::read(None, PROD).unwrap().is_local());
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (said, what) in [
            ("s3", "needs `bucket`"),
            ("s4 bucket=a", "one of `s3`"),
            ("s3 bucket=a secret_key=b", "takes no `secret_key`"),
            ("s3 buckt=a", "did you mean `bucket`"),
            ("s3 bucket=a; s3 bucket=b", "takes a kind"),
        ] {
            assert!(Backend::read(Some(said), PROD).unwrap_err().contains(what), "{said}");
        }
    }
}
