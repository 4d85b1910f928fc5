//! Containers of Swift: Heat does not delete one that is not empty.

use super::Heat;
use super::api::encoded;
use crate::engine::Obstacle;
use crate::engine::rest::has;
use crate::engine::wire::Fault;
use reqwest::Method;
use serde_json::Value;

impl Heat {
    /// The stack's containers that have something in them, but for those that stay or that Heat empties itself.
    pub(super) async fn filled_containers(&self) -> Result<Vec<Obstacle>, Fault> {
        let Some(stack) = self.find(None).await? else { return Ok(Vec::new()) };
        let template = self.template(stack.id()).await?;
        let mut found = Vec::new();
        for (resource, _) in self.resources(stack.id()).await? {
            let Some(id) = resource.id.filter(|_| resource.ty == "OS::Swift::Container" && resource.how != "DELETE_COMPLETE") else { continue };
            let declared = template.get("resources").and_then(|all| all.get(&resource.name)).cloned().unwrap_or_default();
            let stays = declared.get("deletion_policy").and_then(Value::as_str).is_some_and(|policy| policy.eq_ignore_ascii_case("retain"));
            let purged = declared.get("properties").and_then(|own| own.get("PurgeOnDelete")).and_then(Value::as_bool) == Some(true);
            if !stays && !purged && !self.objects(&id, 1).await?.is_empty() {
                found.push(Obstacle { name: resource.name, id, ty: resource.ty, what: "is not empty".to_owned() });
            }
        }
        Ok(found)
    }

    /// The names of some objects of a container; none where there is no such container, or no object store.
    async fn objects(&self, container: &str, most: usize) -> Result<Vec<String>, Fault> {
        let path = format!("/{}?format=json&limit={most}", encoded(container));
        match self.api.store(Method::GET, &path).await {
            None => Ok(Vec::new()),
            Some(Err(why)) if why.is_missing() => Ok(Vec::new()),
            Some(answer) => {
                let list = answer?;
                let objects = has(&list, "", Value::is_array)?.as_array().into_iter().flatten();
                Ok(objects.filter_map(|object| Some(object.get("name")?.as_str()?.to_owned())).collect())
            }
        }
    }

    /// Deletes all that is in a container.
    pub(super) async fn empty(&self, container: &str) -> Result<(), Fault> {
        let mut before = Vec::new();
        loop {
            let found = self.objects(container, 1_000).await?;
            if found.is_empty() {
                return Ok(());
            }
            if found == before {
                return Err(Fault::Said(String::new(), format!("what is in {container} stays there, though it was deleted")));
            }
            for object in &found {
                match self.api.store(Method::DELETE, &format!("/{}/{}", encoded(container), encoded(object))).await {
                    Some(Err(why)) if !why.is_missing() => return Err(why),
                    _ => {}
                }
            }
            before = found;
        }
    }
}
