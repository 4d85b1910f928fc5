"""A Terraform provider that knows a schema and no cloud, so that the real Terraform core judges what we emit.

    schema_provider.py [--rules RULES.json] [--told TOLD.json] [--only TYPES.json] [--slow SECONDS] SCHEMA...

A SCHEMA is the output of `terraform providers schema -json`, or a .facts file (then see facts_to_schema.py; its
provider's arguments follow it after commas: openstack.facts,cloud,region). Every provider in them is served, over
plugin protocol 5; what several of them say of one provider is put together. The first line on stdout is the value for TF_REATTACH_PROVIDERS. The server lives as long as its
standard input is open, so it cannot outlive the test that started it, however that test ends.

Core itself refuses unknown and missing arguments, wrong types, wrong numbers of blocks, and references to what is not
there. The provider refuses values for attributes that are only computed, as every real one does, and what RULES say:
{resource type: {"block.attribute": {"enum": [...], "pattern": "...", "min": 1, "max": 9, "minlen": 1, "maxlen": 9,
"replace": true}}}, where "replace" makes a change replace the resource, or with "lower" one to a smaller number or an
earlier version; what is inside a set of blocks is not looked at for that. Facts bring their rules along, the flags for what a change replaces among them.

TOLD.json is looked for at each call, and says what a cloud would do by itself, to all resources of a type, or to those whose attributes
are as "where" says:
{"fail": [{"type": "...", "where": {"name": "..."}, "path": ["block", 0, "attribute"], "text": "...", "half": true}],
 "read": [{"type": "...", "where": {"name": "..."}, "attributes": {"attribute": value}}]}
"fail" refuses what is applied, with "half" after it was made all the same; "read" answers with other values than the last apply left, and
with null in the place of "attributes", that the resource is gone.

With --only, no other types than those of the list are served: Terraform's core reads all of a schema at each run. With --slow, to make or change a
resource takes so long, and to destroy one no time, so that what nothing orders happens in the order that does harm.
"""

import collections
import functools
import hashlib
import json
import os
import re
import sys
import tempfile
import time
from concurrent import futures
from pathlib import Path

import grpc
import msgpack

import facts_to_schema

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
ATTRIBUTE_FLAGS = {"required": 4, "optional": 5, "computed": 6, "sensitive": 7, "deprecated": 9, "write_only": 10}
MANY = 6  # zones of a region, keys of a domain
# blocks that the provider fills where a template leaves them out, which a schema does not say
FILLED = {("aws_sesv2_email_identity", "dkim_signing_attributes")}
FILLED_TYPES = {name for name, _ in FILLED}
UNKNOWN = msgpack.ExtType(0, b"\0")


def varint(n):
    return bytes([n & 0x7F | 0x80]) + varint(n >> 7) if n > 0x7F else bytes([n])


def message(*fields):
    """A protobuf message of (field number, value); None, False and 0 are left out, as proto3 does."""
    out = b""
    for number, value in fields:
        if isinstance(value, (bytes, str)):
            value = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(value)) + value
        elif value:
            out += varint(number << 3) + varint(int(value))
    return out


def fields(data):
    """A message's last value of each field, by number."""
    out, at = {}, 0

    def number():
        nonlocal at
        byte, at = data[at], at + 1
        return byte if byte < 0x80 else byte & 0x7F | number() << 7

    while at < len(data):
        key, value = number(), number()
        if key & 7 == 2:
            value, at = data[at : at + value], at + value
        elif key & 7:
            raise ValueError(f"wire type {key & 7}")
        out[key >> 3] = value
    return out


def pack(value):
    return message((1, msgpack.packb(value)))


def unpack(data):
    parts = fields(data)
    return msgpack.unpackb(parts[1], strict_map_key=False) if 1 in parts else json.loads(parts.get(2, b"null"))


def path_message(path):
    return message(*((1, message((1, p)) if isinstance(p, str) else varint(3 << 3) + varint(p)) for p in path))


def block_message(block):
    parts = []
    for name, a in sorted(block.get("attributes", {}).items()):
        if "type" not in a:
            raise SystemExit(f"{name}: nested attributes need plugin protocol 6")
        flags = ((number, a.get(key)) for key, number in ATTRIBUTE_FLAGS.items())
        parts.append((2, message((1, name), (2, json.dumps(a["type"])), *flags)))
    for name, b in sorted(block.get("block_types", {}).items()):
        inner = (2, block_message(b["block"])), (3, NESTING[b["nesting_mode"]])
        parts.append((3, message((1, name), *inner, (4, b.get("min_items")), (5, b.get("max_items")))))
    return message(*parts, (6, block.get("deprecated")))


def schema_message(schema):
    return message((1, schema.get("version")), (2, block_message(schema["block"])))


def walk(block, value, visit, path=()):
    """A copy of a block's value in which visit(name, attribute, value, path) gives every attribute."""
    if value is None or isinstance(value, msgpack.ExtType):
        return value
    out = {n: visit(n, a, value.get(n), (*path, n)) for n, a in block.get("attributes", {}).items()}
    for name, b in block.get("block_types", {}).items():
        inner, here = value.get(name), (*path, name)
        if isinstance(inner, list):
            out[name] = [walk(b["block"], v, visit, (*here, i)) for i, v in enumerate(inner)]
        elif b["nesting_mode"] == "map" and isinstance(inner, dict):
            out[name] = {k: walk(b["block"], v, visit, here) for k, v in inner.items()}
        else:
            out[name] = walk(b["block"], inner, visit, here)
    return out


def invent(kind, name, seed):
    """A value for a computed attribute, always the same for one seed."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
    if kind == "string" and (name.endswith("address") or "ip" in name.split("_")):
        return f"203.0.113.{int(digest[:2], 16) or 1}"
    if name == "resource_record_type":
        return "CNAME"
    if name == "id" and kind == "string":
        # digits, since some providers' arguments take another's identifier as a number; no leading nought, which would be lost then
        return f"1{int(digest[:12], 16):015d}"
    if kind[0] == "object":
        return {n: invent(t, n, seed) for n, t in kind[1].items()}
    plain = {"string": digest[:32], "number": int(digest[:4], 16), "bool": False, "dynamic": [b'"string"', digest[:32]]}
    if isinstance(kind, str):
        return plain[kind]
    # a list holds one, so that a template may take the first, and of names as many as a template may ask for
    many = MANY if kind[1] == "string" else 1
    return {} if kind[0] == "map" else [invent(kind[1], name, (seed, i) if i else seed) for i in range(many)]


def complaint(rule, value):
    """What a rule has against a value, if anything."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "enum" in rule and text not in map(str, rule["enum"]):
        return f"expected one of {rule['enum']}, got {text}"
    if "pattern" in rule and not re.search(rule["pattern"], text):
        return f"{text} does not match {rule['pattern']}"
    for suffix, size in (("", value), ("len", len(text))):
        low, high = rule.get("min" + suffix), rule.get("max" + suffix)
        if low is not None and size < low or high is not None and size > high:
            return f"expected {low} to {high}, got {text}"
    return None


def level(value):
    """How high a number or a version is."""
    return [int(part) for part in re.findall(r"\d+", str(value))]


def replacing(block, rules, prior, new, path=()):
    """The paths of what differs between two values and cannot be changed in place."""
    if not isinstance(prior, dict) or not isinstance(new, dict):
        return
    inner = block.get("block_types", {})
    for name in (*block.get("attributes", {}), *inner):
        old, now, here = prior.get(name), new.get(name), (*path, name)
        if old == now:
            continue
        how = rules.get(".".join(p for p in here if isinstance(p, str)), {}).get("replace")
        if how and (how != "lower" or not isinstance(now, msgpack.ExtType) and level(now) < level(old)):
            yield here
        elif name in inner and inner[name]["nesting_mode"] == "list" and isinstance(now, list):
            for i, (one, other) in enumerate(zip(old or [], now)):
                yield from replacing(inner[name]["block"], rules, one, other, (*here, i))
        elif name in inner:
            yield from replacing(inner[name]["block"], rules, old, now, here)


class Provider:
    """The handlers of the protocol's calls: raw request in, raw response out."""

    def __init__(self, schema, rules, told=None, slow=0):
        self.own, self.rules, self.told, self.seeds = schema["provider"], rules, told, collections.Counter()
        self.slow = slow
        self.resources, self.data = schema.get("resource_schemas", {}), schema.get("data_source_schemas", {})
        self.ephemeral = schema.get("ephemeral_resource_schemas", {})

    @functools.cached_property
    def schemas(self):
        kinds = (2, self.resources), (3, self.data), (8, self.ephemeral)
        types = ((number, t) for number, kind in kinds for t in kind.items())
        entries = ((number, message((1, name), (2, schema_message(s)))) for number, (name, s) in types)
        return message((1, schema_message(self.own)), *entries)

    def validate(self, schemas, request):
        parts = fields(request)
        name, config, found = parts[1].decode(), unpack(parts[2]), []
        rules = self.rules.get(name, {}) if schemas is self.resources else {}

        def visit(n, a, value, path):
            if value is not None and a.get("computed") and not a.get("optional"):
                found.append((path, "Value for unconfigurable attribute", f"{n} is decided by the provider."))
            elif value is not None and not isinstance(value, msgpack.ExtType):
                if wrong := complaint(rules.get(".".join(p for p in path if isinstance(p, str)), {}), value):
                    found.append((path, f"Invalid value for {n}", wrong))

        walk(schemas[name]["block"], config, visit)
        return message(*((1, message((1, 1), (2, s), (3, d), (4, path_message(p)))) for p, s, d in found))

    def filled(self, schema, data, seed, legacy=False):
        """A response with the value and an invented one for every computed attribute that is not given."""

        value = unpack(data)

        def visit(n, a, v, path):
            unset = v is None or isinstance(v, msgpack.ExtType)
            if not unset or not a.get("computed"):
                return v
            made = invent(a["type"], n, (seed, path))
            if isinstance(made, list) and isinstance(made[0], dict) and "domain_name" in made[0] and value.get("domain_name"):
                # what proves the names of a certificate, one for each of them
                others = value.get("subject_alternative_names")
                names = {value["domain_name"], *(others if isinstance(others, list) else [])}
                return [made[0] | {"domain_name": name} for name in sorted(names, key=str)]
            return made

        made = walk(schema["block"], value, visit)
        for name, inner in schema["block"].get("block_types", {}).items():
            if made and isinstance(made.get(name), msgpack.ExtType):
                attributes = inner["block"].get("attributes", {})
                made[name] = [{n: invent(a["type"], n, (seed, name)) if a.get("computed") else None for n, a in attributes.items()}]
        return message((1, pack(made)), (4, legacy))

    def plan(self, request):
        parts = fields(request)
        name, prior, new = parts[1].decode(), unpack(parts[2]), unpack(parts[3])
        block, rules = self.resources[name]["block"], self.rules.get(name, {})

        def visit(_n, a, value, _path):
            return None if a.get("write_only") else UNKNOWN if value is None and a.get("computed") else value

        replaced = ((2, path_message(path)) for path in replacing(block, rules, prior, new))
        planned = walk(block, new, visit)
        for kind, inner in FILLED:
            if kind == name and planned and not planned[inner]:
                planned[inner] = prior[inner] if prior else UNKNOWN
        return message((1, pack(planned)), *replaced, (5, name in FILLED_TYPES))

    def apply(self, request):
        parts = fields(request)
        name, seed = parts[1].decode(), parts[1] + parts[3]
        self.seeds[seed] += 1  # two resources with the same arguments are still two
        made = self.filled(self.resources[name], parts[3], (seed, self.seeds[seed]), name in FILLED_TYPES)
        if self.slow and unpack(parts[3]) is not None:
            time.sleep(self.slow)
        refusal = self.is_told("fail", name, unpack(parts[3]) or unpack(parts[2]))
        if not refusal:
            return made
        said = message((1, 1), (2, refusal["text"]), (4, path_message(refusal.get("path", []))))
        return (made if refusal.get("half") else message((1, parts[2]))) + message((3, said))

    def read(self, request):
        parts = fields(request)
        value = unpack(parts[2])
        other = self.is_told("read", parts[1].decode(), value)
        if not other:
            return message((1, parts[2]))
        return message((1, pack(value | other["attributes"] if other["attributes"] is not None else None)))

    def is_told(self, what, name, value):
        """What is told of a resource with this value, if anything."""
        told = json.loads(self.told.read_text()) if self.told and self.told.exists() else {}
        for entry in told.get(what, []):
            if entry["type"] == name and entry.get("where", {}).items() <= value.items():
                return entry
        return None

    def read_data(self, request):
        parts = fields(request)
        # by its arguments alone: while planning, the core says of itself what it does not say while applying
        return self.filled(self.data[parts[1].decode()], parts[2], (parts[1], parts[2]))

    def open_ephemeral(self, request):
        parts = fields(request)
        opened = fields(self.filled(self.ephemeral[parts[1].decode()], parts[2], request))
        return message((3, opened[1]))

    def serve(self, address):
        calls = {
            "GetSchema": lambda _: self.schemas,
            "PrepareProviderConfig": lambda request: message((1, fields(request)[1])),
            "Configure": lambda _: b"",
            "Stop": lambda _: b"",
            "ValidateResourceTypeConfig": lambda request: self.validate(self.resources, request),
            "ValidateDataSourceConfig": lambda request: self.validate(self.data, request),
            # state is JSON, and so may a value be
            "UpgradeResourceState": lambda request: message((1, message((2, fields(fields(request)[3])[1])))),
            "ReadResource": self.read,
            "PlanResourceChange": self.plan,
            "ApplyResourceChange": self.apply,
            "ReadDataSource": self.read_data,
            "ValidateEphemeralResourceConfig": lambda request: self.validate(self.ephemeral, request),
            "OpenEphemeralResource": self.open_ephemeral,
            "CloseEphemeralResource": lambda _: b"",
        }
        handlers = {n: grpc.unary_unary_rpc_method_handler(lambda r, _, f=f: f(r)) for n, f in calls.items()}
        size = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        server = grpc.server(futures.ThreadPoolExecutor(8), options=size)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers),))
        server.add_insecure_port("unix:" + address)
        server.start()
        return server


def write_only(block):
    """Schemas from elsewhere have lost which attributes are only written; their names end in _wo."""
    for name, a in block.get("attributes", {}).items():
        if name.endswith("_wo") and not (a.get("computed") and not a.get("optional")):
            a["write_only"] = True
    for b in block.get("block_types", {}).values():
        write_only(b["block"])


def main():
    paths, schemas, rules, extra, told, only, slow = sys.argv[1:], {}, {}, {}, None, None, 0
    while paths[:1] in (["--rules"], ["--told"], ["--only"], ["--slow"]):
        option, path, *paths = paths
        if option == "--rules":
            extra = json.loads(Path(path).read_text())
        elif option == "--only":
            only = set(json.loads(Path(path).read_text()))
        elif option == "--slow":
            slow = float(path)
        else:
            told = Path(path)
    for path, *arguments in (p.split(",") for p in paths):
        doc = facts_to_schema.read(path, arguments) if path.endswith(".facts") else json.loads(Path(path).read_text())
        for source, schema in doc["provider_schemas"].items():
            for types in (t for section, t in schema.items() if section == "resource_schemas"):
                for resource in types.values():
                    write_only(resource["block"])
            known = schemas.setdefault(source, schema)
            for section, types in schema.items():
                if section.endswith("_schemas"):
                    served = {n: t for n, t in (types or {}).items() if only is None or n in only}
                    known[section] = (served if known is schema else known.get(section) or {}) | served
        rules |= doc.get("rules", {})
    rules |= {name: rules.get(name, {}) | asked for name, asked in extra.items()}
    if not schemas:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="tf-") as folder:
        attach, servers = {}, []
        for i, (source, schema) in enumerate(sorted(schemas.items())):
            address = os.path.join(folder, str(i))
            servers.append(Provider(schema, rules, told, slow).serve(address))  # a server that nobody holds stops
            where = {"Network": "unix", "String": address}
            attach[source] = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": os.getpid(), "Test": True, "Addr": where}
        print(json.dumps(attach), flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
