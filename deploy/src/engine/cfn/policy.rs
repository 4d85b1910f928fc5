//! The stack's policy: nobody replaces or deletes what is protected, whatever he deploys with.

use super::Cfn;
use super::fault::fault;
use crate::engine::wire::{Fault, read};
use serde_json::{Value, json};

/// The policy that protects these resources.
fn policy(protect: &[String]) -> Value {
    let mut statements = vec![json!({ "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*" })];
    if !protect.is_empty() {
        let resources: Vec<String> = protect.iter().map(|name| format!("LogicalResourceId/{name}")).collect();
        statements.push(json!({ "Effect": "Deny", "Principal": "*", "Action": ["Update:Replace", "Update:Delete"], "Resource": resources }));
    }
    json!({ "Statement": statements })
}

impl Cfn {
    /// Sets a stack's policy, where it is another. One that protects nothing is not made; there is no way to take one away.
    pub(super) async fn protect(&self, stack: &str, protect: &[String]) -> Result<(), Fault> {
        let found = read(self.pace, &self.notice, async || self.client.get_stack_policy().stack_name(stack).send().await.map_err(fault)).await?;
        let there: Option<Value> = found.stack_policy_body().and_then(|body| serde_json::from_str(body).ok());
        let wanted = policy(protect);
        if there.as_ref() == Some(&wanted) || there.is_none() && protect.is_empty() {
            return Ok(());
        }
        let body = wanted.to_string();
        read(self.pace, &self.notice, async || self.client.set_stack_policy().stack_name(stack).stack_policy_body(&body).send().await.map(drop).map_err(fault))
            .await
    }
}
