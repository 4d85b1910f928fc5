//! What exists already is looked up by the real provider, used, and left as it was.

use super::{Aws, Run};

const SHOP: &str = r#"stack shop {
    (existing)network corp
    (existing)firewall office name=office network=corp
    (existing)bucket media name=acme-media
    (existing)dns-zone site domain="shop.example"

    firewall inner network=corp {
        allow metrics port=9100 cidr="192.0.2.0/24"
    }
    load-balancer hall network=corp {
        internal
        listen 80
    }
    dns-record hello zone=site kind=TXT label=hello {
        values hi
    }
    output domain (get)media.domain
}
"#;

const OWNED: &str = r#"
ec2 = of('ec2')
vpc = ec2.create_vpc(CidrBlock='10.9.0.0/16')['Vpc']['VpcId']
ids = [ec2.create_subnet(VpcId=vpc, CidrBlock=f'10.9.{n}.0/24', AvailabilityZone=f'us-east-1{z}')['Subnet']['SubnetId'] for n, z in enumerate('ab')]
ec2.create_security_group(GroupName='office', Description='the office', VpcId=vpc)
of('route53').create_hosted_zone(Name='shop.example', CallerReference='owned')
of('s3').create_bucket(Bucket='acme-media')
print(vpc, ', '.join(ids), sep=';', end='')
"#;

/// All that can be seen of it.
const SEEN: &str = r#"
ec2, zones = of('ec2'), of('route53').list_hosted_zones()['HostedZones']
names = ['office', 'default']
print(ec2.describe_vpcs()['Vpcs'], ec2.describe_subnets()['Subnets'])
print([group for group in ec2.describe_security_groups()['SecurityGroups'] if group['GroupName'] in names])
print(of('s3').list_buckets()['Buckets'], [zone['Name'] for zone in zones])
print(sorted(one['Name'] + one['Type'] for one in of('route53').list_resource_record_sets(HostedZoneId=zones[0]['Id'])['ResourceRecordSets']))
"#;

#[test]
fn what_exists_is_looked_up_and_left_as_it_was() {
    let Some(aws) = Aws::start() else { return };
    let made = aws.behind(OWNED);
    let (vpc, subnets) = made.split_once(';').unwrap();
    let before = aws.behind(SEEN);
    let run = Run::new(SHOP, "tf-aws", aws.environment.clone());
    // A list is given with commas, whatever the engine wants.
    let run = run.with("STACKC_PARAM_CORP_VPC", vpc).with("STACKC_PARAM_CORP_PRIVATE_SUBNETS", subnets).with("STACKC_STATE", "local");
    run.ok(&["deploy", "--yes"]);
    assert!(run.ok(&["outputs"]).stdout.contains("acme-media.s3"), "the bucket was found");
    let during = aws.behind(SEEN);
    assert_eq!(during.replace("'hello.shop.example.TXT', ", ""), before);
    assert_ne!(during, before, "the record is there");
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["destroy", "--yes"]);
    assert_eq!(aws.behind(SEEN), before);
}
