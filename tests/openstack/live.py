"""Puts stacks, compiled for the target `hot`, on a live OpenStack: makes, looks, changes, looks again, deletes.

    live.py [--running] [--stackc PROGRAM] [--rules FOLDER] [--stage NAME] [STACK...]

Starts the cloud of `rig.py`, and stops it whatever happens. Prints a table of steps, and exits with 1 if anything was not
as expected. Without a STACK it is examples/botolphs, whose stage `prod` is the change; `all` is every example, each changed by the
first of its stages, or by other images; `changes` are the stacks below `changes`, whose change is what could fail.
"""

import argparse
import contextlib
import datetime
import json
import re
import secrets
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import rig
import stand_in
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent

#: How long Heat may take for one step.
MINUTES = 10


#: In the place of a stage: the change is another image of everything that has one.
NEXT = "another image"


def named(stage: str) -> str:
    """What a change is called."""
    return stage if stage == NEXT else f"its stage {stage}"


class Broken(Exception):
    """A step after which the next ones make no sense."""


class Table:
    """The steps as they are done, and how many expectations failed."""

    def __init__(self):
        self.failed, self.began = 0, time.monotonic()

    @contextlib.contextmanager
    def step(self, what: str):
        """What is put into the list is printed behind the step's name; `wrong` takes what is not as expected."""
        notes, wrong, began = [], [], time.monotonic()
        try:
            yield notes, wrong
        except Broken as fault:
            wrong.append(str(fault))
            raise
        except Exception:  # whatever a check stumbles over is not as expected
            wrong.extend(traceback.format_exc().splitlines()[-5:])
            raise Broken from None
        finally:
            self.failed += len(wrong)
            print(f"  {'FAILED' if wrong else 'ok':6} {time.monotonic() - began:6.1f} s  {what}{': ' if notes else ''}{', '.join(notes)}", flush=True)
            for sentence in wrong:
                print(f"                     {sentence}", flush=True)


class Loader(yaml.SafeLoader):
    """Reads a template as Heat does: a date is text."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def compiled(options, stack: Path, stage: str | None) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        if stage == NEXT:
            text = re.sub(r'\bimage "([^"]+)"', r'image "\1-next"', stack.read_text(encoding="utf-8"))
            stack, stage = Path(folder) / "stack.kdl", None
            stack.write_text(text, encoding="utf-8")
        command = [options.stackc, "build", stack, "--target", "hot", "--output", folder]
        command += ["--stage", stage] if stage else []
        command += ["--targets", options.rules] if options.rules else []
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise Broken(done.stderr)
        # The folder is called after the stage as well.
        [template] = Path(folder).glob("*/template.yaml")
        return yaml.load(template.read_text(encoding="utf-8"), Loader)


class Heat:
    """One stack of Heat's."""

    def __init__(self, cloud, name: str):
        self.api, self.name, self.path = cloud.orchestration, name, None

    def send(self, method: str, path: str, template: dict, parameters: dict) -> dict:
        body = {"stack_name": self.name, "template": json.dumps(template), "parameters": parameters, "timeout_mins": MINUTES, "disable_rollback": True}
        answer = self.api.request(path, method, json=body, raise_exc=False)
        if answer.status_code >= 300:
            raise Broken(f"Heat refuses it: {answer.json()['error']['message']}")
        # An update is taken without a word of JSON.
        return answer.json() if answer.status_code != 202 else {}

    def create(self, template: dict, parameters: dict) -> None:
        made = self.send("POST", "/stacks", template, parameters)
        self.path = f"/stacks/{self.name}/{made['stack']['id']}"
        self.wait("CREATE")

    def update(self, template: dict, parameters: dict) -> None:
        self.send("PUT", self.path, template, parameters)
        self.wait("UPDATE")

    def wait(self, action: str) -> None:
        limit = time.monotonic() + MINUTES * 60
        while time.monotonic() < limit:
            stack = self.api.get(self.path).json().get("stack", {"stack_status": "DELETE_COMPLETE", "stack_status_reason": ""})
            if stack["stack_status"] == f"{action}_COMPLETE":
                return
            if stack["stack_status"].endswith("_FAILED"):
                failed = [f"{r['resource_name']}: {r['resource_status_reason']}" for r in self.resources().values() if r["resource_status"].endswith("_FAILED")]
                raise Broken("\n                     ".join([f"{stack['stack_status']}: {stack['stack_status_reason']}", *failed]))
            time.sleep(0.5)
        raise Broken(f"{action} takes more than {MINUTES} minutes")

    def delete(self) -> None:
        self.api.delete(self.path)
        self.wait("DELETE")

    def resources(self) -> dict[str, dict]:
        return {resource["resource_name"]: resource for resource in self.api.get(f"{self.path}/resources").json()["resources"]}

    def events(self) -> set[str]:
        """What was done to single resources; the stack's own beginnings and ends are left out."""
        events = self.api.get(f"{self.path}/events?limit=10000").json()["events"]
        return {event["id"] for event in events if event["resource_name"] != self.name}

    def outputs(self) -> list[dict]:
        return self.api.get(self.path).json()["stack"].get("outputs", [])


def certificate(cloud) -> str:
    """A Barbican container with a key and a certificate that it has signed itself, made as its owner would."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    texts = {
        "certificate": made.public_bytes(pem),
        "private_key": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    }
    references = []
    for name, text in texts.items():
        body = {"name": name, "payload": text.decode(), "payload_content_type": "text/plain"}
        references.append({"name": name, "secret_ref": cloud.key_manager.post("/secrets", json=body).json()["secret_ref"]})
    return cloud.key_manager.post("/containers", json={"name": "site", "type": "certificate", "secret_refs": references}).json()["container_ref"]


def parameters(template: dict, cloud, container: str) -> dict[str, str]:
    """A value for each parameter that has none; the others keep theirs, for the cloud has what they name."""
    store = cloud.object_store.get_endpoint().partition("://")[2]
    known = {"container": container, "object_store": store, "name_servers": "ns1.loopback.invalid", "smtp_host": "smtp.loopback.invalid", "url": "registry.loopback.invalid/team"}
    given = {}
    for name, body in template.get("parameters", {}).items():
        if "default" in body:
            continue
        fitting = [value for ending, value in known.items() if name == ending or name.endswith(f"_{ending}")]
        if body.get("hidden"):
            # With what a file or a shell would stumble over.
            given[name] = secrets.token_hex(16) + "'\"$\\{}: #"
        elif body["type"] == "number":
            given[name] = "1"
        else:
            given[name] = (fitting or [f"{name}-given"])[0]
    return given


def look(table: Table, cloud, admin, port: int, heat: Heat, template: dict, given: dict) -> dict[str, str]:
    """Everything that a user expects of a stack that is there. Gives the resources' physical ids."""
    import checks

    resources = heat.resources()
    with table.step("Heat's resources") as (notes, wrong):
        notes.append(f"{len(resources)}")
        wrong.extend(f"{name}: {body['resource_status']}" for name, body in resources.items() if not body["resource_status"].endswith("_COMPLETE"))
        if resources.keys() != template["resources"].keys():
            wrong.append(f"there are others than in the template: {resources.keys() ^ template['resources'].keys()}")
    physical = {name: body["physical_resource_id"] for name, body in resources.items()}
    stack = checks.Stack(cloud, admin, port, template, given, physical)
    for what, check in checks.CHECKS.items():
        with contextlib.suppress(Broken), table.step(what) as (_, wrong):
            wrong.extend(check(stack))
    with table.step("outputs") as (notes, wrong):
        outputs = heat.outputs()
        wrong.extend(f"{output['output_key']}: {output.get('output_error', output.get('output_value'))!r}" for output in outputs if not output.get("output_value"))
        notes.append(" ".join(f"{output['output_key']}={output.get('output_value')}" for output in outputs))
    return physical


def empty(cloud, container: str) -> None:
    for item in cloud.object_store.objects(container):
        cloud.object_store.delete_object(item, container=container)
    cloud.object_store.delete_container(container)


#: How to take away by hand what `protect` has kept, or what a stack that failed has left.
REMOVE = {
    "floating IP": lambda cloud, identity: cloud.network.delete_ip(identity),
    "loadbalancers": lambda cloud, identity: cloud.load_balancer.delete_load_balancer(identity, cascade=True),
    "port": lambda cloud, identity: cloud.network.delete_port(identity),
    "zone": lambda cloud, identity: cloud.dns.delete_zone(identity),
    "container": empty,
    "secret": lambda cloud, identity: cloud.key_manager.delete(f"/secrets/{identity.rpartition('/')[2]}"),
}


def new(cloud, before: dict) -> dict[str, dict[str, str]]:
    """What there is beyond what there was before."""
    import checks

    return {kind: {key: name for key, name in items.items() if key not in before[kind]} for kind, items in checks.left(cloud).items()}


def live(options, table: Table, cloud, admin, port: int, path: Path, stage: str | None) -> None:
    """The whole life of one stack. If it breaks off, the stack is taken away as far as that goes, for the next one to find the cloud empty."""
    print(f"\n{path}{f', changed by {named(stage)}' if stage else ''}", flush=True)
    import checks

    heat, before = Heat(cloud, path.parent.name), checks.left(cloud)
    try:
        life(options, table, cloud, admin, port, heat, path, stage, before)
    except Broken:
        print("  the steps after it are left out", flush=True)
        tidy(cloud, heat, before)


def tidy(cloud, heat: Heat, before: dict) -> None:
    for _ in range(2):
        with contextlib.suppress(Broken):
            if heat.path:
                heat.delete()
        for kind, act in REMOVE.items():
            for identity in new(cloud, before)[kind]:
                with contextlib.suppress(Exception):  # the second round may have more luck
                    act(cloud, identity)


def life(options, table: Table, cloud, admin, port: int, heat: Heat, path: Path, stage: str | None, before: dict) -> None:
    with table.step("compiled") as (notes, _):
        template, taken = stand_in.without(compiled(options, path, None))
        notes.append(f"{len(template['resources'])} resources")
        notes.extend(f"{type} `{name}` is stood in for" for name, type in taken.items())
    given = parameters(template, cloud, options.container)
    with table.step("create"):
        heat.create(template, given)
    physical = look(table, cloud, admin, port, heat, template, given)
    # What is replaced stays as well, where `protect` keeps it.
    kept = {physical[name]: name for name, body in template["resources"].items() if body.get("deletion_policy") == "Retain"}
    if stage:
        changed, _ = stand_in.without(compiled(options, path, stage))
        with table.step(f"update to {named(stage)}"):
            given = {**parameters(changed, cloud, options.container), **given}
            given = {name: value for name, value in given.items() if name in changed.get("parameters", {})}
            heat.update(changed, given)
        now = look(table, cloud, admin, port, heat, changed, given)
        with table.step("what did not change in the template was not replaced") as (notes, wrong):
            same = [name for name, body in template["resources"].items() if changed["resources"].get(name) == body]
            others = {name for name in same if physical[name] != now[name]}
            # What refers to another one that was replaced may have to be.
            elsewhere = {name for name in now if physical.get(name) != now[name]}
            because = {name for name in others if any(f'"{other}"' in json.dumps(template["resources"][name]) for other in elsewhere - {name})}
            wrong.extend(f"{name} was replaced" for name in others - because)
            notes.append(f"{len(same)} resources")
        template, physical = changed, now
    with table.step("the same once more: nothing is done") as (_, wrong):
        # By what Heat does: its preview calls every resource replaced that refers to another one.
        earlier = heat.events()
        heat.update(template, given)
        if later := heat.events() - earlier:
            wrong.append(f"Heat did {len(later)} things")
        now = {name: body["physical_resource_id"] for name, body in heat.resources().items()}
        wrong.extend(f"{name} was replaced" for name in physical if physical[name] != now[name])
    kept |= {physical[name]: name for name, body in template["resources"].items() if body.get("deletion_policy") == "Retain"}
    delete(table, cloud, heat, before, kept)


def delete(table: Table, cloud, heat: Heat, before: dict, kept: dict[str, str]) -> None:
    """Deletes the stack; what it is told to keep has to be there still, and is then taken away by hand."""
    in_the_way = {kind: [key for key in new(cloud, before)[kind] if key in kept] for kind in ("floating IP", "loadbalancers", "port")}
    if any(in_the_way.values()):
        with table.step("delete, while something is kept in the network") as (notes, wrong):
            try:
                heat.delete()
                wrong.append("the network is gone from under what is kept")
            except Broken as fault:
                notes.append(str(fault).splitlines()[0])
            for kind, identities in in_the_way.items():
                there = new(cloud, before)[kind]
                wrong.extend(f"{kind} {kept[identity]} is gone" for identity in identities if identity not in there)
                for identity in identities:
                    notes.append(f"{kind} {kept[identity]} was kept and is removed by hand")
                    REMOVE[kind](cloud, identity)
    with table.step("delete"):
        heat.delete()
    with table.step("nothing is left but what `protect` keeps") as (notes, wrong):
        # The data plane of load balancers takes its time to let go of ports.
        for _ in range(20):
            rest = {kind: items for kind, items in new(cloud, before).items() if any(key not in kept for key in items)}
            if not rest:
                break
            time.sleep(0.5)
        wrong.extend(f"{kind} {name}" for kind, items in rest.items() for key, name in items.items() if key not in kept)
        for kind, items in new(cloud, before).items():
            for key, name in items.items():
                if key in kept:
                    notes.append(f"{kind} {name} was kept and is removed by hand")
                    REMOVE[kind](cloud, key)
        # Designate takes its time, too.
        for _ in range(20):
            if not any(key in kept for items in new(cloud, before).values() for key in items):
                break
            time.sleep(0.5)
        wrong.extend(f"{kind} {name} cannot be removed" for kind, items in new(cloud, before).items() for key, name in items.items() if key in kept)


def first_stage(path: Path) -> str:
    """The first stage of a stack, if it has one."""
    found = re.search(r"^\s*stage ([\w-]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else NEXT


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--stackc", type=Path, default=ROOT / "target/debug/stackc", help="the compiler")
    words.add_argument("--rules", type=Path, help="a folder of rules for it")
    words.add_argument("--stage", help="a stage of the stacks, which is the change")
    words.add_argument("--running", action="store_true", help="use the cloud that `cargo xtask openstack up` has started, and leave it running")
    words.add_argument("stacks", nargs="*", type=Path)
    options = words.parse_args()
    stacks = [(path, options.stage) for path in options.stacks] or [(ROOT / "examples/botolphs/stack.kdl", "prod")]
    for word, pattern in (("all", "examples/*/stack.kdl"), ("changes", "tests/openstack/changes/*/stack.kdl")):
        if options.stacks == [Path(word)]:
            stacks = [(path, first_stage(path)) for path in sorted(ROOT.glob(pattern))]
    table = Table()
    with rig.attached() if options.running else rig.Rig() as running:
        cloud, admin = running.connect(), running.connect("admin", "admin")
        options.container = certificate(cloud)
        for path, stage in stacks:
            live(options, table, cloud, admin, running.place.ports["dns"], path.resolve(), stage)
    total = time.monotonic() - table.began
    print(f"\n{'PASSED' if not table.failed else f'FAILED: {table.failed} expectations'} after {total:.0f} s")
    return 1 if table.failed else 0


if __name__ == "__main__":
    rig.interruptible()
    try:
        sys.exit(main())
    except rig.Failed as fault:
        sys.exit(f"rig: {fault}")
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is stopped")
