"""Looks at moto, and changes it, behind the stack's back. A line of standard input is a JSON list, a function's name and its
arguments; a line of standard output is what came of it: a list with what is wrong, or nothing, and with what it gives.
"""

import functools
import json
import sys
import time
import traceback

import boto3

of = functools.cache(boto3.client)


def the(found):
    """The only one of a list."""
    assert len(found) == 1, found
    return found[0]


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def inventory():
    """All that the account has, of all services that the example uses: a line for each thing."""
    def names(service, operation, key, name):
        client = of(service)
        pages = client.get_paginator(operation).paginate() if client.can_paginate(operation) else [getattr(client, operation)()]
        for found in [found for page in pages for found in page[key]]:
            # A NAT gateway is told of for a while after it is gone.
            if not (isinstance(found, dict) and found.get("State") == "deleted"):
                yield f"{key} {found[name] if name else found}"

    found = [
        *names("ec2", "describe_vpcs", "Vpcs", "VpcId"),
        *names("ec2", "describe_subnets", "Subnets", "SubnetId"),
        *names("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
        *names("ec2", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
        *names("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
        *names("ec2", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
        *names("ec2", "describe_addresses", "Addresses", "AllocationId"),
        *names("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
        *names("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
        *names("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
        *names("ecs", "list_task_definitions", "taskDefinitionArns", None),
        *names("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        *names("rds", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
        *names("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
        *names("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
        *names("s3", "list_buckets", "Buckets", "Name"),
        *names("secretsmanager", "list_secrets", "SecretList", "Name"),
        *names("route53", "list_hosted_zones", "HostedZones", "Name"),
        *names("acm", "list_certificates", "CertificateSummaryList", "DomainName"),
        *names("ses", "list_identities", "Identities", None),
        *names("iam", "list_roles", "Roles", "RoleName"),
        *names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        *names("ecr", "describe_repositories", "repositories", "repositoryName"),
        *names("codebuild", "list_projects", "projects", None),
        *names("codepipeline", "list_pipelines", "pipelines", "name"),
        *names("cloudformation", "describe_stacks", "Stacks", "StackName"),
    ]
    clusters = of("ecs").describe_clusters(clusters=of("ecs").list_clusters()["clusterArns"])["clusters"]
    found += [f"clusters {cluster['clusterName']}" for cluster in clusters if cluster["status"] == "ACTIVE"]
    return "".join(f"{line}\n" for line in sorted(found))


def owned():
    """Makes what is somebody else's: a network, a group, a zone, a bucket and a secret that no stack has made."""
    ec2 = of("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{place}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
        for place, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="office", Description="the office", VpcId=vpc)["GroupId"]
    zone = of("route53").create_hosted_zone(Name="shop.example", CallerReference="owned")["HostedZone"]["Id"].rpartition("/")[2]
    of("s3").create_bucket(Bucket="acme-media")
    of("s3").put_object(Bucket="acme-media", Key="kept.txt", Body=b"kept")
    secret = of("secretsmanager").create_secret(Name="acme-token", SecretString="theirs")["ARN"]
    return json.dumps({"vpc": vpc, "subnets": ",".join(subnets), "group": group, "zone": zone, "secret": secret})


def as_owned(ids):
    """All that can be seen of them."""
    ids, ec2, s3 = json.loads(ids), of("ec2"), of("s3")
    records = of("route53").list_resource_record_sets(HostedZoneId=ids["zone"])["ResourceRecordSets"]
    policies = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if bucket["Name"] == "acme-media"]
    return json.dumps({
        "vpc": ec2.describe_vpcs(VpcIds=[ids["vpc"]])["Vpcs"],
        "subnets": ec2.describe_subnets(SubnetIds=ids["subnets"].split(","))["Subnets"],
        "group": ec2.describe_security_groups(GroupIds=[ids["group"]])["SecurityGroups"],
        "records": sorted(f"{record['Name']} {record['Type']}" for record in records),
        "bucket": policies,
        "objects": [found["Key"] for found in s3.list_objects_v2(Bucket="acme-media")["Contents"]],
        "value": of("secretsmanager").get_secret_value(SecretId=ids["secret"])["SecretString"],
        "tags": of("secretsmanager").describe_secret(SecretId=ids["secret"]).get("Tags", []),
    }, default=str, sort_keys=True)


def placed():
    """Where the service stands."""
    return json.dumps(service_of()["networkConfiguration"]["awsvpcConfiguration"])


def service_of():
    ecs = of("ecs")
    cluster = the(ecs.list_clusters()["clusterArns"])
    return the(ecs.describe_services(cluster=cluster, services=ecs.list_services(cluster=cluster)["serviceArns"])["services"])


def container(arn):
    return the(of("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"])


def runs(image, outputs, secret):
    """The containers: the service and both jobs have this image, and what they are handed exists."""
    outputs, service = json.loads(outputs), service_of()
    same((service["desiredCount"], service["runningCount"], service["status"]), (2, 2, "ACTIVE"))
    web = container(service["taskDefinition"])
    same((web["image"], web["portMappings"][0]["containerPort"]), (image, 3000))
    for task in (outputs["migrate_task"], outputs["admin_task"]):
        same(container(task)["image"], image)
    listed = of("ecs").list_task_definitions(status="ACTIVE")["taskDefinitionArns"]
    same(sorted(listed), sorted([service["taskDefinition"], outputs["migrate_task"], outputs["admin_task"]]))
    environment = {pair["name"]: pair["value"] for pair in web["environment"]}
    instance = the(of("rds").describe_db_instances()["DBInstances"])
    same(environment["DB_HOST"], instance["Endpoint"]["Address"])
    same((environment["DB_NAME"], environment["DB_USER"], environment["DB_PORT"]), ("botolphsdata", "botolphsuser", "5432"))
    assert environment["S3_BUCKET"] in [bucket["Name"] for bucket in of("s3").list_buckets()["Buckets"]], environment
    handed = {pair["name"]: pair["valueFrom"] for pair in web["secrets"]}
    for name in ("S3_ACCESS_KEY", "S3_ACCESS_SECRET"):
        same(of("secretsmanager").get_secret_value(SecretId=handed[name])["SecretString"], secret)
    same(len(of("secretsmanager").get_secret_value(SecretId=handed["APP_SECRET"])["SecretString"]), 64)
    password = handed["DB_PASSWORD"]
    same(len(of("secretsmanager").get_secret_value(SecretId=password)["SecretString"]), 32)
    same(of("secretsmanager").get_secret_value(SecretId=handed["MAIL_SMTP_PASSWORD"])["SecretString"], secret)
    task, iam = of("ecs").describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"], of("iam")
    role = task["executionRoleArn"].rpartition("/")[2]
    policies = [iam.get_role_policy(RoleName=role, PolicyName=name) for name in iam.list_role_policies(RoleName=role)["PolicyNames"]]
    read = sorted(policy["PolicyDocument"]["Statement"][0]["Resource"] for policy in policies)
    same(read, sorted(handed.values()))
    logs = web["logConfiguration"]["options"]["awslogs-group"]
    same(the(of("logs").describe_log_groups(logGroupNamePrefix=logs)["logGroups"])["retentionInDays"], 30)


def stands(outputs):
    """All that stack.kdl says beside the containers."""
    outputs = json.loads(outputs)
    network_stands()
    the_way_in(outputs)
    data_stands(outputs)
    names_stand()
    pipeline_stands(outputs)


def network_stands():
    ec2 = of("ec2")
    vpc = the(ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.0.0.0/16"]}])["Vpcs"])["VpcId"]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    same(len(ec2.describe_subnets(Filters=inside)["Subnets"]), 4)
    nat = the(ec2.describe_nat_gateways(Filters=inside)["NatGateways"])["NatGatewayId"]
    ways = [route for table in ec2.describe_route_tables(Filters=inside)["RouteTables"] for route in table["Routes"]]
    out = sorted(route.get("NatGatewayId") or route["GatewayId"][:4] for route in ways if route.get("DestinationCidrBlock") == "0.0.0.0/0")
    same(out, ["igw-", nat, nat])


def the_way_in(outputs):
    elb = of("elbv2")
    balancer = the(elb.describe_load_balancers()["LoadBalancers"])
    same((balancer["DNSName"], balancer["Scheme"]), (outputs["alb_hostname"], "internet-facing"))
    listeners = {one["Port"]: one for one in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]}
    same(sorted(listeners), [80, 443])
    same(listeners[80]["DefaultActions"][0]["RedirectConfig"]["Port"], "443")
    proof = of("acm").describe_certificate(CertificateArn=listeners[443]["Certificates"][0]["CertificateArn"])["Certificate"]
    same((proof["DomainName"], proof["Status"]), ("www.botolphs.example", "ISSUED"))
    group = the(elb.describe_target_groups()["TargetGroups"])
    same((group["Port"], group["HealthCheckPath"]), (80, "/healthz"))
    same(service_of()["loadBalancers"][0]["targetGroupArn"], group["TargetGroupArn"])
    rules = elb.describe_rules(ListenerArn=listeners[443]["ListenerArn"])["Rules"]
    same([rule["Actions"][0]["TargetGroupArn"] for rule in rules if not rule["IsDefault"]], [group["TargetGroupArn"]])


def data_stands(outputs):
    instance = the(of("rds").describe_db_instances()["DBInstances"])
    same(outputs["db_endpoint"], f"{instance['Endpoint']['Address']}:{instance['Endpoint']['Port']}")
    said = {
        "Engine": "postgres", "AllocatedStorage": 20, "StorageType": "gp3", "StorageEncrypted": True, "DBInstanceClass": "db.t4g.small",
        "DBName": "botolphsdata", "MasterUsername": "botolphsuser", "BackupRetentionPeriod": 7, "MultiAZ": False,
        "PubliclyAccessible": False, "DeletionProtection": True,
    }
    same({name: instance[name] for name in said}, said)
    same(instance["EngineVersion"].partition(".")[0], "16")
    ec2, door = of("ec2"), instance["VpcSecurityGroups"][0]["VpcSecurityGroupId"]
    into = ec2.describe_security_groups(GroupIds=[door])["SecurityGroups"][0]["IpPermissions"]
    same({(rule["FromPort"], rule["ToPort"]) for rule in into}, {(5432, 5432)})
    assert not any(rule["IpRanges"] for rule in into), into
    others = sorted(pair["GroupId"] for rule in into for pair in rule["UserIdGroupPairs"])
    described = ec2.describe_security_groups(GroupIds=others)["SecurityGroups"]
    same(sorted(group["Description"] for group in described), ["Job createsuperuser", "Job migrate", "Service web"])

    s3, media = of("s3"), outputs["bucket_domain_name"].partition(".")[0]
    same(s3.get_bucket_versioning(Bucket=media)["Status"], "Enabled")
    assert all(s3.get_public_access_block(Bucket=media)["PublicAccessBlockConfiguration"].values())
    statement = the(json.loads(s3.get_bucket_policy(Bucket=media)["Policy"])["Statement"])
    same((statement["Effect"], statement["Condition"]), ("Deny", {"Bool": {"aws:SecureTransport": "false"}}))
    same(the(s3.get_bucket_lifecycle_configuration(Bucket=media)["Rules"])["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7)


def names_stand():
    zone = the(of("route53").list_hosted_zones()["HostedZones"])["Id"]
    records = of("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    alias = the([record for record in records if record["Type"] == "A"])
    same(alias["Name"], "www.botolphs.example.")
    same(alias["AliasTarget"]["DNSName"].rstrip("."), the(of("elbv2").describe_load_balancers()["LoadBalancers"])["DNSName"])
    tokens = of("sesv2").get_email_identity(EmailIdentity="botolphs.example")["DkimAttributes"]["Tokens"]
    keys = sorted(record["Name"] for record in records if "_domainkey" in record["Name"])
    same(keys, sorted(f"{token}._domainkey.botolphs.example." for token in tokens))
    same(sorted(record["Type"] for record in records if record["Name"] == "mail.botolphs.example."), ["MX", "TXT"])


def pipeline_stands(outputs):
    there = the(of("ecr").describe_repositories()["repositories"])
    same((there["repositoryUri"], there["imageScanningConfiguration"]["scanOnPush"]), (outputs["image_repository"], True))
    name = the(of("codepipeline").list_pipelines()["pipelines"])["name"]
    source, build = of("codepipeline").get_pipeline(name=name)["pipeline"]["stages"]
    same(source["actions"][0]["configuration"]["FullRepositoryId"], "asanami/botolphs")
    project = the(of("codebuild").batch_get_projects(names=of("codebuild").list_projects()["projects"])["projects"])
    same(build["actions"][0]["configuration"]["ProjectName"], project["name"])
    environment = {pair["name"]: pair["value"] for pair in project["environment"]["environmentVariables"]}
    same((environment["REGISTRY"], environment["SERVICE"]), (outputs["image_repository"], service_of()["serviceName"]))


def protected(on):
    """The stack as a whole, what its policy says of the database, and the database itself."""
    cloudformation = of("cloudformation")
    stack = the(cloudformation.describe_stacks(StackName="botolphs")["Stacks"])
    statements = json.loads(cloudformation.get_stack_policy(StackName="botolphs")["StackPolicyBody"])["Statement"]
    denied = [statement["Resource"] for statement in statements if statement["Effect"] == "Deny"]
    instance = the(of("rds").describe_db_instances()["DBInstances"])
    same((stack["EnableTerminationProtection"], denied), (True, [["LogicalResourceId/DataPassword", "LogicalResourceId/DataInstance"]]) if on == "on" else (False, []))
    same(instance["DeletionProtection"], on == "on")
    hidden = {pair["ParameterKey"]: pair["ParameterValue"] for pair in stack["Parameters"]}
    same((hidden["S3AccessKey"], hidden["S3AccessSecret"]), ("****", "****"))


def task():
    """The task definition that the service runs."""
    return service_of()["taskDefinition"]


def scale(count):
    """Somebody gives the service another number of tasks."""
    service = service_of()
    of("ecs").update_service(cluster=service["clusterArn"], service=service["serviceArn"], desiredCount=int(count))


def remove_proof():
    """Somebody takes the record out that proves the certificate, which AWS leaves in the zone."""
    route53 = of("route53")
    zone = the(route53.list_hosted_zones()["HostedZones"])["Id"]
    left = [one for one in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"] if one["Type"] not in ("NS", "SOA")]
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": the(left)}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def push():
    """Somebody pushes an image."""
    name = the(of("ecr").describe_repositories()["repositories"])["repositoryName"]
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": {}, "layers": []})
    of("ecr").put_image(repositoryName=name, imageManifest=manifest, imageTag="live")


def take(name):
    """Somebody has a repository of this name already."""
    of("ecr").create_repository(repositoryName=name)


def give(name):
    of("ecr").delete_repository(repositoryName=name)


def refused(template):
    """What CloudFormation says of a template with one resource, before it does anything or when it has tried."""
    cloudformation, name = of("cloudformation"), "refused"
    asked = {"StackName": name, "ChangeSetName": "first", "ChangeSetType": "CREATE", "TemplateBody": template}
    try:
        change_set = cloudformation.create_change_set(**asked)
    except cloudformation.exceptions.ClientError as error:
        return str(error)
    cloudformation.execute_change_set(ChangeSetName=change_set["Id"])
    while the(cloudformation.describe_stacks(StackName=name)["Stacks"])["StackStatus"] != "ROLLBACK_COMPLETE":
        time.sleep(0.01)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    cloudformation.delete_stack(StackName=name)
    while the(cloudformation.describe_stacks(StackName=change_set["StackId"])["Stacks"])["StackStatus"] != "DELETE_COMPLETE":
        time.sleep(0.01)
    return the([event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "ROLLBACK_IN_PROGRESS"]) + str(events)


for line in sys.stdin:
    function, *arguments = json.loads(line)
    try:
        said = [None, globals()[function](*arguments) or ""]
    except Exception:  # whatever it is, the test says it
        said = [traceback.format_exc(), ""]
    print(json.dumps(said), flush=True)
