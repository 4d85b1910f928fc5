//! A stack that lives with Terraform's real core and a provider without a cloud, and what happens to it, in the order of its happening.

use crate::engines::{Terraform, both};
use crate::template::{Reference, Template};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Something that a cloud would refuse.
#[derive(Clone)]
pub struct Escape {
    /// The kind of it, by types and arguments.
    pub key: String,
    /// The instance.
    pub what: String,
}

/// A resource that exists, with what it was told when it was last made or changed.
struct Object {
    id: usize,
    refers: Vec<(Reference, usize)>,
    identity: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
}

/// A stack's folder, and what exists.
pub struct Life<'t> {
    terraform: &'t Terraform,
    folder: PathBuf,
    environment: Vec<(String, String)>,
    objects: BTreeMap<String, Object>,
    /// What has been replaced by a newer one of its address, and is still there.
    deposed: Vec<(String, Object)>,
    last: usize,
    /// Whether a name is one resource's alone.
    unique: bool,
    /// How often Terraform was asked to do something.
    pub runs: usize,
}

/// The type of an address.
fn ty(address: &str) -> &str {
    address.split('.').next().unwrap_or_default()
}

impl<'t> Life<'t> {
    pub fn new(terraform: &'t Terraform, folder: PathBuf, environment: Vec<(String, String)>, unique: bool) -> Life<'t> {
        Life { terraform, folder, environment, objects: BTreeMap::new(), deposed: Vec::new(), last: 0, unique, runs: 0 }
    }

    /// Forgets all that was made.
    pub fn forget(&mut self) {
        self.objects.clear();
        self.deposed.clear();
        for name in ["terraform.tfstate", "terraform.tfstate.backup"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
    }

    fn run(&mut self, template: &Template, arguments: &[&str]) -> (bool, String) {
        self.runs += 1;
        fs::write(self.folder.join("main.tf.json"), template.value.to_string()).unwrap();
        let mut environment = self.environment.clone();
        for (name, variable) in template.value["variable"].as_object().into_iter().flatten() {
            if variable.get("default").is_none() && variable[0].get("default").is_none() {
                let what = variable["type"].as_str().or(variable[0]["type"].as_str());
                let value = match what {
                    Some("number") => "1",
                    Some("bool") => "true",
                    Some(list) if list.starts_with("list") || list.starts_with("set") => "[]",
                    _ if name.contains("connection") => "arn:aws:codeconnections:us-east-1:123456789012:connection/00000000-0000-4000-8000-000000000000",
                    _ => "made-up-for-the-test",
                };
                environment.push((format!("TF_VAR_{name}"), value.to_owned()));
            }
        }
        let output = self.terraform.run(&self.folder, arguments, &environment);
        (output.status.success(), both(&output))
    }

    /// Makes the folder ready for templates that ask for the same providers.
    pub fn init(&mut self, template: &Template) {
        let (fine, said) = self.run(template, &["init", "-no-color"]);
        assert!(fine, "terraform init failed:\n{said}");
    }

    /// Whether a plan of what was just applied is empty.
    pub fn is_settled(&mut self, template: &Template) -> Option<Escape> {
        let (fine, said) = self.run(template, &["plan", "-no-color", "-refresh=false", "-lock=false", "-detailed-exitcode"]);
        // Before it, Terraform says what it reads.
        let plan = said.find("\nTerraform ").or_else(|| said.find("Error")).and_then(|from| said.get(from..)).unwrap_or(&said);
        (!fine).then(|| Escape { key: "a second plan is not empty".to_owned(), what: plan.chars().take(1200).collect() })
    }

    /// Applies a template, or destroys everything, and says what a cloud would have refused.
    pub fn apply(&mut self, template: &Template, verb: &str) -> Result<Vec<Escape>, Escape> {
        let (fine, said) = self.run(template, &[verb, "-json", "-auto-approve", "-refresh=false", "-lock=false", "-parallelism=30"]);
        if !fine {
            return Err(failure(&said));
        }
        let mut found = Vec::new();
        let (mut gone, mut made, mut touched) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut open: Vec<(usize, String, Reference, String)> = Vec::new();
        for line in said.lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else { continue };
            let (Some(kind), Some(at), Some(action)) = (event["type"].as_str(), event["hook"]["resource"]["addr"].as_str(), event["hook"]["action"].as_str())
            else {
                continue;
            };
            if at.starts_with("data.") || at.starts_with("ephemeral.") {
                continue;
            }
            match (kind, action) {
                ("apply_start", "create") => {
                    if let Some(old) = self.objects.remove(at) {
                        found.extend(self.unique.then(|| same_name(at, &old.names, template)).flatten());
                        self.deposed.push((at.to_owned(), old));
                    }
                }
                ("apply_complete", "create" | "update") => {
                    touched.insert(at.to_owned());
                    if action == "create" {
                        made.insert(at.to_owned());
                    }
                    self.told(at, template, action == "create");
                }
                ("apply_start", "delete") => {
                    let id = self.leaving(at).map(|object| object.id);
                    let holders = self.objects.iter().chain(self.deposed.iter().map(|(at, object)| (at, object)));
                    for (holder, object) in holders {
                        for (reference, _) in object.refers.iter().filter(|(_, to)| Some(*to) == id) {
                            open.push((object.id, holder.clone(), reference.clone(), at.to_owned()));
                        }
                    }
                }
                ("apply_complete", "delete") => {
                    if let Some(place) = self.deposed.iter().position(|(deposed, _)| deposed == at) {
                        self.deposed.remove(place);
                    } else if let Some(object) = self.objects.remove(at) {
                        gone.insert(at.to_owned(), object.identity);
                    }
                }
                _ => {}
            }
        }
        for (id, holder, reference, at) in open {
            // Of a document or a text, only the words are held; a cloud does not look into them.
            let part = if reference.whole { "" } else { " (in a text)" };
            let stays = self.objects.get(&holder).is_some_and(|object| object.id == id) && !touched.contains(&holder);
            let how = if stays { "is left with" } else { "lets go too late of" };
            found.push(Escape {
                key: format!("{} {}{part} {how} {}", ty(&holder), reference.path, ty(&at)),
                what: format!("{at} is destroyed while {holder} refers to it"),
            });
        }
        found.extend(meetings(&gone, &made, template));
        // From here on each refers to what is there now.
        let all: Vec<String> = self.objects.keys().cloned().collect();
        all.iter().filter(|at| template.resources.contains_key(*at)).for_each(|at| self.told(at, template, false));
        Ok(found)
    }

    /// What exists and is about to go: the older one where there are two of an address.
    fn leaving(&self, at: &str) -> Option<&Object> {
        self.deposed.iter().find(|(deposed, _)| deposed == at).map(|(_, object)| object).or_else(|| self.objects.get(at))
    }

    /// A resource has been made or changed to what the template says.
    fn told(&mut self, at: &str, template: &Template, new: bool) {
        let Some(resource) = template.resources.get(at) else { return };
        let refers = resource.refers.iter().filter_map(|reference| Some((reference.clone(), self.objects.get(&reference.to)?.id))).collect();
        self.last += 1;
        let id = self.objects.get(at).filter(|_| !new).map_or(self.last, |object| object.id);
        self.objects.insert(at.to_owned(), Object { id, refers, identity: resource.identity.clone(), names: resource.names.clone() });
    }
}

/// What Terraform has against a template.
fn failure(said: &str) -> Escape {
    let events = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let errors: Vec<Value> = events.filter(|event| event["@level"] == "error").map(|event| event["diagnostic"].clone()).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let first = errors.first().cloned().unwrap_or_default();
    let at = text(&first["address"]);
    let all: Vec<String> =
        errors.iter().take(3).map(|error| format!("{} {}: {}", text(&error["address"]), text(&error["summary"]), text(&error["detail"]))).collect();
    let what = if all.is_empty() { said.chars().take(600).collect() } else { all.join("; ") };
    Escape { key: format!("{} is refused: {}", ty(&at), text(&first["summary"])), what }
}

/// One that is made before the old one goes has the old one's name.
fn same_name(at: &str, old: &BTreeMap<String, String>, template: &Template) -> Option<Escape> {
    let new = &template.resources.get(at)?.names;
    if new.is_empty() || new != old {
        return None;
    }
    let names: Vec<&str> = new.keys().map(String::as_str).collect();
    Some(Escape {
        key: format!("{} {} twice at a time", ty(at), names.join(" ")),
        what: format!("{at} is made anew, named as the one that is still there: {new:?}"),
    })
}

/// Of those that go and those that come, those that a cloud takes for the same: nothing says that the old one goes first.
fn meetings(gone: &BTreeMap<String, BTreeMap<String, String>>, made: &BTreeSet<String>, template: &Template) -> Vec<Escape> {
    let mut found = Vec::new();
    for (old, identity) in gone.iter().filter(|(old, identity)| !made.contains(*old) && !identity.is_empty()) {
        for new in made.iter().filter(|new| ty(new) == ty(old)) {
            let Some(resource) = template.resources.get(new).filter(|resource| resource.identity == *identity) else { continue };
            // What it belongs to may be another one of the same address.
            if !resource.refers.iter().any(|reference| made.contains(&reference.to)) {
                let by: Vec<&str> = identity.keys().map(String::as_str).collect();
                found.push(Escape {
                    key: format!("{} meets itself by {}", resource.ty, by.join(" ")),
                    what: format!("{old} goes and {new} comes, which are the same: {identity:?}"),
                });
            }
        }
    }
    found
}
