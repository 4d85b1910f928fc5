#!/usr/bin/env python3
"""Ask a Terraform provider which arguments make a new resource when they change.

Usage: replaces.py BINARY SCHEMA_JSON PROVIDER [TYPE...] > SCHEMA_JSON   (needs: pip install grpcio msgpack)

A provider's schema does not tell it. A plan does: for each argument of each resource type, one that runs is made up
in which only that argument has a value, and the provider is asked to plan another one. What it answers stands in the
schema as `"replaces": true`, beside the argument. Nothing is sent to any cloud.

The provider speaks Terraform's plugin protocol 5. What it cannot plan, for want of a cloud or of other arguments, is
told on standard error and left unmarked. Of blocks in a set, the block is marked where a change inside of one of them
makes a new resource: to the provider, such a change is another block.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import msgpack

# The cookie by which a provider knows that Terraform has started it, from its protocol's documentation.
COOKIE = {"TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2", "PLUGIN_PROTOCOL_VERSIONS": "5"}
# Enough for a provider of AWS to be configured where there is neither an account nor a network.
CONFIG = {"region": "us-east-1", "access_key": "none", "secret_key": "none", "skip_credentials_validation": True,
          "skip_requesting_account_id": True, "skip_metadata_api_check": "true", "skip_region_validation": True, "max_retries": 0}
# What asks a cloud all the same is told at once that there is none.
NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "TF_LOG": "OFF"}
# Texts to change, in this order: some arguments want a document, some the name of a resource.
TEXTS = [("a", "b"), ('{"a":"1"}', '{"a":"2"}'), ("arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"), ("10.0.0.0/16", "10.1.0.0/16")]
# How many blocks one inside of the other are looked into.
DEPTH = 3
# How often the provider may fall over before a type is given up.
FALLS = 2
# How long the schema of a type may be, as JSON, to be asked for what is in its blocks: one of a megabyte takes seconds a question.
LARGEST = 1_000_000


def varint(n):
    return bytes([n & 0x7F | 0x80]) + varint(n >> 7) if n > 0x7F else bytes([n])


def message(*parts):
    return b"".join(varint(number << 3 | 2) + varint(len(value)) + value for number, value in parts)


def fields(data):
    """A message's fields, in order."""
    at, out = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = data[at], at + 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key, value = number(), number()
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        out.append((key >> 3, value))
    return out


class Provider:
    """A provider that runs, and is started anew when it falls over."""

    def __init__(self, binary, config):
        self.binary, self.config, self.process = binary, config, None

    def start(self):
        self.stop()
        self.process = subprocess.Popen([self.binary], env={**os.environ, **COOKIE, **NOWHERE}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        address = self.process.stdout.readline().decode().split("|")[3]
        size = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel("unix:" + address, options=size)
        self.call("Configure", message((1, b"1.11.4"), (2, value(self.config))), 60)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def call(self, method, request, seconds=10):
        return self.channel.unary_unary("/tfplugin5.Provider/" + method)(request, timeout=seconds)


def value(data):
    return message((1, msgpack.packb(data)))


def nothing(block):
    """A block's value in which nothing is given."""
    out = {name: None for name in block.get("attributes", {})}
    out |= {name: nothing_of(inner) for name, inner in block.get("block_types", {}).items()}
    return out


def nothing_of(inner):
    """No block at all."""
    return {} if inner["nesting_mode"] == "map" else None if inner["nesting_mode"] in ("single", "group") else []


def made_up(kind, text, first):
    """A value of a type; `first` or the other one of two."""
    if isinstance(kind, str):
        return {"string": text[not first], "number": 1 if first else 2, "bool": first}.get(kind)
    if kind[0] == "object":
        return {name: made_up(inner, text, first) for name, inner in kind[1].items()}
    if kind[0] == "map":
        return {"k": made_up(kind[1], text, first)}
    if kind[0] == "tuple":
        return [made_up(inner, text, first) for inner in kind[1]]
    return [made_up(kind[1], text, first)]


def places(block, path=()):
    """Every argument that can be given: the blocks that lead to it, and what it is."""
    for name, attribute in sorted(block.get("attributes", {}).items()):
        if (attribute.get("optional") or attribute.get("required")) and not attribute.get("write_only") and "type" in attribute:
            yield path, name, attribute
    for name, inner in sorted(block.get("block_types", {}).items()):
        if name != "timeouts" and inner["nesting_mode"] != "map" and len(path) < DEPTH:
            yield from places(inner["block"], (*path, (name, inner)))


def around(block, path, name, given):
    """A resource's value in which an argument alone is given."""
    out = nothing(block)
    if path:
        (first, inner), rest = path[0], path[1:]
        held = around(inner["block"], rest, name, given)
        out[first] = held if inner["nesting_mode"] in ("single", "group") else [held]
    else:
        out[name] = given
    return out


def names_of(path):
    """The names along an attribute path of the protocol."""
    steps = [dict(fields(step)) for number, step in fields(path) if number == 1]
    return [step[1].decode() for step in steps if 1 in step]


class Asker:
    def __init__(self, provider, name, schema):
        self.provider, self.name, self.block, self.falls = provider, name, schema["block"], 0

    def replaces(self, path, name, attribute):
        """Whether another value of an argument replaces; None when the provider cannot tell."""
        wanted = [step for step, _ in path] + [name]
        # A set has no places inside: its own name is all that is told.
        sets = next((index + 1 for index, (_, inner) in enumerate(path) if inner["nesting_mode"] == "set"), len(wanted))
        for text in TEXTS:
            before, after = (around(self.block, path, name, made_up(attribute["type"], text, first)) for first in (True, False))
            changed = self.plan(before, after)
            if changed is not None:
                return any(found[:sets] == wanted[:sets] for found in changed)
        return None

    def adding_replaces(self, path):
        """Whether it replaces when a block comes that was not there, whatever is in it."""
        name, attribute = next(((n, a) for inner, n, a in places(path[-1][1]["block"]) if not inner), (None, None))
        if name is None:
            return False
        after = around(self.block, path, name, made_up(attribute["type"], TEXTS[0], True))
        before = nothing(self.block) if len(path) == 1 else around(self.block, path[:-1], path[-1][0], nothing_of(path[-1][1]))
        return [step for step, _ in path] in (self.plan(before, after) or [])

    def plan(self, before, after):
        """The paths of which the provider says that they replace, going from one value to another; None when it says nothing."""
        if self.falls >= FALLS:
            return None
        # What runs has an identifier, or it would not be there.
        states = [state | {"id": "x"} if "id" in state else state for state in (before, after)]
        request = message((1, self.name.encode()), (2, value(states[0])), (3, value(states[1])), (4, value(after)))
        try:
            answer = fields(self.provider.call("PlanResourceChange", request))
        except grpc.RpcError:
            self.falls += 1
            self.provider.start()
            return None
        if any(number == 4 and dict(fields(found)).get(1) == 1 for number, found in answer):
            return None
        return [names_of(found) for number, found in answer if number == 2]


def ask(provider, name, schema):
    asker, unknown = Asker(provider, name, schema), []
    large = len(json.dumps(schema)) > LARGEST
    for path, argument, attribute in places(schema["block"]):
        if large and path:
            continue
        if argument == "id" and not path:
            continue
        answer = asker.replaces(path, argument, attribute)
        if answer is None:
            unknown.append(".".join([step for step, _ in path] + [argument]))
        elif answer:
            sets = [inner for _, inner in path if inner["nesting_mode"] == "set"]
            (sets[0] if sets else attribute)["replaces"] = True
    if large:
        return [*unknown, "what is in its blocks"]
    whole(asker, schema["block"], ())
    return unknown


def whole(asker, block, path):
    """A block makes a new resource when it comes, if all of its arguments do, or if the provider says so of the block."""
    for name, inner in block.get("block_types", {}).items():
        here = (*path, (name, inner))
        if name == "timeouts" or inner["nesting_mode"] == "map" or len(here) > DEPTH:
            continue
        whole(asker, inner["block"], here)
        settable = [a for a in inner["block"].get("attributes", {}).values() if a.get("optional") or a.get("required")]
        parts = settable + list(inner["block"].get("block_types", {}).values())
        if settable and all(part.get("replaces") for part in parts) or asker.adding_replaces(here):
            inner["replaces"] = True


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    binary, schema_file, wanted, *types = sys.argv[1:]
    with open(schema_file, encoding="utf-8") as file:
        document = json.load(file)
    found = [p for p in document["provider_schemas"] if p == wanted or p.split("/", 1)[-1] == wanted]
    if len(found) != 1:
        sys.exit(f"no provider {wanted} in the schema")
    schema = document["provider_schemas"][found[0]]
    known = schema["provider"]["block"]
    config = nothing(known) | {name: given for name, given in CONFIG.items() if name in known.get("attributes", {})}
    resources = sorted(types or schema["resource_schemas"])
    shares = [resources[index::2] for index in range(2)]

    def work(share):
        provider = Provider(binary, config)
        provider.start()
        try:
            asked = []
            for number, name in enumerate(share):
                asked.append((name, ask(provider, name, schema["resource_schemas"][name])))
                if number % 100 == 99:
                    print(f"{number + 1} of {len(share)}", file=sys.stderr, flush=True)
            return asked
        finally:
            provider.stop()

    with ThreadPoolExecutor(len(shares)) as pool:
        for name, unknown in sorted(sum(pool.map(work, shares), [])):
            if unknown:
                print(f"{name}: not told: {', '.join(unknown)}", file=sys.stderr)
    json.dump(document, sys.stdout)


if __name__ == "__main__":
    main()
