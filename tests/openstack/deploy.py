"""The life of a small stack by `stackc deploy`, on a live OpenStack: made, changed, looked at, failed, emptied, removed.

    deploy.py [--running] [--deploy PROGRAM]

Prints what a person sees, and a table of what was expected. Exits with 1 if anything was not as expected.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rig
from live import Broken, Heat, Table, new

ROOT = Path(__file__).resolve().parent.parent.parent

STACK = """stack small {
    targets hot
    param token secret=#true about="a token"
    param host default="192.0.2.1" about="address of the shop"

    network main
    firewall office network=main { allow web port=443 cidr="192.0.2.0/24"; }
    bucket media { accept "encrypted by the operator" target=hot; }
    secret key value=(get)token { accept "only members may read it" target=hot; }
    dns-zone site domain="small.example"
    dns-record www zone=site kind=A ttl=300 { values (get)host; }

    output files (get)media.domain
}
"""

#: What may be lost when all of it goes.
ALL = [word for name in ("media", "key", "site") for word in ("--allow-replace", name)]


class Person:
    """Somebody with a stack's file, at a shell."""

    def __init__(self, program: Path, environment: dict[str, str], store: str):
        self.program, self.folder = program, Path(tempfile.mkdtemp(prefix="deploy-"))
        # What a shell or a file would stumble over.
        self.secret = secrets.token_hex(8) + "'\"$\\{}: #"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_") and name != "CI"}
        self.environment = {**kept, **environment, "STACKC_PARAM_TOKEN": self.secret, "STACKC_PARAM_OBJECT_STORE": store, "STACKC_POLL_MS": "500"}
        self.printed = ""
        self.edit(None, STACK)

    def edit(self, old: str | None, new: str) -> None:
        path = self.folder / "stack.kdl"
        if old is None:
            path.write_text(new, encoding="utf-8")
            return
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise Broken(f"the stack has no {old!r}")
        path.write_text(text.replace(old, new), encoding="utf-8")
        print(f"\n# in stack.kdl: {old} → {new}", flush=True)

    def run(self, *words: str, code: int = 0) -> str:
        print(f"\n$ stackc {' '.join(words)}", flush=True)
        done = subprocess.run([self.program, *words], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600)
        self.printed, text = done.stdout, done.stderr + done.stdout
        print(text, end="", flush=True)
        if self.secret in text or self.environment["OS_PASSWORD"] in text:
            raise Broken("a secret is printed")
        if done.returncode != code:
            raise Broken(f"it ends with {done.returncode} and not with {code}")
        return text


def ids(heat: Heat) -> dict[str, str]:
    return {name: body["physical_resource_id"] for name, body in heat.resources().items()}


def compared(table: Table, person: Person, heat: Heat, what: str, *words: str) -> None:
    """Deploys, and holds what Heat did against what the plan said: which resources are others now, and which were touched at all."""
    person.run("plan", "--format", "json", *words)
    plan = json.loads(person.printed)
    said = {change["name"]: change["what"] for change in plan["changes"]}
    before, events = ids(heat), heat.events()
    person.run("deploy", "--yes", *words)
    now = ids(heat)
    touched = {event["resource_name"] for event in heat.api.get(f"{heat.path}/events?limit=10000").json()["events"] if event["id"] in heat.events() - events}
    with table.step(f"{what}: Heat does what the plan said") as (notes, wrong):
        notes.append(", ".join(f"{word} {name}" for name, word in sorted(said.items())) or "nothing")
        replaced = {name for name in before if name in now and before[name] != now[name]}
        wrong.extend(f"{name} was replaced, and the plan says {said.get(name)}" for name in replaced if said.get(name) not in ("replace", "may replace"))
        wrong.extend(f"{name} was not replaced" for name, word in said.items() if word == "replace" and name not in replaced)
        wrong.extend(f"{name} was touched, and is not in the plan" for name in touched if name not in said)
        wrong.extend(f"{name} was not touched" for name in said if name not in touched)


def life(table: Table, person: Person, cloud, before: dict) -> None:
    heat = Heat(cloud, "small")
    with table.step("plan, first"):
        if "to add" not in person.run("plan"):
            raise Broken("nothing is to add")
    with table.step("deploy, first"):
        person.run("deploy", "--yes")
        heat.path = f"/stacks/small/{next(cloud.orchestration.stacks(name='small')).id}"
    with table.step("the secret and the outputs are as they were given") as (_, wrong):
        [reference] = [physical for name, physical in ids(heat).items() if name.startswith("key")]
        payload = cloud.key_manager.get(f"/secrets/{reference.rpartition('/')[2]}/payload", headers={"Accept": "text/plain"}).text
        wrong.extend(["the secret in Barbican is another"] if payload != person.secret else [])
        person.run("outputs", "--format", "json")
        person.run("status")
    with table.step("deploy again: nothing to do, and nothing is done") as (_, wrong):
        events = heat.events()
        text = person.run("deploy", "--yes")
        wrong.extend(["the plan names changes"] if "nothing to do" not in text else [])
        wrong.extend(["Heat did something"] if heat.events() != events else [])
    person.edit("ttl=300", "ttl=60")
    compared(table, person, heat, "a change in place")
    compared(table, person, heat, "another parameter", "--set", "host=192.0.2.2")
    person.edit("small.example", "smaller.example")
    compared(table, person, heat, "another domain", "--allow-replace", "site")
    person.edit("    firewall office", '    bucket more { accept "encrypted by the operator" target=hot; }\n    firewall office')
    compared(table, person, heat, "one more bucket")
    person.secret = person.environment["STACKC_PARAM_TOKEN"] = secrets.token_hex(16)
    compared(table, person, heat, "another secret", "--allow-replace", "key")
    with table.step("what others removed is seen") as (_, wrong):
        person.run("drift", "--detailed-exitcode")
        cloud.object_store.delete_container("small-more")
        person.run("drift", "--detailed-exitcode", code=2)
        text = person.run("plan", code=1)
        wrong.extend(["the plan does not say that the old container stays"] if "the old one stays" not in text else [])
        cloud.object_store.create_container("small-more")
        person.run("drift", "--detailed-exitcode")
        wrong.extend(["something is to do"] if "nothing to do" not in person.run("deploy", "--yes") else [])
    with table.step("what the cloud refuses is at the line") as (_, wrong):
        text = person.run("deploy", "--yes", "--set", "host=not.an.address", code=3)
        wrong.extend(["the line is not shown"] if "stack.kdl" not in text else [])
        # Heat makes the record anew on the way back, and the old one is still there.
        wrong.extend(["it is not said how to go on"] if "take it out of stack.kdl" not in text else [])
    record = "    dns-record www zone=site kind=A ttl=60 { values (get)host; }\n"
    person.edit(record, "")
    with table.step("without it, and with it again"):
        person.run("deploy", "--yes")
        person.edit("    output files", record + "\n    output files")
        person.run("deploy", "--yes")
    cloud.object_store.upload_object("small-media", "photos/a & b.jpg", data=b"x")
    person.edit("bucket media {", "bucket media public-read=#true {")
    with table.step("a bucket that changes keeps what is in it, and what was said of it goes") as (_, wrong):
        for readers in (".r:*", None):
            person.run("deploy", "--yes", "--allow-replace", "media")
            container = cloud.object_store.get_container_metadata("small-media")
            wrong.extend([f"{container.read_ACL} may read it, not {readers}"] if container.read_ACL != readers else [])
            wrong.extend(["the object is gone"] if container.object_count != 1 else [])
            if readers:
                person.edit("bucket media public-read=#true {", "bucket media {")
    with table.step("destroy, which leaves the buckets behind") as (_, wrong):
        person.run("destroy", "--yes", *ALL, "--allow-replace", "more", "--retain", "more")
        # Heat lists one for a moment that it has deleted.
        there = [stack.status for stack in cloud.orchestration.stacks(name="small") if stack.status != "DELETE_COMPLETE"]
        wrong.extend(f"the stack is there: {status}" for status in there)
        left = [container.name for container in cloud.object_store.containers()]
        wrong.extend(f"{name} is gone" for name in ("small-media", "small-more") if name not in left)
        cloud.object_store.delete_object("photos/a & b.jpg", container="small-media")
        for name in left:
            cloud.object_store.delete_container(name)
    with table.step("nothing is left") as (_, wrong):
        wrong.extend(f"{kind} {name}" for kind, items in new(cloud, before).items() for name in items.values())


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--deploy", type=Path, default=ROOT / "target/debug/stackc-deploy", help="the program")
    words.add_argument("--running", action="store_true", help="use the cloud that `cargo xtask openstack up` has started, and leave it running")
    options = words.parse_args()
    import checks

    table = Table()
    with rig.attached() if options.running else rig.Rig() as running:
        cloud = running.connect()
        before = checks.left(cloud)
        store = cloud.object_store.get_endpoint().partition("://")[2]
        person = Person(options.deploy.resolve(), running.environment(), store)
        try:
            life(table, person, cloud, before)
        except Broken as fault:
            table.failed += 1
            print(f"  the steps after it are left out: {fault}", flush=True)
            for stack in cloud.orchestration.stacks():
                cloud.orchestration.delete_stack(stack)
    print(f"\n{'PASSED' if not table.failed else f'FAILED: {table.failed} expectations'} after {time.monotonic() - table.began:.0f} s")
    return 1 if table.failed else 0


if __name__ == "__main__":
    rig.interruptible()
    try:
        sys.exit(main())
    except rig.Failed as fault:
        sys.exit(f"rig: {fault}")
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is stopped")
