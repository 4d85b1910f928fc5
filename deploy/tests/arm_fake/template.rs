//! Templates as Azure understands them: ids and properties with their expressions worked out, as far as stackc's templates need it.

use serde_json::{Map, Value, json};

/// The subscription.
pub const SUBSCRIPTION: &str = "11111111-2222-3333-4444-555555555555";

/// A resource that a template makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub symbol: String,
    pub id: String,
    pub ty: String,
    /// What it is like afterwards; what cannot be read back is left out.
    pub body: Value,
    /// Paths of what cannot be read back.
    pub hidden: Vec<String>,
    pub after: Vec<String>,
}

/// What stands around a template.
pub struct Around<'a> {
    pub group: &'a str,
    pub location: &'a str,
    pub template: &'a Value,
    pub params: &'a Value,
}

impl Around<'_> {
    /// All that it makes, each after what it depends on.
    pub fn made(&self) -> Vec<Made> {
        let resources = self.template["resources"].as_object().cloned().unwrap_or_default();
        let mut left: Vec<Made> =
            resources.iter().filter(|(_, resource)| resource["existing"] != json!(true)).map(|(symbol, resource)| self.one(symbol, resource)).collect();
        let mut found: Vec<Made> = Vec::new();
        while !left.is_empty() {
            let ready = |made: &Made| !made.after.iter().any(|after| left.iter().any(|other| other.symbol == *after));
            let at = left.iter().position(ready).expect("a template has no circle");
            found.push(left.remove(at));
        }
        found
    }

    fn one(&self, symbol: &str, resource: &Value) -> Made {
        let ty = resource["type"].as_str().unwrap().to_owned();
        let name = self.text(resource["name"].as_str().unwrap());
        let scope = resource["scope"].as_str().map(|scope| self.text(scope));
        let id = id(&scope.unwrap_or_else(|| self.scope()), &ty, &name);
        let mut body = Map::new();
        let mut hidden = Vec::new();
        for (key, value) in resource.as_object().unwrap() {
            if !["type", "apiVersion", "name", "scope", "dependsOn", "existing"].contains(&key.as_str()) {
                body.insert(key.clone(), self.value(value));
            }
        }
        let mut body = Value::Object(body);
        if ty == "Microsoft.KeyVault/vaults/secrets" {
            body["properties"].as_object_mut().unwrap().remove("value");
            hidden.push("properties.value".to_owned());
        }
        let after = resource["dependsOn"].as_array().into_iter().flatten().map(|after| after.as_str().unwrap().to_owned()).collect();
        Made { symbol: symbol.to_owned(), id, ty, body, hidden, after }
    }

    /// The outputs.
    pub fn outputs(&self) -> Value {
        let outputs = self.template["outputs"].as_object().cloned().unwrap_or_default();
        outputs
            .iter()
            .map(|(name, output)| (name.clone(), json!({ "type": output["type"], "value": self.value(&output["value"]) })))
            .collect::<Map<_, _>>()
            .into()
    }

    fn scope(&self) -> String {
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{}", self.group)
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.starts_with('[') && text.ends_with(']') && !text.starts_with("[[") => {
                let mut reader = Reader { text: text[1..text.len() - 1].chars().collect(), at: 0, around: self };
                reader.part()
            }
            Value::Object(object) => object.iter().map(|(key, value)| (self.text(key), self.value(value))).collect::<Map<_, _>>().into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        plain(&self.value(&json!(text)))
    }

    fn call(&self, name: &str, args: &[Value]) -> Value {
        let all = args.iter().map(plain).collect::<Vec<_>>();
        match name {
            "format" => {
                let mut text = all[0].clone();
                for (index, value) in all[1..].iter().enumerate() {
                    text = text.replace(&format!("{{{index}}}"), value);
                }
                json!(text)
            }
            "string" => json!(all[0]),
            "concat" => json!(all.concat()),
            "json" => serde_json::from_str(&all[0]).unwrap(),
            "createObject" => args.chunks(2).map(|pair| (plain(&pair[0]), pair[1].clone())).collect::<Map<_, _>>().into(),
            "true" | "false" => json!(name == "true"),
            "uniqueString" => json!(format!("{:013x}", hash(&all.concat()) & 0xf_ffff_ffff_ffff)),
            "guid" => json!(format!("{:016x}-0000", hash(&all.concat()))),
            "resourceGroup" => json!({ "id": self.scope(), "location": self.location, "name": self.group }),
            "subscription" => json!({ "tenantId": "tenant" }),
            "environment" => json!({ "suffixes": { "storage": "core.windows.net", "keyvaultDns": ".vault.azure.net" } }),
            "resourceId" => json!(id(&self.scope(), &all[0], &all[1..].join("/"))),
            "extensionResourceId" => json!(id(&all[0], &all[1], &all[2..].join("/"))),
            "parameters" => match &self.params[&all[0]]["value"] {
                Value::Null => self.value(&self.template["parameters"][&all[0]]["defaultValue"]),
                given => given.clone(),
            },
            // What only shows once things are there.
            _ => json!(format!("{name}({})", all.join(","))),
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn hash(text: &str) -> u64 {
    text.to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn id(scope: &str, ty: &str, name: &str) -> String {
    let mut parts = ty.split('/');
    let mut id = format!("{scope}/providers/{}", parts.next().unwrap());
    for (kind, name) in parts.zip(name.split('/')) {
        id.push_str(&format!("/{kind}/{name}"));
    }
    id
}

struct Reader<'a> {
    text: Vec<char>,
    at: usize,
    around: &'a Around<'a>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        while self.text.get(self.at) == Some(&' ') {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn part(&mut self) -> Value {
        if self.peek() == Some('\'') {
            let mut text = String::new();
            self.at += 1;
            loop {
                match self.text[self.at] {
                    '\'' if self.text.get(self.at + 1) == Some(&'\'') => {
                        text.push('\'');
                        self.at += 2;
                    }
                    '\'' => {
                        self.at += 1;
                        return json!(text);
                    }
                    other => {
                        text.push(other);
                        self.at += 1;
                    }
                }
            }
        }
        let mut word = String::new();
        while let Some(c) = self.text.get(self.at).filter(|c| c.is_alphanumeric() || **c == '-' || **c == '_') {
            word.push(*c);
            self.at += 1;
        }
        if self.peek() != Some('(') {
            return word.parse::<i64>().map_or_else(|_| json!(word), |number| json!(number));
        }
        self.at += 1;
        let mut args = Vec::new();
        while self.peek() != Some(')') {
            args.push(self.part());
            if self.peek() == Some(',') {
                self.at += 1;
            }
        }
        self.at += 1;
        let mut value = self.around.call(&word, &args);
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    let mut name = String::new();
                    while let Some(c) = self.text.get(self.at).filter(|c| c.is_alphanumeric() || **c == '_') {
                        name.push(*c);
                        self.at += 1;
                    }
                    value = if value.is_object() { value[&name].clone() } else { json!(format!("{}.{name}", plain(&value))) };
                }
                Some('[') => {
                    self.at += 1;
                    let index = self.part();
                    self.at += 1;
                    value = json!(format!("{}[{}]", plain(&value), plain(&index)));
                }
                _ => return value,
            }
        }
    }
}

/// What differs, as a what-if tells it.
pub fn delta(before: &Value, after: &Value, path: &str, found: &mut Vec<Value>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                delta(old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null), &path, found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old != new => {
            let mut children = Vec::new();
            for index in 0..old.len().max(new.len()) {
                delta(old.get(index).unwrap_or(&Value::Null), new.get(index).unwrap_or(&Value::Null), &index.to_string(), &mut children);
            }
            found.push(json!({ "path": path, "propertyChangeType": "Array", "children": children }));
        }
        (old, new) if old != new => {
            let kind = if old.is_null() {
                "Create"
            } else if new.is_null() {
                "Delete"
            } else {
                "Modify"
            };
            found.push(json!({ "path": path, "propertyChangeType": kind, "before": old, "after": new }));
        }
        _ => {}
    }
}
