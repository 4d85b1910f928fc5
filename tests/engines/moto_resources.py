"""What CloudFormation does for a resource, done in moto's own services.

moto's CloudFormation knows 27 of the 34 types that the example botolphs has: of those it drops properties, passes in silence
over the change or the removal of many, and of the other seven over all. Here each type calls the API of its service, as
AWS's handlers do: botocore refuses an argument that the API does not have, moto one that its service does not take, and
`Properties` a property that nobody read. A type that is not here is refused before anything is done.
"""

import json
import os
import threading
import uuid

import boto3

KINDS = {}
CLIENTS = {}
LOCK = threading.Lock()


def api(service):
    """The client of a service of this very server; made one at a time, since boto3 cannot make two at once."""
    with LOCK:
        if service not in CLIENTS:
            CLIENTS[service] = boto3.session.Session().client(
                service,
                region_name="us-east-1",
                endpoint_url=f"http://127.0.0.1:{os.environ['MOTO_PORT']}",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return CLIENTS[service]


class Properties(dict):
    """The properties of a resource, which know what of them was read."""

    def __init__(self, properties):
        super().__init__(properties)
        self.read = set()

    def __getitem__(self, key):
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.read.add(key)
        return super().get(key, default)

    def only(self, *names):
        """Those of these properties that are given, as arguments of a call."""
        return {name: self[name] for name in names if name in self}

    def but(self, *names):
        """All properties but these, as arguments of a call."""
        return {name: self[name] for name in self if name not in names}

    def check(self, kind):
        unread = sorted(set(self) - self.read)
        if unread:
            raise ValueError(f"Model validation failed: {kind} has no {', '.join(unread)} here")


class Kind:
    """A type of CloudFormation: what makes a new resource of it, and how one is made, changed and removed."""

    def __init__(self, name, replaces, create, delete):
        self.name, self.replaces = name, set(replaces.split())
        self.create, self.delete, self.update, self.live = create, delete, None, None


def kind(name, delete, replaces=""):
    """Makes a function the maker of a type: of properties and a free name, it gives the resource's id and attributes."""

    def install(create):
        KINDS[name] = Kind(name, replaces, create, delete)
        return create

    return install


def change(name):
    """Makes a function the changer of a type: it gets the resource's id, the old properties and the new ones."""

    def install(update):
        KINDS[name].update = update
        return update

    return install


def live(name):
    """Makes a function the reader of a type: it gives those properties of a resource that it knows how to read, as they are now."""

    def install(read):
        KINDS[name].live = read
        return read

    return install


def lowered(value):
    """Names as the services of containers and builds write them, but for what is the user's: settings of logs and actions."""
    if isinstance(value, list):
        return [lowered(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key[0].lower() + key[1:]: inner if key in ("Options", "Configuration") else lowered(inner)
        for key, inner in value.items()
    }


def tagged(properties, resource):
    return [{"ResourceType": resource, "Tags": properties["Tags"]}] if properties.get("Tags") else []


@kind("AWS::EC2::VPC", lambda id, p: api("ec2").delete_vpc(VpcId=id), "CidrBlock")
def vpc(p, name):
    made = api("ec2").create_vpc(CidrBlock=p["CidrBlock"], TagSpecifications=tagged(p, "vpc"))["Vpc"]["VpcId"]
    for setting in ("EnableDnsSupport", "EnableDnsHostnames"):
        api("ec2").modify_vpc_attribute(VpcId=made, **{setting: {"Value": p.get(setting, False)}})
    return made, {"VpcId": made, "CidrBlock": p["CidrBlock"]}


@kind("AWS::EC2::InternetGateway", lambda id, p: api("ec2").delete_internet_gateway(InternetGatewayId=id))
def internet_gateway(p, name):
    answer = api("ec2").create_internet_gateway(TagSpecifications=tagged(p, "internet-gateway"))
    return answer["InternetGateway"]["InternetGatewayId"], {}


@kind("AWS::EC2::VPCGatewayAttachment", lambda id, p: api("ec2").detach_internet_gateway(**p), "VpcId")
def attachment(p, name):
    api("ec2").attach_internet_gateway(**p.but())
    return f"IGW|{p['VpcId']}", {}


@kind("AWS::EC2::RouteTable", lambda id, p: api("ec2").delete_route_table(RouteTableId=id), "VpcId")
def route_table(p, name):
    answer = api("ec2").create_route_table(VpcId=p["VpcId"], TagSpecifications=tagged(p, "route-table"))
    return answer["RouteTable"]["RouteTableId"], {}


def delete_route(id, p):
    api("ec2").delete_route(RouteTableId=p["RouteTableId"], DestinationCidrBlock=p["DestinationCidrBlock"])


@kind("AWS::EC2::Route", delete_route, "RouteTableId DestinationCidrBlock")
def route(p, name):
    api("ec2").create_route(**p.but())
    return f"{p['RouteTableId']}|{p['DestinationCidrBlock']}", {}


@kind("AWS::EC2::Subnet", lambda id, p: api("ec2").delete_subnet(SubnetId=id), "VpcId CidrBlock AvailabilityZone")
def subnet(p, name):
    answer = api("ec2").create_subnet(**p.but("Tags", "MapPublicIpOnLaunch"), TagSpecifications=tagged(p, "subnet"))
    made = answer["Subnet"]["SubnetId"]
    if p.get("MapPublicIpOnLaunch"):
        api("ec2").modify_subnet_attribute(SubnetId=made, MapPublicIpOnLaunch={"Value": True})
    return made, {"SubnetId": made, "AvailabilityZone": answer["Subnet"]["AvailabilityZone"]}


@kind("AWS::EC2::SubnetRouteTableAssociation", lambda id, p: api("ec2").disassociate_route_table(AssociationId=id), "SubnetId RouteTableId")
def association(p, name):
    return api("ec2").associate_route_table(**p.but())["AssociationId"], {}


@kind("AWS::EC2::VPCEndpoint", lambda id, p: api("ec2").delete_vpc_endpoints(VpcEndpointIds=[id]), "VpcId ServiceName VpcEndpointType")
def endpoint(p, name):
    made = api("ec2").create_vpc_endpoint(**p.but("Tags"), TagSpecifications=tagged(p, "vpc-endpoint"))
    return made["VpcEndpoint"]["VpcEndpointId"], {"Id": made["VpcEndpoint"]["VpcEndpointId"]}


def release(id, p):
    found = api("ec2").describe_addresses(PublicIps=[id])["Addresses"][0]
    api("ec2").release_address(AllocationId=found["AllocationId"])


@kind("AWS::EC2::EIP", release, "Domain")
def address(p, name):
    made = api("ec2").allocate_address(Domain=p["Domain"], TagSpecifications=tagged(p, "elastic-ip"))
    return made["PublicIp"], {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}


@kind("AWS::EC2::NatGateway", lambda id, p: api("ec2").delete_nat_gateway(NatGatewayId=id), "AllocationId SubnetId")
def nat_gateway(p, name):
    answer = api("ec2").create_nat_gateway(**p.but("Tags"), TagSpecifications=tagged(p, "natgateway"))
    return answer["NatGateway"]["NatGatewayId"], {"NatGatewayId": answer["NatGateway"]["NatGatewayId"]}


def permission(rule, other):
    """A rule of a group as the API has it; `other` is what the type calls the group on the other side."""
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    found = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    if "CidrIp" in rule:
        return {**found, "IpRanges": [{"CidrIp": rule["CidrIp"], **described}]}
    return {**found, "UserIdGroupPairs": [{"GroupId": rule[other], **described}]}


@kind("AWS::EC2::SecurityGroup", lambda id, p: api("ec2").delete_security_group(GroupId=id), "GroupDescription VpcId GroupName")
def security_group(p, name):
    made = api("ec2").create_security_group(
        GroupName=name, Description=p["GroupDescription"], VpcId=p["VpcId"], TagSpecifications=tagged(p, "security-group")
    )["GroupId"]
    if p.get("SecurityGroupEgress"):
        # What is said here stands in the place of the rule that lets everything out.
        everything = api("ec2").describe_security_groups(GroupIds=[made])["SecurityGroups"][0]["IpPermissionsEgress"]
        api("ec2").revoke_security_group_egress(GroupId=made, IpPermissions=everything)
        rules = [permission(rule, "DestinationSecurityGroupId") for rule in p["SecurityGroupEgress"]]
        api("ec2").authorize_security_group_egress(GroupId=made, IpPermissions=rules)
    return made, {"GroupId": made, "VpcId": p["VpcId"]}


@kind(
    "AWS::EC2::SecurityGroupIngress",
    lambda id, p: api("ec2").revoke_security_group_ingress(GroupId=p["GroupId"], SecurityGroupRuleIds=[id]),
    "GroupId IpProtocol FromPort ToPort CidrIp SourceSecurityGroupId",
)
def ingress(p, name):
    rule = permission(p.but("GroupId"), "SourceSecurityGroupId")
    answer = api("ec2").authorize_security_group_ingress(GroupId=p["GroupId"], IpPermissions=[rule])
    return answer["SecurityGroupRules"][0]["SecurityGroupRuleId"], {}


@kind(
    "AWS::EC2::SecurityGroupEgress",
    lambda id, p: api("ec2").revoke_security_group_egress(GroupId=p["GroupId"], SecurityGroupRuleIds=[id]),
    "GroupId IpProtocol FromPort ToPort CidrIp DestinationSecurityGroupId",
)
def egress(p, name):
    rule = permission(p.but("GroupId"), "DestinationSecurityGroupId")
    answer = api("ec2").authorize_security_group_egress(GroupId=p["GroupId"], IpPermissions=[rule])
    return answer["SecurityGroupRules"][0]["SecurityGroupRuleId"], {}


@kind("AWS::Route53::HostedZone", lambda id, p: api("route53").delete_hosted_zone(Id=id), "Name")
def zone(p, name):
    answer = api("route53").create_hosted_zone(Name=p["Name"], CallerReference=name)
    made = answer["HostedZone"]["Id"].rpartition("/")[2]
    if p.get("HostedZoneTags"):
        api("route53").change_tags_for_resource(ResourceType="hostedzone", ResourceId=made, AddTags=p["HostedZoneTags"])
    return made, {"Id": made, "NameServers": answer["DelegationSet"]["NameServers"]}


def record(action, p):
    asked = {name: p[name] for name in ("Name", "Type") if name in p}
    if "AliasTarget" in p:
        asked["AliasTarget"] = {"EvaluateTargetHealth": False, **p["AliasTarget"]}
    else:
        asked.update(TTL=int(p["TTL"]), ResourceRecords=[{"Value": value} for value in p["ResourceRecords"]])
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": asked}]}
    api("route53").change_resource_record_sets(HostedZoneId=p["HostedZoneId"], ChangeBatch=batch)


@kind("AWS::Route53::RecordSet", lambda id, p: record("DELETE", p), "HostedZoneId Name Type")
def record_set(p, name):
    record("CREATE", p)
    return p["Name"], {}


@kind(
    "AWS::CertificateManager::Certificate",
    lambda id, p: api("acm").delete_certificate(CertificateArn=id),
    "DomainName DomainValidationOptions ValidationMethod",
)
def certificate(p, name):
    """AWS puts the record that proves the domain into the zone, and leaves it there when the certificate goes
    (aws-cloudformation/cloudformation-coverage-roadmap, issues 837 and 1603)."""
    made = api("acm").request_certificate(**p.only("DomainName", "ValidationMethod", "Tags"))["CertificateArn"]
    zones = {option["DomainName"]: option["HostedZoneId"] for option in p["DomainValidationOptions"]}
    for option in api("acm").describe_certificate(CertificateArn=made)["Certificate"]["DomainValidationOptions"]:
        proof = option["ResourceRecord"]
        asked = {"HostedZoneId": zones[option["DomainName"]], "TTL": 300, "ResourceRecords": [proof["Value"]]}
        record("UPSERT", {**asked, "Name": proof["Name"], "Type": proof["Type"]})
    api("acm").get_waiter("certificate_validated").wait(CertificateArn=made, WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})
    return made, {}


@kind("AWS::SES::EmailIdentity", lambda id, p: api("sesv2").delete_email_identity(EmailIdentity=id), "EmailIdentity")
def identity(p, name):
    domain = p["EmailIdentity"]
    api("sesv2").create_email_identity(EmailIdentity=domain, Tags=p.get("Tags", []))
    api("sesv2").put_email_identity_mail_from_attributes(EmailIdentity=domain, **p["MailFromAttributes"])
    tokens = api("sesv2").get_email_identity(EmailIdentity=domain)["DkimAttributes"]["Tokens"]
    names = {f"DkimDNSTokenName{n + 1}": f"{token}._domainkey.{domain}" for n, token in enumerate(tokens)}
    return domain, {**names, **{f"DkimDNSTokenValue{n + 1}": f"{token}.dkim.amazonses.com" for n, token in enumerate(tokens)}}


@kind("AWS::ElasticLoadBalancingV2::LoadBalancer", lambda id, p: api("elbv2").delete_load_balancer(LoadBalancerArn=id), "Name Scheme Type")
def balancer(p, name):
    answer = api("elbv2").create_load_balancer(Name=name[:32], **p.but("LoadBalancerAttributes"))
    made = answer["LoadBalancers"][0]
    api("elbv2").modify_load_balancer_attributes(LoadBalancerArn=made["LoadBalancerArn"], Attributes=p["LoadBalancerAttributes"])
    return made["LoadBalancerArn"], {"DNSName": made["DNSName"], "CanonicalHostedZoneID": made["CanonicalHostedZoneId"]}


@kind("AWS::ElasticLoadBalancingV2::Listener", lambda id, p: api("elbv2").delete_listener(ListenerArn=id), "LoadBalancerArn")
def listener(p, name):
    return api("elbv2").create_listener(**p.but())["Listeners"][0]["ListenerArn"], {}


@kind(
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    lambda id, p: api("elbv2").delete_target_group(TargetGroupArn=id),
    "Name Port Protocol TargetType VpcId",
)
def target_group(p, name):
    answer = api("elbv2").create_target_group(Name=name[:32], **p.but("TargetGroupAttributes"))
    made = answer["TargetGroups"][0]["TargetGroupArn"]
    api("elbv2").modify_target_group_attributes(TargetGroupArn=made, Attributes=p["TargetGroupAttributes"])
    return made, {}


@kind("AWS::ElasticLoadBalancingV2::ListenerRule", lambda id, p: api("elbv2").delete_rule(RuleArn=id), "ListenerArn")
def rule(p, name):
    return api("elbv2").create_rule(**p.but())["Rules"][0]["RuleArn"], {}


def delete_subnet_group(id, p):
    # moto lets one go that is in use.
    for there in api("rds").describe_db_instances()["DBInstances"]:
        if there["DBSubnetGroup"]["DBSubnetGroupName"] == id:
            raise ValueError(f"Cannot delete the subnet group '{id}': {there['DBInstanceIdentifier']} is still using it")
    api("rds").delete_db_subnet_group(DBSubnetGroupName=id)


@kind("AWS::RDS::DBSubnetGroup", delete_subnet_group, "DBSubnetGroupName")
def subnet_group(p, name):
    api("rds").create_db_subnet_group(DBSubnetGroupName=name.lower(), **p.but())
    return name.lower(), {}


def give_parameters(name, p):
    given = [{"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"} for key, value in p.get("Parameters", {}).items()]
    api("rds").modify_db_parameter_group(DBParameterGroupName=name, Parameters=given)


@kind(
    "AWS::RDS::DBParameterGroup",
    lambda id, p: api("rds").delete_db_parameter_group(DBParameterGroupName=id),
    "DBParameterGroupName Description Family",
)
def parameter_group(p, name):
    made = name.lower()
    api("rds").create_db_parameter_group(
        DBParameterGroupName=made, DBParameterGroupFamily=p["Family"], Description=p["Description"], Tags=p.get("Tags", [])
    )
    give_parameters(made, p)
    return made, {"DBParameterGroupName": made}


@change("AWS::RDS::DBParameterGroup")
def change_parameter_group(id, old, new):
    give_parameters(id, new)


def resolved(text):
    """What a dynamic reference to the whole of a secret stands for."""
    begin, end = "{{resolve:secretsmanager:", "}}"
    if not (text.startswith(begin) and text.endswith(end)):
        return text
    return api("secretsmanager").get_secret_value(SecretId=text[len(begin) : -len(end)])["SecretString"]


def with_password(asked):
    return {key: resolved(value) if key == "MasterUserPassword" else value for key, value in asked.items()}


def delete_database(id, p):
    # What CloudFormation does with an instance whose deletion policy says nothing: a last snapshot.
    api("rds").delete_db_instance(DBInstanceIdentifier=id, FinalDBSnapshotIdentifier=f"{id}-last")


@kind(
    "AWS::RDS::DBInstance",
    delete_database,
    "DBInstanceIdentifier Engine DBName MasterUsername StorageEncrypted DBSubnetGroupName Port",
)
def database(p, name):
    asked = p.but("VPCSecurityGroups", "AllocatedStorage", "Port", "AllowMajorVersionUpgrade")
    numbers = {key: int(p[key]) for key in ("AllocatedStorage", "Port") if key in p}
    # The creation has no such argument: it is about a later change of the version.
    p.get("AllowMajorVersionUpgrade")
    answer = api("rds").create_db_instance(
        DBInstanceIdentifier=name.lower(), VpcSecurityGroupIds=p["VPCSecurityGroups"], **with_password(asked), **numbers
    )
    made = answer["DBInstance"]
    return made["DBInstanceIdentifier"], {
        "Endpoint.Address": made["Endpoint"]["Address"],
        "Endpoint.Port": str(made["Endpoint"]["Port"]),
    }


@change("AWS::RDS::DBInstance")
def change_database(id, old, new):
    asked = new.but("VPCSecurityGroups", "AllocatedStorage", "Port", *KINDS["AWS::RDS::DBInstance"].replaces)
    asked = {key: value for key, value in asked.items() if old.get(key) != value}
    new.read = set(new)
    api("rds").modify_db_instance(DBInstanceIdentifier=id, ApplyImmediately=True, **with_password(asked))


@kind("AWS::S3::Bucket", lambda id, p: api("s3").delete_bucket(Bucket=id), "BucketName")
def bucket(p, name):
    made, s3 = p.get("BucketName", name.lower()), api("s3")
    # In this region AWS answers 200 when one makes a bucket again that one has; CloudFormation makes none that is there.
    if made in [there["Name"] for there in s3.list_buckets()["Buckets"]]:
        raise ValueError(f"{made} already exists")
    s3.create_bucket(Bucket=made)
    if p.get("BucketEncryption"):
        rules = p["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rules = [{"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]} for rule in rules]
        s3.put_bucket_encryption(Bucket=made, ServerSideEncryptionConfiguration={"Rules": rules})
    if p.get("OwnershipControls"):
        s3.put_bucket_ownership_controls(Bucket=made, OwnershipControls=p["OwnershipControls"])
    if p.get("PublicAccessBlockConfiguration"):
        s3.put_public_access_block(Bucket=made, PublicAccessBlockConfiguration=p["PublicAccessBlockConfiguration"])
    if p.get("VersioningConfiguration"):
        s3.put_bucket_versioning(Bucket=made, VersioningConfiguration=p["VersioningConfiguration"])
    if p.get("LifecycleConfiguration"):
        rules = [lifecycle(dict(rule)) for rule in p["LifecycleConfiguration"]["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=made, LifecycleConfiguration={"Rules": rules})
    if p.get("Tags"):
        s3.put_bucket_tagging(Bucket=made, Tagging={"TagSet": p["Tags"]})
    domains = {"DomainName": f"{made}.s3.amazonaws.com", "RegionalDomainName": f"{made}.s3.us-east-1.amazonaws.com"}
    return made, {"Arn": f"arn:aws:s3:::{made}", **domains}


def lifecycle(rule):
    """A rule of a bucket's life as the API has it: it nests what the type has side by side."""
    asked = {"ID": rule.pop("Id"), "Filter": {"Prefix": rule.pop("Prefix", "")}}
    if "ExpirationInDays" in rule:
        asked["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    return {**asked, **rule}


@live("AWS::S3::Bucket")
def live_bucket(id, p):
    # What has no versions, and never had, answers nothing.
    there = api("s3").get_bucket_versioning(Bucket=id).get("Status")
    return {"VersioningConfiguration": {"Status": there}} if there else {}


@kind("AWS::S3::BucketPolicy", lambda id, p: api("s3").delete_bucket_policy(Bucket=p["Bucket"]), "Bucket")
def bucket_policy(p, name):
    api("s3").put_bucket_policy(Bucket=p["Bucket"], Policy=json.dumps(p["PolicyDocument"]))
    return p["Bucket"], {}


def delete_secret(id, p):
    api("secretsmanager").delete_secret(SecretId=id, ForceDeleteWithoutRecovery=True)


@kind("AWS::SecretsManager::Secret", delete_secret, "Name")
def secret(p, name):
    value = p.get("SecretString")
    if value is None:
        value = api("secretsmanager").get_random_password(**p["GenerateSecretString"])["RandomPassword"]
    made = api("secretsmanager").create_secret(Name=name, SecretString=value, **p.only("Description", "Tags"))["ARN"]
    return made, {"Id": made}


def delete_role(id, p):
    for attached in api("iam").list_attached_role_policies(RoleName=id)["AttachedPolicies"]:
        api("iam").detach_role_policy(RoleName=id, PolicyArn=attached["PolicyArn"])
    for policy in p.get("Policies", []):
        api("iam").delete_role_policy(RoleName=id, PolicyName=policy["PolicyName"])
    api("iam").delete_role(RoleName=id)


@kind("AWS::IAM::Role", delete_role, "RoleName Path")
def role(p, name):
    trust = json.dumps(p["AssumeRolePolicyDocument"])
    made = api("iam").create_role(RoleName=name[:64], AssumeRolePolicyDocument=trust, **p.only("Tags"))["Role"]
    for arn in p.get("ManagedPolicyArns", []):
        api("iam").attach_role_policy(RoleName=made["RoleName"], PolicyArn=arn)
    for policy in p.get("Policies", []):
        put_policy(made["RoleName"], policy)
    return made["RoleName"], {"Arn": made["Arn"], "RoleId": made["RoleId"]}


def put_policy(role, policy):
    document = json.dumps(policy["PolicyDocument"])
    api("iam").put_role_policy(RoleName=role, PolicyName=policy["PolicyName"], PolicyDocument=document)


def delete_policy(id, p):
    for role in p["Roles"]:
        api("iam").delete_role_policy(RoleName=role, PolicyName=p["PolicyName"])


@kind("AWS::IAM::Policy", delete_policy, "PolicyName")
def policy(p, name):
    for role in p["Roles"]:
        put_policy(role, p.only("PolicyName", "PolicyDocument"))
    return name, {}


@change("AWS::IAM::Policy")
def change_policy(id, old, new):
    delete_policy(id, old)
    policy(new, id)


@kind("AWS::Logs::LogGroup", lambda id, p: api("logs").delete_log_group(logGroupName=id), "LogGroupName")
def log_group(p, name):
    api("logs").create_log_group(logGroupName=name, tags={tag["Key"]: tag["Value"] for tag in p.get("Tags", [])})
    api("logs").put_retention_policy(logGroupName=name, retentionInDays=p["RetentionInDays"])
    return name, {"Arn": f"arn:aws:logs:us-east-1:123456789012:log-group:{name}:*"}


@kind("AWS::ECS::Cluster", lambda id, p: api("ecs").delete_cluster(cluster=id), "ClusterName")
def cluster(p, name):
    made = api("ecs").create_cluster(clusterName=name, settings=lowered(p["ClusterSettings"]), tags=lowered(p.get("Tags", [])))
    return name, {"Arn": made["cluster"]["clusterArn"]}


@kind(
    "AWS::ECS::TaskDefinition",
    lambda id, p: api("ecs").deregister_task_definition(taskDefinition=id),
    "Family RequiresCompatibilities NetworkMode Cpu Memory RuntimePlatform TaskRoleArn ExecutionRoleArn ContainerDefinitions Volumes",
)
def task(p, name):
    return api("ecs").register_task_definition(**lowered(p.but()))["taskDefinition"]["taskDefinitionArn"], {}


@kind("AWS::ECS::Service", lambda id, p: api("ecs").delete_service(cluster=p["Cluster"], service=id, force=True), "Cluster LaunchType ServiceName")
def service(p, name):
    made = api("ecs").create_service(serviceName=name, **lowered(p.but()))["service"]
    return made["serviceArn"], {"Name": made["serviceName"], "ServiceArn": made["serviceArn"]}


@change("AWS::ECS::Service")
def change_service(id, old, new):
    changed = lowered({key: value for key, value in new.but().items() if old.get(key) != value})
    api("ecs").update_service(cluster=new["Cluster"], service=id, **changed)


@live("AWS::ECS::Service")
def live_service(id, p):
    there = api("ecs").describe_services(cluster=p["Cluster"], services=[id])["services"][0]
    return {"DesiredCount": there["desiredCount"], "TaskDefinition": there["taskDefinition"]}


@kind("AWS::ECR::Repository", lambda id, p: api("ecr").delete_repository(repositoryName=id), "RepositoryName EncryptionConfiguration")
def repository(p, name):
    made = api("ecr").create_repository(
        repositoryName=p.get("RepositoryName", name.lower()),
        imageScanningConfiguration=lowered(p["ImageScanningConfiguration"]),
        imageTagMutability=p["ImageTagMutability"],
        tags=p.get("Tags", []),
    )["repository"]
    if p.get("LifecyclePolicy"):
        text = p["LifecyclePolicy"]["LifecyclePolicyText"]
        api("ecr").put_lifecycle_policy(repositoryName=made["repositoryName"], lifecyclePolicyText=text)
    return made["repositoryName"], {"Arn": made["repositoryArn"], "RepositoryUri": made["repositoryUri"]}


@live("AWS::ECR::Repository")
def live_repository(id, p):
    there = api("ecr").describe_repositories(repositoryNames=[id])["repositories"][0]
    scan = {"ScanOnPush": there["imageScanningConfiguration"]["scanOnPush"]}
    return {"ImageScanningConfiguration": scan, "ImageTagMutability": there["imageTagMutability"]}


@change("AWS::ECR::Repository")
def change_repository(id, old, new):
    changed = {key: value for key, value in new.but().items() if old.get(key) != value}
    scan = changed.pop("ImageScanningConfiguration", None)
    if changed:
        raise ValueError(f"moto_resources cannot change {', '.join(changed)} of a repository")
    api("ecr").put_image_scanning_configuration(repositoryName=id, imageScanningConfiguration=lowered(scan))


def project_of(p):
    asked = lowered(p.but())
    asked["source"]["buildspec"] = asked["source"].pop("buildSpec")
    return asked


@kind("AWS::CodeBuild::Project", lambda id, p: api("codebuild").delete_project(name=id), "Name")
def project(p, name):
    made = api("codebuild").create_project(name=name, **project_of(p))["project"]
    return name, {"Arn": made["arn"]}


@change("AWS::CodeBuild::Project")
def change_project(id, old, new):
    # moto cannot change one: it is made again under its name.
    api("codebuild").delete_project(name=id)
    api("codebuild").create_project(name=id, **project_of(new))


@kind("AWS::CodePipeline::Pipeline", lambda id, p: api("codepipeline").delete_pipeline(name=id), "Name")
def pipeline(p, name):
    asked = {"name": name, "version": 1, **lowered(p.but("Tags"))}
    api("codepipeline").create_pipeline(pipeline=asked, tags=lowered(p.get("Tags", [])))
    return name, {"Version": "1"}


def free_name(stack, logical, number):
    """A name as CloudFormation makes one up; the same in each run of a test, and another for each resource of a stack."""
    end = uuid.uuid5(uuid.NAMESPACE_DNS, f"{number}.{logical}.{stack}").hex[:12]
    return f"{stack}-{logical}"[:51].rstrip("-") + f"-{end}"
