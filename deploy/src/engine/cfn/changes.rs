//! From a change set to changes, and from drift to the same.

use crate::engine::{Change, DATA_GOES, KNOWN_AFTER, PropertyChange, What};
use aws_sdk_cloudformation::types::{self, ChangeAction, PolicyAction, Replacement, RequiresRecreation};

/// CloudFormation's words for a value that is known only once the change set is executed.
const UNKNOWN: &str = "{{changeSet:KNOWN_AFTER_APPLY}}";

/// A change of a change set; none for what leaves the resource as it is.
pub fn change(change: &types::ResourceChange) -> Option<Change> {
    let what = match (change.action()?, change.replacement()) {
        (ChangeAction::Add, _) => What::Add,
        (ChangeAction::Import, _) => What::Adopt,
        (ChangeAction::Remove, _) => What::Remove,
        (ChangeAction::Modify, Some(Replacement::True)) => What::Replace,
        (ChangeAction::Modify, Some(Replacement::Conditional)) | (ChangeAction::Dynamic, _) => What::MayReplace,
        (ChangeAction::Modify, _) => What::Change,
        _ => return None,
    };
    let fate = match change.policy_action() {
        Some(PolicyAction::Retain | PolicyAction::ReplaceAndRetain) => Some("the old one stays, outside of the stack"),
        Some(PolicyAction::Snapshot | PolicyAction::ReplaceAndSnapshot) => Some("a snapshot of its data stays"),
        Some(PolicyAction::Delete | PolicyAction::ReplaceAndDelete) => Some(DATA_GOES),
        _ => None,
    };
    let details = if what == What::Add || what == What::Remove { &[][..] } else { change.details() };
    Some(Change {
        name: change.logical_resource_id().unwrap_or_default().to_owned(),
        ty: change.resource_type().unwrap_or_default().to_owned(),
        what,
        fate,
        properties: merged(details.iter().filter_map(property).collect()),
    })
}

fn property(detail: &types::ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target()?;
    let attribute = target.attribute().map(|attribute| attribute.as_str()).unwrap_or_default();
    let path = match (target.path(), target.name()) {
        (Some(path), _) if !path.is_empty() => path.trim_start_matches("/Properties/").trim_start_matches('/').replace('/', "."),
        (_, Some(name)) => name.to_owned(),
        _ => attribute.to_owned(),
    };
    Some(PropertyChange {
        path,
        old: target.before_value().map(str::to_owned),
        new: target.after_value().map(|value| value.replace(UNKNOWN, KNOWN_AFTER)),
        replaces: matches!(target.requires_recreation(), Some(RequiresRecreation::Always | RequiresRecreation::Conditionally)),
        because: detail.causing_entity().map(str::to_owned),
    })
}

/// CloudFormation gives a change once for each cause; a person wants it once.
fn merged(found: Vec<PropertyChange>) -> Vec<PropertyChange> {
    let mut merged: Vec<PropertyChange> = Vec::new();
    for change in found {
        match merged.iter_mut().find(|other| other.path == change.path) {
            Some(other) => {
                other.old = other.old.take().or(change.old);
                other.new = other.new.take().or(change.new);
                other.replaces |= change.replaces;
                other.because = other.because.take().or(change.because);
            }
            None => merged.push(change),
        }
    }
    merged
}

/// What somebody changed in a resource, or that it is gone; none for what is as it was deployed.
pub fn drifted(drift: &types::StackResourceDrift) -> Option<Change> {
    let what = match drift.stack_resource_drift_status()? {
        types::StackResourceDriftStatus::Modified => What::Change,
        types::StackResourceDriftStatus::Deleted => What::Remove,
        _ => return None,
    };
    let properties = drift.property_differences().iter().map(|difference| PropertyChange {
        path: difference.property_path().unwrap_or_default().trim_start_matches('/').replace('/', "."),
        old: difference.expected_value().map(str::to_owned),
        new: difference.actual_value().map(str::to_owned),
        replaces: false,
        because: None,
    });
    Some(Change {
        name: drift.logical_resource_id().unwrap_or_default().to_owned(),
        ty: drift.resource_type().unwrap_or_default().to_owned(),
        what,
        fate: None,
        properties: properties.collect(),
    })
}
