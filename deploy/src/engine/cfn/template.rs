//! What is to be known of a template before it is sent.

use serde_json::Value;
use std::collections::BTreeMap;

/// The defaults of a template's parameters, as text.
pub fn defaults(template: &str) -> BTreeMap<String, String> {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    let params = template.get("Parameters").and_then(Value::as_object);
    let defaults = params.into_iter().flatten().filter_map(|(name, param)| {
        let default = param.get("Default")?;
        Some((name.clone(), default.as_str().map_or_else(|| default.to_string(), str::to_owned)))
    });
    defaults.collect()
}

/// What CloudFormation wants to be told that the template may do ("Acknowledging IAM resources" in its user guide).
pub fn capabilities(template: &str) -> Vec<&'static str> {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    let mut found = Vec::new();
    let resources = template.get("Resources").and_then(Value::as_object);
    let iam: Vec<&Value> = resources
        .into_iter()
        .flatten()
        .map(|(_, resource)| resource)
        .filter(|resource| resource.get("Type").and_then(Value::as_str).is_some_and(|ty| ty.starts_with("AWS::IAM::")))
        .collect();
    let names = ["RoleName", "UserName", "GroupName", "ManagedPolicyName", "InstanceProfileName"];
    // A name given in clear is a custom one; a reference to another resource is not.
    let named = |resource: &&Value| {
        let own = resource.get("Properties").and_then(Value::as_object);
        own.is_some_and(|own| {
            names.iter().any(|name| own.get(*name).is_some_and(|value| value.is_string() || value.get("Fn::Sub").is_some() || value.get("Fn::Join").is_some()))
        })
    };
    if iam.iter().any(named) {
        found.push("CAPABILITY_NAMED_IAM");
    } else if !iam.is_empty() {
        found.push("CAPABILITY_IAM");
    }
    if template.get("Transform").is_some() {
        found.push("CAPABILITY_AUTO_EXPAND");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_follow_from_the_resources() {
        let template = |resource: &str| format!("{{\"Resources\":{{\"A\":{resource}}}}}");
        assert!(capabilities(&template("{\"Type\":\"AWS::S3::Bucket\"}")).is_empty());
        assert_eq!(capabilities(&template("{\"Type\":\"AWS::IAM::Role\",\"Properties\":{}}")), ["CAPABILITY_IAM"]);
        assert_eq!(capabilities(&template("{\"Type\":\"AWS::IAM::Role\",\"Properties\":{\"RoleName\":\"ours\"}}")), ["CAPABILITY_NAMED_IAM"]);
        assert_eq!(capabilities(&template("{\"Type\":\"AWS::IAM::InstanceProfile\",\"Properties\":{\"RoleName\":{\"Ref\":\"B\"}}}")), ["CAPABILITY_IAM"]);
        assert_eq!(capabilities("{\"Transform\":\"AWS::LanguageExtensions\",\"Resources\":{}}"), ["CAPABILITY_AUTO_EXPAND"]);
    }

    #[test]
    fn defaults_are_text() {
        let found = defaults("{\"Parameters\":{\"A\":{\"Type\":\"Number\",\"Default\":3},\"B\":{\"Type\":\"String\"},\"C\":{\"Default\":\"x\"}}}");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("A".to_owned(), "3".to_owned()), ("C".to_owned(), "x".to_owned())]);
        assert!(defaults("Resources: {}").is_empty());
    }
}
