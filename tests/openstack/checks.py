"""What a user of a stack expects of the cloud, asked from its services one by one; nothing here asks Heat how it went.

Each check compares what a template says with what is there, and gives a sentence for everything that is not as expected.
"""

import base64
import ipaddress
import json

import dns.message
import dns.query
import dns.rdata
import yaml


class Stack:
    """A stack's template and parameters, and the cloud that it was put on, as its owner and as an administrator sees it."""

    def __init__(self, cloud, admin, name_server, template, parameters, physical):
        self.cloud, self.admin, self.name_server = cloud, admin, name_server
        self.template, self.parameters, self.physical = template, parameters, physical

    def all(self, kind: str):
        """Names, properties and physical ids of the resources of a type."""
        for name, body in self.template["resources"].items():
            if body["type"] == kind:
                yield name, body.get("properties", {}), self.physical[name]

    def known(self, value):
        """A value without the functions that only name a resource or a parameter."""
        if isinstance(value, dict) and len(value) == 1:
            [(function, argument)] = value.items()
            if function == "get_resource":
                return self.physical[argument]
            if function == "get_param":
                return self.parameters.get(argument, self.template["parameters"][argument].get("default"))
        return value


def counted(what: str, wanted: int, found: int):
    if wanted != found:
        yield f"{what}: {wanted} in the template, {found} there"


def servers(stack: Stack):
    """As many servers as the template has, each running, on its own port, with user data that cloud-init can read."""
    wanted = list(stack.all("OS::Nova::Server"))
    found = {server["id"]: server for server in stack.cloud.compute.get("/servers/detail").json()["servers"]}
    yield from counted("servers", len(wanted), len(found))
    for name, properties, physical in wanted:
        server = found.get(physical)
        if not server:
            yield f"server {name} is not there"
            continue
        if server["status"] != "ACTIVE":
            yield f"server {name} is {server['status']}"
        ports = {stack.known(network["port"]) for network in properties.get("networks", []) if "port" in network}
        attached = {port.id for port in stack.cloud.network.ports(device_id=physical)}
        if attached != ports:
            yield f"server {name} is attached to {attached}, not to {ports}"
        # Nova shows it to administrators only.
        shown = stack.admin.compute.get(f"/servers/{physical}", microversion="2.3").json()["server"]
        yield from user_data(name, base64.b64decode(shown["OS-EXT-SRV-ATTR:user_data"] or "").decode())


def user_data(server: str, text: str):
    if not text.startswith("#cloud-config\n"):
        yield f"server {server}: user data is no cloud-config: {text[:60]!r}"
        return
    for file in yaml.safe_load(text).get("write_files", []):
        content = file["content"]
        if not isinstance(content, str):
            yield f"server {server}: {file['path']} is no text"
        elif file["path"].endswith(".json"):
            for container in json.loads(content)["spec"]["containers"]:
                for variable in container.get("env", []):
                    if not isinstance(variable["value"], str) or not variable["value"]:
                        yield f"server {server}: {variable['name']} is {variable['value']!r}"


def ports(stack: Stack):
    """Ports with an address of their subnet, and with just the groups that they are given."""
    for name, properties, physical in stack.all("OS::Neutron::Port"):
        port = stack.cloud.network.get_port(physical)
        for fixed in properties.get("fixed_ips", []):
            subnet = stack.cloud.network.get_subnet(stack.known(fixed["subnet"]))
            [address] = [entry["ip_address"] for entry in port.fixed_ips]
            if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet.cidr):
                yield f"port {name} has {address}, which is not in {subnet.cidr}"
        groups = {stack.known(group) for group in properties.get("security_groups", [])}
        if groups and set(port.security_group_ids) != groups:
            yield f"port {name} is in the groups {port.security_group_ids}, not in {groups}"


def private_servers(stack: Stack):
    """No server has a port in a subnet that is meant for what the internet reaches, nor an address out there."""
    for _, _, physical in stack.all("OS::Nova::Server"):
        for port in stack.cloud.network.ports(device_id=physical):
            for fixed in port.fixed_ips:
                subnet = stack.cloud.network.get_subnet(fixed["subnet_id"])
                if "-private-" not in subnet.name:
                    yield f"a server is in the subnet {subnet.name}"
            if list(stack.cloud.network.ips(port_id=port.id)):
                yield f"a server has a floating IP: {port.id}"


def rule(direction, ethertype, protocol, low, high, prefix, group):
    anywhere = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}[ethertype or "IPv4"]
    number = lambda port: None if port is None else int(port)
    return direction, ethertype or "IPv4", protocol, number(low), number(high), None if prefix == anywhere else prefix, group


def security_groups(stack: Stack):
    """Just the rules of the template: none is missing, and Neutron's own for all that leaves are gone."""
    names = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    for name, properties, physical in stack.all("OS::Neutron::SecurityGroup"):
        bodies = list(properties.get("rules", []))
        bodies += [body for _, body, _ in stack.all("OS::Neutron::SecurityGroupRule") if stack.known(body["security_group"]) == physical]
        wanted, vague = set(), False
        for body in bodies:
            known = [stack.known(body.get(key)) for key in names]
            if any(isinstance(value, dict) for value in known):
                vague = True
                continue
            wanted.add(rule(*known, stack.known(body.get("remote_group", body.get("remote_group_id")))))
        found = {
            rule(r.direction, r.ether_type, r.protocol, r.port_range_min, r.port_range_max, r.remote_ip_prefix, r.remote_group_id)
            for r in stack.cloud.network.security_group_rules(security_group_id=physical)
        }
        if vague:
            # A prefix made of another resource's address: for such a rule its number has to do.
            yield from counted(f"rules of {name}", len(bodies), len(found))
            if wanted - found:
                yield f"group {name}: missing {wanted - found}"
        elif wanted != found:
            yield f"group {name}: missing {wanted - found}, unasked for {found - wanted}"


def routing(stack: Stack):
    """Routers have their gateway, and an interface in each subnet that they are joined to."""
    for name, properties, physical in stack.all("OS::Neutron::Router"):
        router = stack.cloud.network.get_router(physical)
        if "external_gateway_info" in properties and not router.external_gateway_info:
            yield f"router {name} has no gateway"
    for name, properties, _ in stack.all("OS::Neutron::RouterInterface"):
        subnet = stack.known(properties["subnet"])
        owned = stack.cloud.network.ports(device_id=stack.known(properties["router"]), device_owner="network:router_interface")
        if not any(fixed["subnet_id"] == subnet for port in owned for fixed in port.fixed_ips):
            yield f"router interface {name}: no port in its subnet"
    for name, _, physical in stack.all("OS::Neutron::FloatingIP"):
        address = stack.cloud.network.get_ip(physical)
        if not address.port_id or not address.fixed_ip_address:
            yield f"floating IP {name} leads nowhere"


#: What Octavia calls a kind in its addresses, and what Heat calls it.
BALANCING = {
    "loadbalancers": "OS::Octavia::LoadBalancer",
    "listeners": "OS::Octavia::Listener",
    "pools": "OS::Octavia::Pool",
    "healthmonitors": "OS::Octavia::HealthMonitor",
    "l7policies": "OS::Octavia::L7Policy",
}


def load_balancers(stack: Stack):
    """Everything of Octavia's is active, in the number of the template; policies are in their places and lead where they should."""
    lists = {kind: stack.cloud.load_balancer.get(f"/lbaas/{kind}").json()[kind] for kind in BALANCING}
    for kind, type in BALANCING.items():
        yield from counted(kind, len(list(stack.all(type))), len(lists[kind]))
        for item in lists[kind]:
            if item["provisioning_status"] != "ACTIVE":
                yield f"{kind} {item['name']} is {item['provisioning_status']}"
    for name, properties, _ in stack.all("OS::Octavia::PoolMember"):
        pool = stack.known(properties["pool"])
        members = stack.cloud.load_balancer.get(f"/lbaas/pools/{pool}/members").json()["members"]
        subnet = stack.known(properties["subnet"]) if "subnet" in properties else None
        port = properties["address"]["get_attr"][0]
        address = stack.cloud.network.get_port(stack.physical[port]).fixed_ips[0]["ip_address"]
        if not any(m["address"] == address and m["subnet_id"] == subnet and m["provisioning_status"] == "ACTIVE" for m in members):
            yield f"member {name}: {address} is not among the active ones of its pool"
        siblings = [body for _, body, _ in stack.all("OS::Octavia::PoolMember") if stack.known(body["pool"]) == pool]
        yield from counted(f"members beside {name}", len(siblings), len(members))
    policies = {policy["id"]: policy for policy in lists["l7policies"]}
    for name, properties, physical in stack.all("OS::Octavia::L7Policy"):
        policy = policies.get(physical)
        if not policy:
            yield f"policy {name} is not there"
            continue
        wanted = [properties["action"], stack.known(properties["listener"])]
        found = [policy["action"], policy["listener_id"]]
        for property, member in (("position", "position"), ("redirect_pool", "redirect_pool_id"), ("redirect_url", "redirect_url"), ("redirect_prefix", "redirect_prefix")):
            value = stack.known(properties.get(property))
            if value is not None and not isinstance(value, dict):
                wanted.append(value)
                found.append(policy[member])
        if wanted != found:
            yield f"policy {name} is {found}, not {wanted}"
        rules = stack.cloud.load_balancer.get(f"/lbaas/l7policies/{physical}/rules").json()["rules"]
        own = [body for _, body, _ in stack.all("OS::Octavia::L7Rule") if stack.known(body["l7policy"]) == physical]
        as_said = sorted((body["type"], body["compare_type"], body["value"], bool(body.get("invert"))) for body in own)
        if as_said != sorted((r["type"], r["compare_type"], r["value"], r["invert"]) for r in rules):
            yield f"policy {name} has the rules {rules}, not {as_said}"
        if any(r["provisioning_status"] != "ACTIVE" for r in rules):
            yield f"policy {name}: not all of its rules are active"
    for name, properties, physical in stack.all("OS::Octavia::Listener"):
        listener = stack.cloud.load_balancer.get(f"/lbaas/listeners/{physical}").json()["listener"]
        for property in ("protocol", "protocol_port", "default_tls_container_ref", "allowed_cidrs"):
            value = stack.known(properties.get(property))
            if value is not None and listener[property] != value:
                yield f"listener {name}: {property} is {listener[property]!r}, not {value!r}"
        if listener["protocol"] == "TERMINATED_HTTPS" and set(listener["tls_versions"]) - {"TLSv1.2", "TLSv1.3"}:
            yield f"listener {name} speaks {listener['tls_versions']}"
    for balancer in lists["loadbalancers"]:
        port = stack.cloud.network.get_port(balancer["vip_port_id"])
        if [fixed["ip_address"] for fixed in port.fixed_ips] != [balancer["vip_address"]]:
            yield f"load balancer {balancer['name']}: its address is not that of its port"


def names(stack: Stack):
    """Zones and records are active in Designate, and its name server answers with just the records of the template."""
    for name, _, physical in stack.all("OS::Designate::Zone"):
        if (status := stack.cloud.dns.get_zone(physical).status) != "ACTIVE":
            yield f"zone {name} is {status}"
    for name, properties, physical in stack.all("OS::Designate::RecordSet"):
        zone = stack.known(properties["zone"])
        record = stack.cloud.dns.get(f"/zones/{zone}/recordsets/{physical}").json()
        if record["status"] != "ACTIVE":
            yield f"record {name} is {record['status']}"
        query = dns.message.make_query(record["name"], record["type"])
        answer = dns.query.udp(query, "127.0.0.1", port=stack.name_server, timeout=5)
        read = lambda text: dns.rdata.from_text("IN", record["type"], text).to_text()
        found = sorted(item.to_text() for entry in answer.answer for item in entry)
        if found != sorted(map(read, record["records"])):
            yield f"record {name}: {record['type']} {record['name']} is answered with {found}"
        known = [stack.known(value) for value in properties["records"]] if isinstance(properties["records"], list) else []
        if known and not any(isinstance(value, dict) for value in known) and sorted(known) != sorted(record["records"]):
            yield f"record {name} holds {record['records']}, not {known}"


def containers(stack: Stack):
    """Containers are there, and a stranger may read only those that are meant for it."""
    store = stack.cloud.object_store
    for name, properties, physical in stack.all("OS::Swift::Container"):
        if store.head(f"/{physical}").status_code != 204:
            yield f"container {name} is not there"
        if store.put(f"/{physical}/proof", data=b"x").status_code != 201:
            yield f"container {name} takes no object"
        stranger = store.session.get(f"{store.get_endpoint()}/{physical}/proof", authenticated=False, raise_exc=False)
        wanted = 200 if ".r:*" in properties.get("X-Container-Read", "") else 401
        if stranger.status_code != wanted:
            yield f"container {name}: a stranger's request is answered with {stranger.status_code}, not {wanted}"
        store.delete(f"/{physical}/proof")


def payload(cloud, reference: str) -> str:
    identity = reference.rpartition("/")[2]
    return cloud.key_manager.get(f"/secrets/{identity}/payload", headers={"Accept": "text/plain"}).text


def kept_secrets(stack: Stack):
    """Barbican has every secret, and it is what was drawn or given."""
    for name, properties, physical in stack.all("OS::Barbican::Secret"):
        identity = physical.rpartition("/")[2]
        if (status := stack.cloud.key_manager.get(f"/secrets/{identity}").json().get("status")) != "ACTIVE":
            yield f"secret {name} is {status}"
            continue
        found, source = payload(stack.cloud, physical), properties.get("payload")
        known = stack.known(source)
        if isinstance(known, str) and found != known:
            yield f"secret {name} is not what it was given"
        if isinstance(source, dict) and "get_attr" in source:
            length = stack.template["resources"][source["get_attr"][0]]["properties"]["length"]
            if len(found) != length:
                yield f"secret {name} has {len(found)} characters, not {length}"


#: Each with the words of the table of steps.
CHECKS = {
    "servers run, their user data is whole": servers,
    "ports: address and groups": ports,
    "servers in private subnets only": private_servers,
    "security groups: these rules, no others": security_groups,
    "routers, interfaces, floating IPs": routing,
    "load balancers: listeners to rules": load_balancers,
    "zones and records, and DNS answers": names,
    "containers, and who may read them": containers,
    "secrets": kept_secrets,
}


def left(cloud) -> dict[str, dict[str, str]]:
    """Everything of the project's, by kind: id to name."""
    network, balancing = cloud.network, cloud.load_balancer
    project = cloud.current_project_id
    found = {
        "server": {s.id: s.name for s in cloud.compute.servers()},
        "server group": {g.id: g.name for g in cloud.compute.server_groups()},
        "floating IP": {a.id: a.floating_ip_address for a in network.ips(project_id=project)},
        "router": {r.id: r.name for r in network.routers(project_id=project)},
        "port": {p.id: p.name or p.device_owner for p in network.ports(project_id=project)},
        "subnet": {s.id: s.name for s in network.subnets(project_id=project)},
        "network": {n.id: n.name for n in network.networks(project_id=project)},
        "security group": {g.id: g.name for g in network.security_groups(project_id=project) if g.name != "default"},
        "zone": {z.id: z.name for z in cloud.dns.zones()},
        "container": {c.name: c.name for c in cloud.object_store.containers()},
        "secret": {s["secret_ref"]: s["name"] for s in cloud.key_manager.get("/secrets?limit=1000").json()["secrets"]},
        "certificate container": {c["container_ref"]: c["name"] for c in cloud.key_manager.get("/containers?limit=1000").json()["containers"]},
    }
    for kind in BALANCING:
        found[kind] = {item["id"]: item["name"] for item in balancing.get(f"/lbaas/{kind}").json()[kind]}
    return found
