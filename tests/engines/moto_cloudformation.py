"""A CloudFormation for moto that does what it says: moto's own keeps stacks, change sets, parameters and policies and
resolves the functions of a template; what is done with resources, and in which order, is here and in moto_resources.
"""

import itertools
import json
import sys
import threading

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto_resources import KINDS, Properties, free_name

NUMBERS = itertools.count()
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


class Resource:
    """A resource of a stack, as `Ref` and `Fn::GetAtt` see it."""

    def __init__(self, name, kind, properties, id, attributes):
        self.logical_resource_id, self.cf_resource_type, self.physical_resource_id = name, kind, id
        self.properties, self.attributes, self.status, self.at = properties, attributes, "CREATE_COMPLETE", utcnow()

    def get_cfn_attribute(self, name):
        if name not in self.attributes:
            raise ValidationError(message=f"Requested attribute {name} does not exist in schema for {self.cf_resource_type}")
        return self.attributes[name]


class Planned(Resource):
    """One that is yet to be made: nothing of it is known."""

    def __init__(self, name, kind):
        super().__init__(name, kind, {}, UNKNOWN, {})

    def get_cfn_attribute(self, name):
        return UNKNOWN


class Resources(parsing.ResourceMap):
    """moto's makes a resource whenever somebody looks at it; this one holds what is there."""

    def __init__(self, *args, **kwargs):
        # What is there, and what a removal of the stack has taken out of it already, which AWS goes on listing.
        self.made, self.gone = {}, []
        super().__init__(*args, **kwargs)

    def __getitem__(self, name):
        return self.made[name] if name in self.made else self._parsed_resources[name]

    def __iter__(self):
        return iter(self.made)

    def __len__(self):
        return len(self.made)

    def validate_outputs(self):
        """moto asks its own classes; here the outputs are worked out at the end of each operation, and fail it."""

    def take(self, template, parameters):
        """From now on, this template and these parameters hold."""
        self._template, self._resource_json_map, self.input_parameters = template, template.get("Resources", {}), parameters
        for name in self.resolved_parameters:
            self._parsed_resources.pop(name, None)
        self.resolved_parameters = {}
        self.load()

    def properties(self, name):
        return parsing.clean_json(self._resource_json_map[name].get("Properties", {}), self)

    def deletion(self, name):
        return self._resource_json_map.get(name, {}).get("DeletionPolicy", "Delete")


def references(value):
    """The names that a part of a template refers to."""
    if isinstance(value, list):
        return [name for part in value for name in references(part)]
    if not isinstance(value, dict):
        return []
    found = []
    for key, inner in value.items():
        if key == "Ref":
            found.append(inner)
        elif key == "Fn::GetAtt":
            found.append(inner[0])
        elif key == "Fn::Sub":
            text, own = inner if isinstance(inner, list) else (inner, {})
            pieces = [piece.partition("}")[0] for piece in text.split("${")[1:]]
            found += [piece.partition(".")[0] for piece in pieces if piece not in own and not piece.startswith("!")]
            found += references(list(own.values()))
        else:
            found += references(inner)
    return found


def needs(resource):
    """What a resource waits for."""
    named = resource.get("DependsOn", [])
    return references(resource.get("Properties", {})) + ([named] if isinstance(named, str) else named)


def order(resources):
    """Each resource behind those that it needs."""
    found, waiting = [], {name: set(needs(resource)) & set(resources) for name, resource in resources.items()}
    while waiting:
        ready = [name for name, others in waiting.items() if others <= set(found)]
        if not ready:
            raise ValidationError(message=f"Circular dependency between resources: [{', '.join(waiting)}]")
        found.append(ready[0])
        del waiting[ready[0]]
    return found


def check(template):
    """What AWS refuses before it makes a change set."""
    resources, parameters = template["Resources"], template.get("Parameters", {})
    unknown = sorted({resource["Type"] for resource in resources.values()} - set(KINDS))
    if unknown:
        raise ValidationError(message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")
    used = {
        "Resources": [name for resource in resources.values() for name in needs(resource)],
        "Outputs": references(template.get("Outputs", {})),
    }
    for part, names in used.items():
        lost = sorted({name for name in names if name not in {*resources, *parameters} and not name.startswith("AWS::")})
        if lost:
            what = f"Unresolved resource dependencies [{', '.join(lost)}] in the {part} block of the template"
            raise ValidationError(message=f"Template format error: {what}")
    order(resources)


def leaves(old, new, path):
    """Where two values differ, as deep as they are of one shape."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from leaves(old.get(key), new.get(key), f"{path}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new)):
            yield from leaves(before, after, f"{path}/{index}")
    elif old != new:
        yield path, old, new


def text(value, secrets):
    value = value if isinstance(value, str) else json.dumps(value)
    return "****" if value in secrets else value


def drifted(resource):
    """What a resource is like now, where its type can be read and it is no longer as it was deployed; none where it is gone."""
    read = KINDS[resource.cf_resource_type].live
    try:
        found = read(resource.physical_resource_id, resource.properties)
    except Exception:  # each service says in its own way that there is none
        return None
    return {key: value for key, value in found.items() if resource.properties.get(key) != value}


def now(change_set, resource):
    """The properties that a change set starts from: those of the last deployment, or with what others have changed since."""
    if not change_set.stack.reverts or KINDS[resource.cf_resource_type].live is None:
        return resource.properties
    return {**resource.properties, **(drifted(resource) or {})}


def differences(self):
    """The changes of a change set; moto's knows neither parameters nor what a replacement brings with it."""
    there, template = self.stack.resource_map, self.template_dict
    view = models.Stack._create_resource_map(self.stack)
    view.made = dict(there.made)
    view.take(template, self.parameters)
    secrets = [view.resolved_parameters[name] for name in view.no_echo_parameter_keys]
    secrets += [there.resolved_parameters[name] for name in getattr(there, "no_echo_parameter_keys", [])]
    found = []
    for name in order(template["Resources"]):
        resource = template["Resources"][name]
        kind, old = KINDS[resource["Type"]], there.made.get(name)
        change = {"LogicalResourceId": name, "ResourceType": kind.name}
        if old is None:
            view.made[name] = Planned(name, kind.name)
            found.append({**change, "Action": "Add"})
            continue
        details = []
        for path, before, after in leaves(now(self, old), view.properties(name), "/Properties"):
            again = "Always" if path.split("/")[2] in kind.replaces else "Never"
            target = {"Attribute": "Properties", "Name": path.split("/")[2], "RequiresRecreation": again, "Path": path}
            values = {side: text(value, secrets) for side, value in (("BeforeValue", before), ("AfterValue", after)) if value is not None}
            details.append({"Target": {**target, **values}, "Evaluation": "Static", "ChangeSource": "DirectModification"})
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            before, after = there._resource_json_map[name].get(policy), resource.get(policy)
            if before != after:
                values = {side: value for side, value in (("BeforeValue", before), ("AfterValue", after)) if value}
                details.append({"Target": {"Attribute": policy, **values}, "Evaluation": "Static", "ChangeSource": "DirectModification"})
        if not details:
            continue
        again = any(detail["Target"].get("RequiresRecreation") == "Always" for detail in details)
        if again:
            view.made[name] = Planned(name, kind.name)
            change["PolicyAction"] = "ReplaceAnd" + resource.get("UpdateReplacePolicy", "Delete")
        change.update(Action="Modify", PhysicalResourceId=old.physical_resource_id, Replacement="True" if again else "False")
        found.append({**change, "Scope": sorted({detail["Target"]["Attribute"] for detail in details}), "Details": details})
    for name, old in there.made.items():
        if name not in template["Resources"]:
            fate = there.deletion(name).replace("RetainExceptOnCreate", "Retain")
            gone = {"LogicalResourceId": name, "ResourceType": old.cf_resource_type, "PhysicalResourceId": old.physical_resource_id}
            found.append({**gone, "Action": "Remove", "PolicyAction": fate})
    return found


class Failed(Exception):
    """An operation failed at a resource, and its event is written."""


# The change sets of which what was made stays when they fail.
STAYS = set()


def failure(creates, error):
    return f"The following resource(s) failed to {'create' if creates else 'update'}: [{error}]." if isinstance(error, Failed) else str(error)


class Operation:
    """What is done with a stack, resource by resource, each with its events, in a thread of its own as on AWS."""

    def __init__(self, stack):
        self.stack, self.there, self.undo = stack, stack.resource_map, []

    def event(self, name, kind, status, id="", reason=None):
        stack = self.stack
        stack.events.append(models.Event(stack.stack_id, stack.name, name, id, kind, status, reason, None))

    def whole(self, status, reason=None):
        """The stack's own state. Its event comes first: who sees the state must find the event."""
        stack = self.stack
        self.event(stack.name, "AWS::CloudFormation::Stack", status, stack.stack_id, reason)
        stack.status, stack.stack_status_reason = status, reason

    def doing(self, word, name, kind, id, what):
        """Does something with a resource; gives what it gives, or fails with the service's own words."""
        self.event(name, kind, f"{word}_IN_PROGRESS", id)
        try:
            return what()
        except Exception as error:  # whatever a service or a client says is why the resource failed
            reason = f'Resource handler returned message: "{error}" (HandlerErrorCode: GeneralServiceException)'
            self.event(name, kind, f"{word}_FAILED", id, reason)
            if name in self.there.made:
                self.there.made[name].status = f"{word}_FAILED"
            raise Failed(name) from error

    def make(self, name, kind, word):
        def create():
            properties = self.there.properties(name)
            asked = Properties(properties)
            id, attributes = kind.create(asked, free_name(self.stack.name, name, next(NUMBERS)))
            # What is made is known before anything can still fail, so that a rollback finds it.
            made.append(Resource(name, kind.name, properties, id, attributes))
            if self.there.deletion(name) != "Retain":
                self.undo.append(lambda: self.remove(made[0]))
            asked.check(kind.name)

        made = []
        self.doing(word, name, kind.name, "", create)
        self.there.made[name] = made[0]
        self.event(name, kind.name, f"{word}_COMPLETE", made[0].physical_resource_id)

    def alter(self, old, kind, before, properties):
        if kind.update is None:
            raise ValueError(f"moto_resources cannot change {kind.name}")
        kind.update(old.physical_resource_id, before, Properties(properties))
        old.properties, old.at = properties, utcnow()
        self.undo.append(lambda: self.unalter(old, kind, before, properties))

    def unalter(self, old, kind, before, properties):
        kind.update(old.physical_resource_id, properties, Properties(before))
        old.properties = before

    def remove(self, resource):
        name, kind, id = resource.logical_resource_id, resource.cf_resource_type, resource.physical_resource_id
        self.doing("DELETE", name, kind, id, lambda: KINDS[kind].delete(id, resource.properties))
        if self.there.made.get(name) is resource:
            del self.there.made[name]
        self.event(name, kind, "DELETE_COMPLETE", id)

    def execute(self, change_set):
        creates, template = change_set.change_set_type == "CREATE", change_set.template_dict
        before = (self.there._template, self.there.input_parameters)
        old, replaced = dict(self.there.made), []
        word = "CREATE" if creates else "UPDATE"
        try:
            self.there.take(template, change_set.parameters)
            for name in order(template["Resources"]):
                kind, there = KINDS[template["Resources"][name]["Type"]], old.get(name)
                if there is None:
                    self.make(name, kind, "CREATE")
                    continue
                properties, before_this = self.there.properties(name), now(change_set, there)
                changed = {key for key in {*before_this, *properties} if before_this.get(key) != properties.get(key)}
                if changed & kind.replaces:
                    replaced.append(there)
                    self.make(name, kind, "UPDATE")
                elif changed:
                    self.doing("UPDATE", name, kind.name, there.physical_resource_id, lambda: self.alter(there, kind, before_this, properties))
                    there.status = "UPDATE_COMPLETE"
                    self.event(name, kind.name, "UPDATE_COMPLETE", there.physical_resource_id)
            outputs = models.OutputMap(self.there, template, self.stack.stack_id)
            list(outputs.values())
        except Exception as error:  # an output that cannot be worked out fails the stack, as a resource does
            if STAYS & {change_set.change_set_name, change_set.change_set_id}:
                self.stack.template, self.stack.template_dict, self.stack.parameters = change_set.template, template, change_set.parameters
                self.whole(f"{word}_FAILED", failure(creates, error))
            else:
                self.back(creates, old, before, error)
            return
        self.stack.template, self.stack.template_dict, self.stack.parameters = change_set.template, template, change_set.parameters
        self.stack.output_map, self.stack.last_updated_time = outputs, None if creates else utcnow()
        gone = [resource for name, resource in old.items() if name not in template["Resources"]]
        if not creates:
            self.whole("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for resource in replaced + gone[::-1]:
            kept = before[0]["Resources"][resource.logical_resource_id]
            policy = kept.get("UpdateReplacePolicy" if resource in replaced else "DeletionPolicy", "Delete")
            if policy.startswith("Retain"):
                self.event(resource.logical_resource_id, resource.cf_resource_type, "DELETE_SKIPPED", resource.physical_resource_id)
                if resource in gone:
                    del self.there.made[resource.logical_resource_id]
            else:
                self.remove(resource)
        change_set.execution_status = "EXECUTE_COMPLETE"
        self.whole(f"{word}_COMPLETE")

    def back(self, creates, old, before, error):
        """Back to what was: the last step first."""
        word = "ROLLBACK" if creates else "UPDATE_ROLLBACK"
        self.whole(f"{word}_IN_PROGRESS", f"{failure(creates, error)} Rollback requested by user.")
        failed = []
        for step in reversed(self.undo):
            try:
                step()
            except Exception as again:  # the others go back all the same
                failed.append(str(again))
        if failed:
            self.whole(f"{word}_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}].")
            return
        self.there.made = old
        if not creates:
            self.there.take(*before)
        self.whole(f"{word}_COMPLETE")

    def delete(self, retain):
        """Those that nobody needs go first; what a failed one needs stays with it."""
        resources, stay, failed = self.there._resource_json_map, set(), []
        for name in reversed(order(resources)):
            there = self.there.made.get(name)
            if there is None:
                continue
            if name in retain or self.there.deletion(name).startswith("Retain"):
                self.event(name, there.cf_resource_type, "DELETE_SKIPPED", there.physical_resource_id)
                there.status = "DELETE_SKIPPED"
                self.there.gone.append(self.there.made.pop(name))
                continue
            if name in stay:
                stay.update(needs(resources[name]))
                continue
            try:
                self.remove(there)
                there.status = "DELETE_COMPLETE"
                self.there.gone.append(there)
            except Failed:
                failed.append(name)
                stay.update(needs(resources[name]))
        if failed:
            self.whole("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}].")
            return
        backend, id = models.cloudformation_backends[self.stack.account_id][self.stack.region_name], self.stack.stack_id
        backend.deleted_stacks = {**backend.deleted_stacks, id: self.stack}
        # Another name for what is left: a request may be going through it just now.
        backend.stacks = {other: stack for other, stack in backend.stacks.items() if other != id}
        self.whole("DELETE_COMPLETE")


def create_change_set(self, stack_name, change_set_name, template, parameters, description, change_set_type, notification_arns=None, tags=None, role_arn=None):
    """moto makes a second stack of a name for a change set that creates, and looks for changes in the template's text alone."""
    check(models.Stack.parse_template(template))
    there = next((stack for stack in self.stacks.values() if stack.name == stack_name), None)
    creates = change_set_type == "CREATE"
    if there is None and creates:
        stack_id = models.generate_stack_id(stack_name, self.region_name, self.account_id)
        there = models.Stack(stack_id, stack_name, {}, parameters, self.account_id, self.region_name, notification_arns, tags, role_arn)
        self.stacks[stack_id] = there
        Operation(there).whole("REVIEW_IN_PROGRESS", "User Initiated")
    elif creates and there.status != "REVIEW_IN_PROGRESS":
        raise AlreadyExistsException(f"Stack [{stack_name}] already exists and cannot be created again with the changeSet [{change_set_name}].")
    elif not creates and there.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_FAILED"):
        raise ValidationError(message=f"Stack:{there.stack_id} is in {there.status} state and can not be updated.")
    id = models.generate_changeset_id(change_set_name, self.region_name, self.account_id)
    made = models.ChangeSet(change_set_type, id, change_set_name, there, template, parameters, description, notification_arns, tags, role_arn)
    same = not creates and not made.changes and there.template_dict.get("Outputs") == made.template_dict.get("Outputs")
    made.status, made.execution_status = ("FAILED", "UNAVAILABLE") if same else ("CREATE_COMPLETE", "AVAILABLE")
    made.status_reason = NOTHING if same else None
    self.change_sets[id] = made
    return id, there.stack_id


def execute_change_set(self, change_set_name, stack_name=None):
    change_set = self.describe_change_set(change_set_name)
    if change_set.execution_status != "AVAILABLE":
        error = ValidationError(message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current status of [{change_set.status}]")
        error.code = "InvalidChangeSetStatus"
        raise error
    change_set.execution_status = "EXECUTE_IN_PROGRESS"
    begin(change_set.stack, change_set.change_set_type, "execute", change_set)


def delete_stack(self, name, retain=()):
    there = next((stack for stack in self.stacks.values() if name in (stack.stack_id, stack.name)), None)
    if there is None:
        return
    if there.enable_termination_protection:
        raise ValidationError(message=f"Stack [{there.name}] cannot be deleted while TerminationProtection is enabled")
    begin(there, "DELETE", "delete", set(retain))


def begin(stack, word, what, *arguments):
    operation = Operation(stack)
    operation.whole(f"{word}_IN_PROGRESS", "User Initiated")
    threading.Thread(target=getattr(operation, what), args=arguments, daemon=True).start()


def parameter_list(self):
    """moto looks for the secret ones by their values, and so shows them."""
    hidden = getattr(self.resource_map, "no_echo_parameter_keys", [])
    shown = list(self.resource_map.resolved_parameters.items())
    return [{"ParameterKey": name, "ParameterValue": "****" if name in hidden else str(value)} for name, value in shown]


def answer_delete(self):
    self.cloudformation_backend.delete_stack(self._get_param("StackName"), self._get_param("RetainResources", []))
    return EmptyResult()


def answer_protection(self):
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = self._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})


def answer_drift(self):
    """All of it is known at once here, so that the detection is over when it was asked for."""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    return ActionResult({"StackDriftDetectionId": stack.stack_id})


def answer_detection(self):
    id = self._get_param("StackDriftDetectionId")
    return ActionResult({"StackId": id, "StackDriftDetectionId": id, "DetectionStatus": "DETECTION_COMPLETE", "Timestamp": utcnow()})


def answer_drifts(self):
    stack, found = self.cloudformation_backend.get_stack(self._get_param("StackName")), []
    for resource in stack.resource_map.made.values():
        said = {"StackId": stack.stack_id, "Timestamp": utcnow(), "LogicalResourceId": resource.logical_resource_id}
        said.update(PhysicalResourceId=resource.physical_resource_id, ResourceType=resource.cf_resource_type)
        if KINDS[resource.cf_resource_type].live is None:
            found.append({**said, "StackResourceDriftStatus": "NOT_CHECKED"})
            continue
        changed = drifted(resource)
        if changed is None:
            found.append({**said, "StackResourceDriftStatus": "DELETED"})
            continue
        differing = [
            {"PropertyPath": path, "ExpectedValue": text(old, ()), "ActualValue": text(new, ()), "DifferenceType": "NOT_EQUAL"}
            for key in changed
            for path, old, new in leaves(resource.properties.get(key), changed[key], f"/{key}")
        ]
        found.append({**said, "StackResourceDriftStatus": "MODIFIED" if differing else "IN_SYNC", "PropertyDifferences": differing})
    return ActionResult({"StackResourceDrifts": found})


CREATE_CHANGE_SET = responses.CloudFormationResponse.create_change_set
EXECUTE_CHANGE_SET = responses.CloudFormationResponse.execute_change_set
CALL = responses.CloudFormationResponse.call_action


def answer_change_set(self):
    """moto knows no change set that puts back what others have changed."""
    for stack in self.cloudformation_backend.stacks.values():
        stack.reverts = self._get_param("DeploymentMode") == "REVERT_DRIFT"
    if self._get_param("OnStackFailure") == "DO_NOTHING":
        STAYS.add(self._get_param("ChangeSetName"))
    return CREATE_CHANGE_SET(self)


def answer_execution(self):
    """moto takes everything back."""
    if self._get_bool_param("DisableRollback"):
        STAYS.add(self._get_param("ChangeSetName"))
    return EXECUTE_CHANGE_SET(self)


def noted(self):
    """What is asked for is noted, for a test that counts what is done."""
    print("asked for", self._get_action(), file=sys.stderr, flush=True)
    return CALL(self)


def answer_resources(self):
    """moto says of each that it is created, at a time in 2011."""
    there = self.cloudformation_backend.get_stack(self._get_param("StackName")).resource_map
    found = [
        {
            "LogicalResourceId": resource.logical_resource_id,
            "PhysicalResourceId": resource.physical_resource_id,
            "ResourceType": resource.cf_resource_type,
            "ResourceStatus": resource.status,
            "LastUpdatedTimestamp": resource.at,
        }
        for resource in [*there.made.values(), *there.gone]
    ]
    return ActionResult({"StackResourceSummaries": found})


def answer_change_sets(self):
    """moto lists those of all stacks, and those that were executed."""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    found = [one for one in self.cloudformation_backend.list_change_sets() if one.stack_id == stack.stack_id and one.execution_status == "AVAILABLE"]
    return ActionResult({"Summaries": found})


CLEAN = parsing.clean_json


def clean_json(value, resources):
    """moto takes the `MasterUserSecret` of `${Data.MasterUserSecret.SecretArn}` for the attribute."""
    if isinstance(value, dict) and isinstance(value.get("Fn::GetAtt"), list):
        name, *attribute = value["Fn::GetAtt"]
        return resources[name].get_cfn_attribute(".".join(attribute))
    return CLEAN(value, resources)


parsing.clean_json = clean_json
# moto reads JSON by YAML's rules, which takes seconds for a template of this size.
models.Stack.parse_template = staticmethod(json.loads)
models.ChangeSet._parse_template = lambda self: setattr(self, "template_dict", json.loads(self.template))
models.ResourceMap = Resources
models.Stack.reverts = False
models.Stack.parameter_list = property(parameter_list)
models.ChangeSet.diff = differences
models.CloudFormationBackend.create_change_set = create_change_set
models.CloudFormationBackend.execute_change_set = execute_change_set
models.CloudFormationBackend.delete_stack = delete_stack
responses.CloudFormationResponse.delete_stack = answer_delete
responses.CloudFormationResponse.update_termination_protection = answer_protection
responses.CloudFormationResponse.list_stack_resources = answer_resources
responses.CloudFormationResponse.list_change_sets = answer_change_sets
responses.CloudFormationResponse.create_change_set = answer_change_set
responses.CloudFormationResponse.execute_change_set = answer_execution
# What AWS answers an update without a change set: a change set that changes nothing is made, and failed.
responses.CloudFormationResponse._validate_different_update = lambda *_: None
responses.CloudFormationResponse.detect_stack_drift = answer_drift
responses.CloudFormationResponse.describe_stack_drift_detection_status = answer_detection
responses.CloudFormationResponse.describe_stack_resource_drifts = answer_drifts
responses.CloudFormationResponse.call_action = noted
