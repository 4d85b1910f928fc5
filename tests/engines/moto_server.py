"""A moto server on a free loopback port, repaired where the Terraform AWS provider needs more than moto answers.

The first line on stdout is the port. The server lives as long as its standard input is open, so it cannot outlive
the test that started it, however that test ends.
"""

import json
import os
import sys
import threading
import uuid

# moto reads these while it is imported: one second instead of sixty until a certificate is issued, and AWS's own
# managed policies, because a role cannot be given one that does not exist.
os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "1")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

import moto.codebuild.responses as codebuild
import moto.sesv2.models as sesv2
import moto.sesv2.urls as sesv2_urls
from botocore import xform_name
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.codepipeline.models import CodePipeline
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.models import Service
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.rds.models import DBInstance, DBParameterGroup
from moto.ses.models import ConfigurationSet, EmailIdentity
from moto.sesv2.responses import SESV2Response
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response


def wrap(owner, name):
    """Puts a function in the place of `owner.name`; it gets what was there as its first argument."""

    def install(replacement):
        original = getattr(owner, name)

        def wrapped(*args, **kwargs):
            return replacement(original, *args, **kwargs)

        wrapped.__name__ = name
        setattr(owner, name, wrapped)
        return replacement

    return install


# CodePipeline hands a CodeBuild project its input and takes its output, so neither has a location; moto wants one.
@wrap(codebuild, "_validate_required_params_source")
@wrap(codebuild, "_validate_required_params_artifacts")
def location_is_the_pipelines(original, part):
    if part.get("type") != "CODEPIPELINE":
        original(part)


# The protocol's times are numbers; the provider cannot decode moto's ISO strings.
CodePipeline.metadata = property(
    lambda self: {
        "pipelineArn": self._arn,
        "created": self._created.timestamp(),
        "updated": self._updated.timestamp(),
    }
)

# What moto drops from a service as it is created; each one missing would be a change in every later plan.
SERVICE_FIELDS = (
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "placementConstraints",
    "placementStrategy",
)


@wrap(EC2ContainerServiceResponse, "create_service")
def service_keeps_its_fields(original, self):
    result = original(self)
    service = result.result["service"]
    service.availability_zone_rebalancing = "DISABLED"
    for field in SERVICE_FIELDS:
        value = self._get_param(field)
        if value is not None:
            setattr(service, xform_name(field), value)
    return result


# A service is steady when as many tasks run as were asked for; moto's count is one number for all services.
@wrap(Service, "__init__")
def service_is_steady(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.running_count, self.pending_count = self.desired_count, 0
    for deployment in self.deployments:
        deployment.update(runningCount=self.desired_count, pendingCount=0, rolloutState="COMPLETED")


# The rollout of a new task definition: moto changes the service and leaves its deployment at the old one. An image with
# the tag `broken` never becomes healthy: the circuit breaker takes the service back, and it is as steady as it was.
@wrap(EC2ContainerServiceResponse, "update_service")
def deployment_follows_the_service(original, self):
    before = {key: service.task_definition for key, service in self.ecs_backend.services.items()}
    result = original(self)
    service = result.result["service"]
    new = self.ecs_backend.describe_task_definition(service.task_definition)
    if any(container["image"].endswith(":broken") for container in new.container_definitions):
        service.task_definition = next(before[key] for key, known in self.ecs_backend.services.items() if known is service)
    for deployment in service.deployments:
        deployment.update(taskDefinition=service.task_definition, desiredCount=service.desired_count,
                          runningCount=service.desired_count)
    return result


# Only parameters that a user set count as the group's own to the provider, and moto does not say who set them.
@wrap(DBParameterGroup, "update_parameters")
def parameters_are_the_users(original, self, parameters):
    original(self, [{**parameter, "Source": "user"} for parameter in parameters])


# What moto drops from a database instance, under the name that the answer has for it.
INSTANCE_FIELDS = {
    "enable_performance_insights": "performance_insights_enabled",
    "performance_insights_kms_key_id": "performance_insights_kms_key_id",
    "performance_insights_retention_period": "performance_insights_retention_period",
    "monitoring_interval": "monitoring_interval",
    "monitoring_role_arn": "monitoring_role_arn",
    "network_type": "network_type",
    "dedicated_log_volume": "dedicated_log_volume",
    "database_insights_mode": "database_insights_mode",
}


# The provider finds an instance by its resource id, and moto gives the same one to all.
@wrap(DBInstance, "__init__")
def instance_keeps_its_fields(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    self.dbi_resource_id = f"db-{uuid.uuid4().hex[:26].upper()}"
    for asked, answered in INSTANCE_FIELDS.items():
        if asked in kwargs:
            setattr(self, answered, kwargs[asked])


# moto has no tags on scalable targets and answers a listing of them with an error that the provider retries.
SCALABLE_TARGET_TAGS = {}


@wrap(ApplicationAutoScalingResponse, "register_scalable_target")
def target_keeps_its_tags(original, self):
    answer = original(self)
    if self._get_param("Tags"):
        SCALABLE_TARGET_TAGS[json.loads(answer)["ScalableTargetARN"]] = dict(self._get_param("Tags"))
    return answer


def list_target_tags(self):
    return json.dumps({"Tags": SCALABLE_TARGET_TAGS.get(self._get_param("ResourceARN"), {})})


def tag_target(self):
    SCALABLE_TARGET_TAGS.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
    return "{}"


def untag_target(self):
    for key in self._get_param("TagKeys"):
        SCALABLE_TARGET_TAGS.get(self._get_param("ResourceARN"), {}).pop(key, None)
    return "{}"


ApplicationAutoScalingResponse.list_tags_for_resource = list_target_tags
ApplicationAutoScalingResponse.tag_resource = tag_target
ApplicationAutoScalingResponse.untag_resource = untag_target


# Easy DKIM is what a domain gets when no key is given; moto makes no tokens, which the zone's records are built from.
@wrap(EmailIdentity, "__init__")
def identity_has_dkim_tokens(original, self, *args, **kwargs):
    original(self, *args, **kwargs)
    if self.identity_type == "DOMAIN":
        tokens = [uuid.uuid5(uuid.NAMESPACE_DNS, f"{n}.{self.email_identity}").hex for n in range(3)]
        self.dkim_attributes.update(SigningEnabled=True, Status="SUCCESS", Tokens=tokens,
                                    CurrentSigningKeyLength=self.dkim_attributes["NextSigningKeyLength"])
    self.mail_from = None


IDENTITY_ANSWER = EmailIdentity.get_response_object.fget


def identity_answer(self):
    answer = IDENTITY_ANSWER(self)
    if self.mail_from:
        answer["MailFromAttributes"] = self.mail_from
    return answer


EmailIdentity.get_response_object = property(identity_answer)


def put_mail_from(self):
    asked = json.loads(self.body)
    domain = asked.get("MailFromDomain")
    identity = self.sesv2_backend.get_email_identity(self._get_param("EmailIdentity"))
    identity.mail_from = domain and {
        "MailFromDomain": domain,
        "MailFromDomainStatus": "SUCCESS",
        "BehaviorOnMxFailure": asked.get("BehaviorOnMxFailure", "USE_DEFAULT_VALUE"),
    }
    return "{}"


def put_configuration_set(self):
    identity = self.sesv2_backend.get_email_identity(self._get_param("EmailIdentity"))
    identity.configuration_set_name = json.loads(self.body).get("ConfigurationSetName")
    return "{}"


# The two settings of an identity that are written after it is created; moto knows neither path.
SESV2Response.put_email_identity_mail_from_attributes = put_mail_from
SESV2Response.put_email_identity_configuration_set_attributes = put_configuration_set
for setting in ("mail-from", "configuration-set"):
    sesv2_urls.url_paths["{0}/v2/email/identities/(?P<EmailIdentity>[^/]+)/%s$" % setting] = SESV2Response.dispatch


# An identity's ARN says identity, and the provider looks for its tags there.
@wrap(sesv2, "get_arn")
def identity_arn(original, backend, service, resource):
    return original(backend, service, resource.replace("email-identity/", "identity/", 1))


# moto nests the sending options into themselves, which the provider cannot decode, and answers options that nobody set
# with empty objects, which the provider would remove in every later plan.
@wrap(ConfigurationSet, "to_dict_v2")
def configuration_set_as_asked(original, self):
    answer = {**original(self), "SendingOptions": self.enabled or {"SendingEnabled": True}}
    return {key: value for key, value in answer.items() if value not in ({}, None)}


class Connections:
    """The connections to a code host, under both names that AWS has given the service; moto has neither."""

    def __init__(self):
        self.connections = {}
        self.tags = {}

    def answer(self, service, action, asked):
        """The status and the body for one request."""
        handler = getattr(self, action, None)
        if handler is None:
            return 400, {"__type": "UnknownOperationException", "message": f"{service} has no {action} here"}
        try:
            return 200, handler(service, asked)
        except KeyError:
            return 400, {"__type": "ResourceNotFoundException", "message": "no such connection"}

    def CreateConnection(self, service, asked):
        arn = f"arn:aws:{service}:us-east-1:123456789012:connection/{uuid.uuid4()}"
        self.connections[arn] = {
            "ConnectionName": asked["ConnectionName"],
            "ConnectionArn": arn,
            "ProviderType": asked.get("ProviderType"),
            "OwnerAccountId": "123456789012",
            "ConnectionStatus": "PENDING",
        }
        self.tags[arn] = asked.get("Tags") or []
        return {"ConnectionArn": arn, "Tags": self.tags[arn]}

    def GetConnection(self, _service, asked):
        return {"Connection": self.connections[asked["ConnectionArn"]]}

    def DeleteConnection(self, _service, asked):
        del self.connections[asked["ConnectionArn"]]
        return {}

    def ListTagsForResource(self, _service, asked):
        return {"Tags": self.tags[asked["ResourceArn"]]}

    def TagResource(self, _service, asked):
        new = {tag["Key"] for tag in asked["Tags"]}
        kept = [tag for tag in self.tags[asked["ResourceArn"]] if tag["Key"] not in new]
        self.tags[asked["ResourceArn"]] = kept + asked["Tags"]
        return {}

    def UntagResource(self, _service, asked):
        kept = [tag for tag in self.tags[asked["ResourceArn"]] if tag["Key"] not in asked["TagKeys"]]
        self.tags[asked["ResourceArn"]] = kept
        return {}


# A rule between two groups keeps its description with the group, and moto answers with the address range's alone.
SecurityGroupRule.description = property(lambda self: self.ip_range.get("Description") or (self.source_group or {}).get("Description"))


def application():
    """moto, with the services that it does not have in front of it."""
    moto = DomainDispatcherApplication(create_backend_app)
    connections = Connections()

    def dispatch(environ, start_response):
        # A signed request names its service in the credential: KEY/DATE/REGION/SERVICE/aws4_request.
        scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
        service = scope[3] if len(scope) > 3 else ""
        if service not in ("codestar-connections", "codeconnections"):
            return moto(environ, start_response)
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        status, body = connections.answer(service, action, Request(environ).get_json(force=True))
        response = Response(json.dumps(body), status, content_type="application/x-amz-json-1.0")
        return response(environ, start_response)

    return dispatch


class Quiet(WSGIRequestHandler):
    """Logs only what went wrong on the server's side, which is what a failed test wants to see."""

    def log_request(self, code="-", size="-"):
        if str(code).startswith("5"):
            super().log_request(code, size)


def main():
    server = make_server("127.0.0.1", 0, application(), threaded=True, request_handler=Quiet)
    # moto calls itself for some services and asks the environment where.
    os.environ["MOTO_PORT"] = str(server.server_port)
    if "--cloudformation" in sys.argv:
        import moto_cloudformation  # noqa: F401  what it repairs is of no use to Terraform
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
