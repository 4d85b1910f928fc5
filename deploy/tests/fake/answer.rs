//! The actions, as far as the client uses them, with the refusals that AWS documents.

use super::http::escape;
use super::{ARN, Change, ChangeSet, Effect, Refusal, Stack, World, compare, invalid, params_of, physical, resources};
use std::collections::BTreeMap;
use std::fmt::Write;

type Fields = BTreeMap<String, String>;

/// How many items a page has.
const PAGE: usize = 100;

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map(String::as_str).unwrap_or_default()
}

/// The members of a list.
fn members<'f>(fields: &'f Fields, name: &str) -> Vec<&'f str> {
    (1..).map_while(|index| fields.get(&format!("{name}.member.{index}"))).map(String::as_str).collect()
}

fn tag(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

fn maybe(name: &str, text: Option<&String>) -> String {
    text.map(|text| tag(name, text)).unwrap_or_default()
}

/// The cloud's clock as XML has it.
fn time(at: u64) -> String {
    let day = (at - 1_795_000_000) / 86_400;
    let (hour, minute, second) = (at / 3_600 % 24, at / 60 % 60, at % 60);
    format!("2026-11-{:02}T{hour:02}:{minute:02}:{second:02}.000Z", 18 + day)
}

/// A page of a list, and the token of the next.
fn page<T: Clone>(all: &[T], fields: &Fields) -> (Vec<T>, String) {
    let from: usize = field(fields, "NextToken").trim_start_matches("page-").parse().unwrap_or(0);
    let next = if from + PAGE < all.len() { tag("NextToken", &format!("page-{}", from + PAGE)) } else { String::new() };
    (all.iter().skip(from).take(PAGE).cloned().collect(), next)
}

impl World {
    /// Answers a call: what goes into its result.
    pub(super) fn act(&mut self, action: &str, fields: &Fields) -> Result<String, Refusal> {
        match action {
            "DescribeStacks" if field(fields, "StackName").is_empty() => {
                let there: Vec<String> = self.stacks.iter().filter(|stack| stack.status != "DELETE_COMPLETE").map(described).collect();
                let (stacks, next) = page(&there, fields);
                let stacks: String = stacks.iter().map(|stack| format!("<member>{stack}</member>")).collect();
                Ok(format!("<Stacks>{stacks}</Stacks>{next}"))
            }
            "DescribeStacks" => {
                let at = self.wanted(field(fields, "StackName"))?;
                self.tick(at);
                Ok(format!("<Stacks><member>{}</member></Stacks>", described(&self.stacks[at])))
            }
            "DescribeStackEvents" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let newest: Vec<_> = self.stacks[at].events.iter().rev().cloned().collect();
                let (events, next) = page(&newest, fields);
                let stack = &self.stacks[at];
                let mut text = String::from("<StackEvents>");
                for event in events {
                    let _ = write!(
                        text,
                        "<member>{}{}{}{}{}{}{}{}{}{}</member>",
                        tag("StackId", &stack.id),
                        tag("EventId", &event.id),
                        tag("StackName", &stack.name),
                        tag("LogicalResourceId", &event.name),
                        tag("PhysicalResourceId", &event.physical),
                        tag("ResourceType", &event.ty),
                        tag("Timestamp", &time(event.at)),
                        tag("ResourceStatus", &event.status),
                        maybe("ResourceStatusReason", event.reason.as_ref()),
                        tag("ClientRequestToken", &event.token),
                    );
                }
                Ok(format!("{text}</StackEvents>{next}"))
            }
            "ListStackResources" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let stack = &self.stacks[at];
                let (found, next) = page(&stack.resources, fields);
                let mut text = String::from("<StackResourceSummaries>");
                for there in found {
                    let id = physical(&stack.name, &there.name);
                    let parts = [
                        tag("LogicalResourceId", &there.name),
                        tag("PhysicalResourceId", &id),
                        tag("ResourceType", &there.ty),
                        tag("ResourceStatus", &there.status),
                    ];
                    let _ = write!(text, "<member>{}{}</member>", parts.concat(), tag("LastUpdatedTimestamp", &time(self.clock)));
                }
                Ok(format!("{text}</StackResourceSummaries>{next}"))
            }
            "GetTemplate" => {
                let at = self.wanted(field(fields, "StackName"))?;
                Ok(tag("TemplateBody", &self.stacks[at].template))
            }
            "CreateChangeSet" => self.create_change_set(fields),
            "DescribeChangeSet" => self.describe_change_set(fields),
            "ListChangeSets" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let id = &self.stacks[at].id;
                let sets = self.change_sets.iter().filter(|set| set.stack == *id);
                let text: String = sets.map(|set| format!("<member>{}{}</member>", tag("ChangeSetId", &set.id), tag("ChangeSetName", &set.name))).collect();
                Ok(format!("<Summaries>{text}</Summaries>"))
            }
            "DeleteChangeSet" => {
                let name = field(fields, "ChangeSetName");
                if self.change_sets.iter().any(|set| set.id == name) {
                    self.acts.push("DeleteChangeSet".to_owned());
                }
                self.change_sets.retain(|set| set.id != name);
                Ok(String::new())
            }
            "ExecuteChangeSet" => self.execute(fields),
            "DescribeEvents" => {
                let name = field(fields, "ChangeSetName");
                let Some(set) = self.change_sets.iter().find(|set| set.id == name) else {
                    return Err((404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist")));
                };
                let Some((resource, path, why)) = set.early else { return Ok("<OperationEvents/>".to_owned()) };
                let ty = resources(&set.template).into_iter().find(|(name, _)| name == resource).map(|(_, ty)| ty).unwrap_or_default();
                let parts = [
                    tag("EventId", "event-early"),
                    tag("StackId", &set.stack),
                    tag("EventType", "VALIDATION_ERROR"),
                    tag("LogicalResourceId", resource),
                    tag("ResourceType", &ty),
                    tag("ValidationName", "PROPERTY_VALIDATION"),
                    tag("ValidationStatus", "FAILED"),
                    tag("ValidationStatusReason", why),
                    tag("ValidationPath", &format!("/Resources/{resource}/{path}")),
                ];
                Ok(format!("<OperationEvents><member>{}</member></OperationEvents>", parts.concat()))
            }
            "DeleteStack" => self.delete_stack(fields),
            "ContinueUpdateRollback" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let status = self.stacks[at].status.clone();
                if status != "UPDATE_ROLLBACK_FAILED" {
                    return Err(
                        self.again("ContinueUpdateRollback", invalid(format!("Stack:{} is in {status} state and can not be rolled back", self.stacks[at].id)))
                    );
                }
                let skip: Vec<String> = members(fields, "ResourcesToSkip").into_iter().map(str::to_owned).collect();
                let skipped = if skip.is_empty() { String::new() } else { format!(" skipping {}", skip.join(",")) };
                self.acts.push(format!("ContinueUpdateRollback{skipped}"));
                self.stacks[at].token = field(fields, "ClientRequestToken").to_owned();
                self.state(at, "UPDATE_ROLLBACK_IN_PROGRESS", Some("User Initiated".to_owned()));
                let blocked = self.script.fail.filter(|(name, _)| self.script.rollback_fails && !skip.iter().any(|skipped| skipped == name));
                let mut timeline = Vec::new();
                match blocked {
                    Some((name, _)) => {
                        let ty = self.stacks[at].resources.iter().find(|there| there.name == name).map(|there| there.ty.clone()).unwrap_or_default();
                        let reason = Some("The way back is blocked as well".to_owned());
                        timeline.push(vec![Effect::Resource { name: name.to_owned(), ty, status: "UPDATE_FAILED", reason }]);
                        timeline.push(vec![Effect::Stack { status: "UPDATE_ROLLBACK_FAILED", reason: None }]);
                    }
                    None => timeline.push(vec![Effect::Back, Effect::Stack { status: "UPDATE_ROLLBACK_COMPLETE", reason: None }]),
                }
                self.stacks[at].timeline.extend(timeline);
                Ok(String::new())
            }
            "CancelUpdateStack" => {
                let at = self.wanted(field(fields, "StackName"))?;
                if self.stacks[at].status != "UPDATE_IN_PROGRESS" {
                    return Err(self.again("CancelUpdateStack", invalid("CancelUpdateStack cannot be called from current stack status")));
                }
                self.acts.push("CancelUpdateStack".to_owned());
                self.stacks[at].timeline.clear();
                self.state(at, "UPDATE_ROLLBACK_IN_PROGRESS", Some("User Initiated".to_owned()));
                self.stacks[at].timeline.extend([
                    Vec::new(),
                    Vec::new(),
                    vec![Effect::Back, Effect::Stack { status: "UPDATE_ROLLBACK_COMPLETE", reason: None }],
                ]);
                Ok(String::new())
            }
            "GetStackPolicy" => {
                let at = self.wanted(field(fields, "StackName"))?;
                Ok(maybe("StackPolicyBody", self.stacks[at].policy.as_ref()))
            }
            "SetStackPolicy" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let policy = field(fields, "StackPolicyBody").to_owned();
                self.acts.push(format!("SetStackPolicy protecting {}", policy.matches("LogicalResourceId/").count()));
                self.stacks[at].policy = Some(policy);
                Ok(String::new())
            }
            "GetCallerIdentity" => Ok(tag("Account", if self.account.is_empty() { "123456789012" } else { &self.account })),
            "UpdateTerminationProtection" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let on = field(fields, "EnableTerminationProtection") == "true";
                if self.stacks[at].protected != on {
                    self.acts.push(format!("UpdateTerminationProtection {on}"));
                }
                self.stacks[at].protected = on;
                Ok(tag("StackId", &self.stacks[at].id))
            }
            "DetectStackDrift" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let number = self.number();
                let id = format!("drift-{number:06}");
                self.drifts.push(self.stacks[at].id.clone());
                Ok(tag("StackDriftDetectionId", &id))
            }
            "DescribeStackDriftDetectionStatus" => {
                self.clock += 10;
                let done = self.calls.iter().filter(|call| *call == "DescribeStackDriftDetectionStatus").count() > 1;
                let parts = [
                    tag("StackId", self.drifts.last().map(String::as_str).unwrap_or_default()),
                    tag("StackDriftDetectionId", field(fields, "StackDriftDetectionId")),
                    tag("DetectionStatus", if done { "DETECTION_COMPLETE" } else { "DETECTION_IN_PROGRESS" }),
                    tag("Timestamp", &time(self.clock)),
                ];
                Ok(parts.concat())
            }
            "DescribeStackResourceDrifts" => {
                let at = self.wanted(field(fields, "StackName"))?;
                let stack = &self.stacks[at];
                let mut text = String::from("<StackResourceDrifts>");
                for there in &stack.resources {
                    let drifts: Vec<_> = self.script.drift.iter().filter(|(name, ..)| *name == there.name).collect();
                    let gone = drifts.iter().any(|(_, property, ..)| property.is_empty());
                    let status = if drifts.is_empty() {
                        "IN_SYNC"
                    } else if gone {
                        "DELETED"
                    } else {
                        "MODIFIED"
                    };
                    let differences: String = drifts
                        .iter()
                        .filter(|(_, property, ..)| !property.is_empty())
                        .map(|(_, property, old, new)| {
                            let parts = [
                                tag("PropertyPath", &format!("/{property}")),
                                tag("ExpectedValue", old),
                                tag("ActualValue", new),
                                tag("DifferenceType", "NOT_EQUAL"),
                            ];
                            format!("<member>{}</member>", parts.concat())
                        })
                        .collect();
                    let parts = [
                        tag("StackId", &stack.id),
                        tag("LogicalResourceId", &there.name),
                        tag("ResourceType", &there.ty),
                        tag("StackResourceDriftStatus", status),
                        tag("Timestamp", &time(self.clock)),
                    ];
                    let _ = write!(text, "<member>{}<PropertyDifferences>{differences}</PropertyDifferences></member>", parts.concat());
                }
                Ok(format!("{text}</StackResourceDrifts>"))
            }
            other => Err((400, "InvalidAction", format!("Could not find operation {other}"))),
        }
    }

    /// Notes a call that came again after its act.
    fn again(&mut self, action: &str, refusal: Refusal) -> Refusal {
        self.acts.push(format!("refused {action}"));
        refusal
    }

    fn create_change_set(&mut self, fields: &Fields) -> Result<String, Refusal> {
        let (name, wanted) = (field(fields, "ChangeSetName"), field(fields, "StackName"));
        self.template_url = field(fields, "TemplateURL").to_owned();
        let place = self.template_url.split('?').next().unwrap_or_default();
        let laid_down = place.split('/').skip(3).collect::<Vec<_>>().join("/");
        let laid_down = laid_down.split_once('/').and_then(|(bucket, key)| self.buckets.get(bucket)?.get(key).cloned());
        let template = laid_down.unwrap_or_else(|| field(fields, "TemplateBody").to_owned());
        if field(fields, "TemplateBody").len() > 51_200 {
            return Err(invalid(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200",
            ));
        }
        let iam = resources(&template).iter().any(|(_, ty)| ty.starts_with("AWS::IAM::"));
        if iam && members(fields, "Capabilities").is_empty() {
            return Err((400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]".to_owned()));
        }
        let creates = field(fields, "ChangeSetType") == "CREATE";
        if let Some(status) = self.script.meanwhile.take() {
            self.stack(wanted).status = status.to_owned();
        }
        let there = self.find(wanted);
        if creates && there.is_some_and(|at| self.stacks[at].status != "REVIEW_IN_PROGRESS") {
            return Err(invalid(format!("Stack [{wanted}] already exists and cannot be created again with the changeSet [{name}].")));
        }
        if !creates && there.is_none() {
            return Err(invalid(format!("Stack [{wanted}] does not exist")));
        }
        let fit = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "REVIEW_IN_PROGRESS", "CREATE_FAILED", "UPDATE_FAILED"];
        if let Some(at) = there.filter(|at| !fit.contains(&self.stacks[*at].status.as_str())) {
            return Err(invalid(format!("Stack:{} is in {} state and can not be updated.", self.stacks[at].id, self.stacks[at].status)));
        }
        if self.change_sets.iter().any(|set| set.name == name) {
            return Err(self.again("CreateChangeSet", (400, "AlreadyExistsException", format!("ChangeSet {name} already exists"))));
        }
        let mut params: Fields = BTreeMap::new();
        for index in 1.. {
            let Some(key) = fields.get(&format!("Parameters.member.{index}.ParameterKey")) else { break };
            let value = match fields.get(&format!("Parameters.member.{index}.ParameterValue")) {
                Some(value) => value.clone(),
                None => there.and_then(|at| self.stacks[at].params.get(key).cloned()).ok_or_else(|| {
                    invalid(format!(
                        "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a parameter key not in the previous template"
                    ))
                })?,
            };
            params.insert(key.clone(), value);
        }
        let mut missing = Vec::new();
        for (key, param) in params_of(&template) {
            match (params.contains_key(&key), param.get("Default")) {
                (true, _) => {}
                (false, Some(default)) => {
                    params.insert(key, default.as_str().map_or_else(|| default.to_string(), str::to_owned));
                }
                (false, None) => missing.push(key),
            }
        }
        if !missing.is_empty() {
            return Err(invalid(format!("Parameters: [{}] must have values", missing.join(", "))));
        }
        self.acts.push(format!("CreateChangeSet {}", field(fields, "ChangeSetType")));
        let at = there.unwrap_or_else(|| {
            let number = self.number();
            self.stacks.push(Stack { name: wanted.to_owned(), id: format!("{ARN}:stack/{wanted}/{number:08}"), ..Stack::default() });
            let at = self.stacks.len() - 1;
            self.state(at, "REVIEW_IN_PROGRESS", Some("User Initiated".to_owned()));
            at
        });
        let stack = self.stacks[at].clone();
        let mut changes = compare(&stack.template, &stack.params, &template, &params, &self.script.create_only);
        // What was never made is made when what failed is gone on with.
        if matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
            let there = |name: &str| stack.resources.iter().any(|resource| resource.name == name && resource.status.ends_with("_COMPLETE"));
            for (name, ty) in resources(&template).into_iter().filter(|(name, _)| !there(name)) {
                changes.retain(|change| change.name != name);
                changes.push(Change { action: "Add", name, ty, replacement: "", policy: None, details: Vec::new() });
            }
        }
        let reverts = field(fields, "DeploymentMode") == "REVERT_DRIFT";
        // What somebody changed goes back to what was deployed; what somebody removed is made again.
        for (name, property, deployed, there) in self.script.drift.iter().filter(|_| reverts) {
            let ty = resources(&template).into_iter().find(|(known, _)| known == name).map(|(_, ty)| ty).unwrap_or_default();
            let details = vec![((*property).to_owned(), (*there).to_owned(), (*deployed).to_owned(), false)];
            let (action, details) = if property.is_empty() { ("Add", Vec::new()) } else { ("Modify", details) };
            changes.push(Change { action, name: (*name).to_owned(), ty, replacement: "", policy: None, details });
        }
        let number = self.number();
        let id = format!("{ARN}:changeSet/{name}/{number:08}");
        let outputs = |template: &str| super::parse(template)["Outputs"].clone();
        let same = changes.is_empty() && outputs(&template) == outputs(&stack.template);
        let early = self.script.early;
        let (status, reason) = match (same, early) {
            (true, _) => ("FAILED", Some("The submitted information didn't contain changes. Submit different information to create a change set.".to_owned())),
            (_, Some(_)) => ("FAILED", Some("The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information.".to_owned())),
            _ => ("CREATE_COMPLETE", None),
        };
        let execution = if status == "FAILED" { "UNAVAILABLE" } else { "AVAILABLE" };
        self.change_sets.push(ChangeSet {
            id: id.clone(),
            name: name.to_owned(),
            stack: stack.id.clone(),
            template,
            params,
            creates,
            stays: field(fields, "OnStackFailure") == "DO_NOTHING",
            status,
            reason,
            execution,
            changes,
            early,
            reverts,
            looks: 0,
        });
        Ok(format!("{}{}", tag("Id", &id), tag("StackId", &stack.id)))
    }

    fn describe_change_set(&mut self, fields: &Fields) -> Result<String, Refusal> {
        let name = field(fields, "ChangeSetName");
        let Some(set) = self.change_sets.iter_mut().find(|set| set.id == name || set.name == name) else {
            return Err((404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist")));
        };
        set.looks += 1;
        let status = if set.looks == 1 { "CREATE_IN_PROGRESS" } else { set.status };
        let (changes, next) = page(&set.changes, fields);
        let mut text = String::from("<Changes>");
        for change in changes.iter().filter(|_| status == "CREATE_COMPLETE") {
            let details: String = change
                .details
                .iter()
                .map(|(property, old, new, replaces)| {
                    let parts = [
                        tag("Attribute", "Properties"),
                        tag("Name", property),
                        tag("RequiresRecreation", if *replaces { "Always" } else { "Never" }),
                        tag("Path", &format!("/Properties/{property}")),
                        if old == "null" { String::new() } else { tag("BeforeValue", old) },
                        if new == "null" { String::new() } else { tag("AfterValue", new) },
                        tag("AttributeChangeType", "Modify"),
                    ];
                    format!("<member><Target>{}</Target>{}{}</member>", parts.concat(), tag("Evaluation", "Static"), tag("ChangeSource", "DirectModification"))
                })
                .collect();
            let replacement = if change.replacement.is_empty() { String::new() } else { tag("Replacement", change.replacement) };
            let policy = change.policy.map(|policy| tag("PolicyAction", policy)).unwrap_or_default();
            let parts = [tag("Action", change.action), tag("LogicalResourceId", &change.name), tag("ResourceType", &change.ty), replacement, policy];
            let _ = write!(text, "<member><Type>Resource</Type><ResourceChange>{}<Details>{details}</Details></ResourceChange></member>", parts.concat());
        }
        let parts = [
            tag("ChangeSetName", &set.name),
            tag("ChangeSetId", &set.id),
            tag("StackId", &set.stack),
            tag("Status", status),
            maybe("StatusReason", set.reason.as_ref()),
            tag("ExecutionStatus", set.execution),
        ];
        Ok(format!("{}{text}</Changes>{next}", parts.concat()))
    }

    fn execute(&mut self, fields: &Fields) -> Result<String, Refusal> {
        let name = field(fields, "ChangeSetName");
        let Some(place) = self.change_sets.iter().position(|set| set.id == name) else {
            return Err((404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist")));
        };
        if self.change_sets[place].execution != "AVAILABLE" {
            let execution = self.change_sets[place].execution;
            return Err(self.again(
                "ExecuteChangeSet",
                (400, "InvalidChangeSetStatus", format!("ChangeSet [{name}] cannot be executed in its current execution status of [{execution}]")),
            ));
        }
        let set = self.change_sets[place].clone();
        let at = self.wanted(&set.stack)?;
        let status = self.stacks[at].status.clone();
        if status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" {
            return Err(invalid(format!("Stack:{} is in {status} state and can not be updated.", set.stack)));
        }
        // What never came up has nothing to go back to.
        let stays = set.stays || field(fields, "DisableRollback") == "true";
        if !stays && matches!(status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
            return Err(invalid(format!("Stack:{} is in {status} state, and would be rolled back by what is no update with rollback disabled.", set.stack)));
        }
        self.acts.push("ExecuteChangeSet".to_owned());
        if self.change_sets[place].reverts {
            self.script.drift.clear();
        }
        self.change_sets[place].execution = "EXECUTE_IN_PROGRESS";
        // The others are of no use once one was executed.
        self.change_sets.retain(|other| other.stack != set.stack || other.id == set.id);
        let before = self.stacks[at].clone();
        let stack = &mut self.stacks[at];
        stack.before = Some(Box::new(before));
        stack.change_set = Some(set.id.clone());
        stack.template.clone_from(&set.template);
        stack.params.clone_from(&set.params);
        stack.token = field(fields, "ClientRequestToken").to_owned();
        stack.looks = 0;
        self.state(at, if set.creates { "CREATE_IN_PROGRESS" } else { "UPDATE_IN_PROGRESS" }, Some("User Initiated".to_owned()));
        self.plan_execution(at, &set.changes, set.creates, stays);
        Ok(String::new())
    }

    fn delete_stack(&mut self, fields: &Fields) -> Result<String, Refusal> {
        // Deleting what is not there is no fault, as on AWS.
        let Some(at) = self.find(field(fields, "StackName")) else { return Ok(String::new()) };
        let status = self.stacks[at].status.clone();
        if status == "DELETE_COMPLETE" {
            return Ok(String::new());
        }
        let name = self.stacks[at].name.clone();
        if self.stacks[at].protected {
            return Err(invalid(format!("Stack [{name}] cannot be deleted while TerminationProtection is enabled")));
        }
        if status == "DELETE_IN_PROGRESS" {
            self.acts.push("refused DeleteStack".to_owned());
            return Ok(String::new());
        }
        let retain: Vec<String> = members(fields, "RetainResources").into_iter().map(str::to_owned).collect();
        if !retain.is_empty() && status != "DELETE_FAILED" {
            return Err(invalid(format!(
                "Invalid operation on stack [{name}]. RetainResources can only be specified when the stack is in the DELETE_FAILED state."
            )));
        }
        let kept = if retain.is_empty() { String::new() } else { format!(" retaining {}", retain.join(",")) };
        self.acts.push(format!("DeleteStack{kept}"));
        let id = self.stacks[at].id.clone();
        self.change_sets.retain(|set| set.stack != id);
        self.stacks[at].token = field(fields, "ClientRequestToken").to_owned();
        if status == "REVIEW_IN_PROGRESS" {
            self.state(at, "DELETE_COMPLETE", None);
            return Ok(String::new());
        }
        self.state(at, "DELETE_IN_PROGRESS", Some("User Initiated".to_owned()));
        self.plan_deletion(at, &retain);
        Ok(String::new())
    }
}

fn described(stack: &Stack) -> String {
    let hidden: Vec<String> =
        params_of(&stack.template).into_iter().filter(|(_, param)| param["NoEcho"].as_bool() == Some(true)).map(|(name, _)| name).collect();
    let params: String = stack
        .params
        .iter()
        .map(|(name, value)| {
            format!("<member>{}{}</member>", tag("ParameterKey", name), tag("ParameterValue", if hidden.contains(name) { "****" } else { value }))
        })
        .collect();
    let outputs: String = if stack.status.contains("COMPLETE") {
        let template = super::parse(&stack.template);
        let outputs = template["Outputs"].as_object().into_iter().flatten();
        outputs
            .map(|(name, output)| {
                let handle = output["Value"]["Fn::Sub"].as_str().filter(|text| text.starts_with("{\"kind\""));
                let value = handle.map_or_else(|| format!("{}.example", name.to_lowercase()), |text| substituted(text, &stack.name));
                format!("<member>{}{}</member>", tag("OutputKey", name), tag("OutputValue", &value))
            })
            .collect()
    } else {
        String::new()
    };
    let parts = [
        tag("StackId", &stack.id),
        tag("StackName", &stack.name),
        tag("StackStatus", &stack.status),
        maybe("StackStatusReason", stack.reason.as_ref()),
        maybe("ChangeSetId", stack.change_set.as_ref()),
        maybe("Description", super::parse(&stack.template)["Description"].as_str().map(str::to_owned).as_ref()),
        tag("CreationTime", "2026-11-18T08:26:40.000Z"),
        tag("EnableTerminationProtection", if stack.protected { "true" } else { "false" }),
    ];
    format!("{}<Parameters>{params}</Parameters><Outputs>{outputs}</Outputs>", parts.concat())
}

/// What the references in a text come to.
fn substituted(text: &str, stack: &str) -> String {
    let mut found = String::new();
    for (index, piece) in text.split("${").enumerate() {
        let Some((name, rest)) = piece.split_once('}').filter(|_| index > 0) else {
            found.push_str(piece);
            continue;
        };
        found.push_str(&if name == "AWS::Region" { "eu-west-1".to_owned() } else { super::physical(stack, &name.replace('.', "-")) });
        found.push_str(rest);
    }
    found
}
