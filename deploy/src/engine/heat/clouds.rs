//! Where the credentials are: the environment and clouds.yaml, as every client of OpenStack reads them.

use crate::engine::Trouble;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// What it takes to log in.
#[derive(Clone, Default)]
pub struct Credentials {
    /// Keystone's address, with `/v3` at its end.
    pub auth: String,
    /// The body that asks for a token.
    pub body: Value,
    /// The region.
    pub region: Option<String>,
    /// Which of a service's addresses is taken: public, internal, admin.
    pub interface: String,
    /// Certificates in PEM that are trusted besides those of the machine.
    pub roots: Vec<u8>,
}

/// A source of settings: those of one cloud, by their names in clouds.yaml, or the environment.
struct Settings {
    /// The cloud's own part of clouds.yaml; none when the environment is all there is.
    cloud: Option<(String, Value)>,
}

impl Settings {
    /// A setting, by its name in clouds.yaml, such as `user_domain_name`.
    fn get(&self, name: &str) -> Option<String> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let variable = format!("OS_{}", name.to_ascii_uppercase());
        let set = || std::env::var(variable).ok();
        let found = match &self.cloud {
            None => set(),
            Some((_, cloud)) => {
                let own = cloud.get("auth").and_then(|auth| auth.get(name)).or_else(|| cloud.get(name)).and_then(text);
                // Only what should not lie in a file comes from elsewhere: to mix two users would be worse than to have none.
                own.or_else(|| if name == "password" || name == "application_credential_secret" { set() } else { None })
            }
        };
        found.filter(|value| !value.is_empty())
    }

    /// A setting that must be there.
    fn need(&self, name: &str) -> Result<String, Trouble> {
        self.get(name).ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> Trouble {
        let variable = format!("OS_{}", name.to_ascii_uppercase());
        Trouble::Call(match &self.cloud {
            Some((cloud, _)) if name == "password" || name == "application_credential_secret" => {
                format!("the cloud `{cloud}` has no `{name}`: put it into secure.yaml beside clouds.yaml, or set {variable}")
            }
            Some((cloud, _)) => format!("the cloud `{cloud}` of clouds.yaml has no `{name}`"),
            None => format!("no credentials for OpenStack: set {variable}, or name a cloud of clouds.yaml (--profile, OS_CLOUD)"),
        })
    }

    /// A thing with the domain it is in, by id or by name.
    fn named(&self, what: &str) -> Option<Value> {
        if let Some(id) = self.get(&format!("{what}_id")) {
            return Some(json!({ "id": id }));
        }
        let name =
            self.get(if what == "user" { "username" } else { "project_name" }).or_else(|| (what == "project").then(|| self.get("tenant_name")).flatten())?;
        Some(json!({ "name": name, "domain": self.domain(what) }))
    }

    /// A domain; Keystone's own first one where none is named.
    fn domain(&self, of: &str) -> Value {
        let id = self.get(&format!("{of}_domain_id")).or_else(|| self.get("domain_id"));
        let name = self.get(&format!("{of}_domain_name")).or_else(|| self.get("domain_name"));
        match (id, name) {
            (Some(id), _) => json!({ "id": id }),
            (None, Some(name)) => json!({ "name": name }),
            (None, None) => json!({ "id": self.get("default_domain_id").or_else(|| self.get("default_domain")).unwrap_or_else(|| "default".to_owned()) }),
        }
    }

    /// How to prove who asks, and for which project.
    fn body(&self) -> Result<Value, Trouble> {
        if let Some(token) = self.get("token") {
            let project = self.named("project").ok_or_else(|| self.missing("project_name"))?;
            return Ok(json!({ "auth": { "identity": { "methods": ["token"], "token": { "id": token } }, "scope": { "project": project } } }));
        }
        let (id, name) = (self.get("application_credential_id"), self.get("application_credential_name"));
        if id.is_some() || name.is_some() {
            let secret = self.need("application_credential_secret")?;
            let credential = match (id, name) {
                (Some(id), _) => json!({ "id": id, "secret": secret }),
                (None, name) => json!({ "name": name, "user": self.named("user").ok_or_else(|| self.missing("username"))?, "secret": secret }),
            };
            // It is for one project by itself.
            return Ok(json!({ "auth": { "identity": { "methods": ["application_credential"], "application_credential": credential } } }));
        }
        let mut user = self.named("user").ok_or_else(|| self.missing("username"))?;
        if let Some(user) = user.as_object_mut() {
            user.insert("password".to_owned(), json!(self.need("password")?));
        }
        let project = self.named("project").ok_or_else(|| self.missing("project_name"))?;
        Ok(json!({ "auth": { "identity": { "methods": ["password"], "password": { "user": user } }, "scope": { "project": project } } }))
    }
}

/// The credentials, from the cloud of this name in clouds.yaml (else the one of OS_CLOUD), or from the environment.
pub fn credentials(profile: Option<&str>, region: Option<&str>) -> Result<Credentials, Trouble> {
    let chosen = profile.map(str::to_owned).or_else(|| std::env::var("OS_CLOUD").ok()).filter(|name| !name.is_empty());
    let cloud = match chosen {
        Some(name) => Some((name.clone(), cloud(&name)?)),
        None => None,
    };
    let settings = Settings { cloud };
    if settings.get("identity_api_version").is_some_and(|version| version.trim_start_matches('v').starts_with('2')) {
        return Err(Trouble::Cannot("Keystone is spoken to by its version 3 only".to_owned()));
    }
    if let Some((name, own)) = &settings.cloud
        && own.get("verify").and_then(Value::as_bool) == Some(false)
    {
        return Err(Trouble::Cannot(format!("certificates are always looked at: name the cloud's own in `cacert` of `{name}` in place of `verify: false`")));
    }
    let auth = settings.need("auth_url")?;
    let auth = auth.trim_end_matches('/');
    let auth = if auth.ends_with("/v3") { auth.to_owned() } else { format!("{}/v3", auth.trim_end_matches("/v2.0")) };
    let roots = match settings.get("cacert") {
        Some(path) => std::fs::read(&path).map_err(|error| Trouble::Call(format!("cannot read the certificates in {path} (OS_CACERT): {error}")))?,
        None => Vec::new(),
    };
    let interface = settings.get("interface").or_else(|| settings.get("endpoint_type")).unwrap_or_else(|| "public".to_owned());
    Ok(Credentials {
        auth,
        body: settings.body()?,
        region: region.map(str::to_owned).or_else(|| settings.get("region_name")),
        // An older word for it is `publicURL`.
        interface: interface.trim_end_matches("URL").to_owned(),
        roots,
    })
}

/// A cloud of clouds.yaml, with what secure.yaml has of it.
fn cloud(name: &str) -> Result<Value, Trouble> {
    let mut found = file("clouds", std::env::var_os("OS_CLIENT_CONFIG_FILE").map(PathBuf::from))?.ok_or_else(|| {
        Trouble::Call(format!("there is no clouds.yaml to find the cloud `{name}` in: it is looked for here, in ~/.config/openstack and in /etc/openstack"))
    })?;
    if let Some(secure) = file("secure", std::env::var_os("OS_CLIENT_SECURE_FILE").map(PathBuf::from))? {
        merge(&mut found, secure);
    }
    let clouds = found.get("clouds").and_then(Value::as_object).cloned().unwrap_or_default();
    let own = clouds.get(name).cloned().ok_or_else(|| {
        let names = stackc::diag::list(clouds.keys());
        Trouble::Call(format!("clouds.yaml has no cloud `{name}`{}", if names.is_empty() { String::new() } else { format!(": it has {names}") }))
    })?;
    if own.get("profile").is_some() {
        return Err(Trouble::Cannot(format!(
            "the cloud `{name}` leans on a vendor's `profile`, which is not read: write its auth_url and region_name into clouds.yaml"
        )));
    }
    Ok(own)
}

/// The first of the usual places that has such a file.
fn file(name: &str, named: Option<PathBuf>) -> Result<Option<Value>, Trouble> {
    let mut places: Vec<PathBuf> = named.into_iter().collect();
    let home = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let folders = [Some(PathBuf::from(".")), home.map(|home| home.join("openstack")), Some(PathBuf::from("/etc/openstack"))];
    for folder in folders.into_iter().flatten() {
        places.extend([folder.join(format!("{name}.yaml")), folder.join(format!("{name}.yml"))]);
    }
    for place in places {
        let Ok(text) = std::fs::read_to_string(&place) else { continue };
        // The reader's own words could quote a password.
        let read = serde_yaml::from_str::<Value>(&text).map_err(|_| Trouble::Call(format!("{} is no YAML", place.display())))?;
        return Ok(Some(read));
    }
    Ok(None)
}

/// Puts one over another, entry by entry.
fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                merge(below.entry(key).or_insert(Value::Object(Map::new())), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(cloud: Value) -> Settings {
        Settings { cloud: Some(("ours".to_owned(), cloud)) }
    }

    #[test]
    fn a_user_is_named_with_his_domain() {
        let body = settings(
            json!({ "auth": { "username": "me", "password": "pw", "project_name": "shop", "user_domain_name": "People", "project_domain_id": "p1" } }),
        );
        let body = body.body().unwrap();
        assert_eq!(body["auth"]["identity"]["password"]["user"], json!({ "name": "me", "domain": { "name": "People" }, "password": "pw" }));
        assert_eq!(body["auth"]["scope"]["project"], json!({ "name": "shop", "domain": { "id": "p1" } }));
    }

    #[test]
    fn an_application_credential_has_its_project_itself() {
        let body =
            settings(json!({ "auth_type": "v3applicationcredential", "auth": { "application_credential_id": "a1", "application_credential_secret": "s" } }));
        let body = body.body().unwrap();
        assert_eq!(body["auth"]["identity"]["application_credential"], json!({ "id": "a1", "secret": "s" }));
        assert!(body["auth"].get("scope").is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        let Err(Trouble::Call(text)) = settings(json!({ "auth": { "username": "me" } })).body() else { panic!() };
        assert!(text.contains("no `password`"), "{text}");
        let Err(Trouble::Call(text)) = settings(json!({ "auth": { "user_id": "me", "password": "x" } })).body() else { panic!() };
        assert!(text.contains("no `project_name`"), "{text}");
    }

    #[test]
    fn a_file_of_secrets_lies_over_the_other() {
        let mut clouds = json!({ "clouds": { "a": { "auth": { "username": "me" } }, "b": 1 } });
        merge(&mut clouds, json!({ "clouds": { "a": { "auth": { "password": "x" } } } }));
        assert_eq!(clouds, json!({ "clouds": { "a": { "auth": { "username": "me", "password": "x" } }, "b": 1 } }));
    }
}
