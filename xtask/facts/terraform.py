#!/usr/bin/env python3
"""Turn a Terraform provider schema into stackc facts (names, types, flags).

Usage: terraform.py SCHEMA_JSON PROVIDER [VERSION] > FILE.facts

SCHEMA_JSON  output of `terraform providers schema -json` (or `tofu ...`)
PROVIDER     the provider's address, with or without its registry host,
             for example hashicorp/aws
VERSION      written to the header only; the schema does not hold it

What replaces.py has added to the schema becomes the flag `n`. Every resource and data source is written, sorted by name. The descriptions
are left out. Equal nested shapes within one type share one definition, named
by the first path that reaches it. The file format is in specs/providers/SOURCE.md.
"""
import json
import sys

SCALARS = {"string": "string", "number": "number", "bool": "boolean", "dynamic": "json"}


class Block:
    """The lines of one type: its members and the definitions they reach."""

    def __init__(self):
        self.names = {}  # shape -> definition name
        self.defs = {}  # definition name -> lines

    def define(self, path, shape, members):
        """The name of the definition of `shape`; members() is called for its lines if new."""
        key = json.dumps(shape, sort_keys=True)
        if key not in self.names:
            name = self.names[key] = ".".join(path)
            self.defs[name] = None  # keeps the place: a parent precedes its children
            self.defs[name] = members()
        return "@" + self.names[key]

    def cty(self, t, path, flag):
        """A cty type as a TYPE; `flag` is for the members of any object in it."""
        if isinstance(t, str):
            return SCALARS[t]
        kind = t[0]
        if kind == "object":
            optional = set(t[2]) if len(t) > 2 else set()

            def members():
                return [
                    line(n, self.cty(m, path + [n], flag), "o" if n in optional and flag == "!" else flag)
                    for n, m in sorted(t[1].items())
                ]

            return self.define(path, [t, flag], members)
        if kind == "tuple":
            return "json"
        return f"{kind} {self.cty(t[1], path, flag)}"

    def attribute(self, name, a, path):
        path = path + [name]
        nested = a.get("nested_type")
        extra = []
        if a.get("required"):
            flag = "!"
        elif a.get("optional"):
            flag = "c" if a.get("computed") else "o"
        else:
            flag = "r"
        if nested:
            ref = self.define(path, bare(nested["attributes"]), lambda: self.members(nested, path))
            mode = nested["nesting_mode"]
            typ = ref if mode in ("single", "group") else f"{mode} {ref}"
            extra = counts(nested)
        else:
            typ = self.cty(a["type"], path, "r" if flag == "r" else "!")
        flags = flag
        for key, letter in (("replaces", "n"), ("write_only", "w"), ("sensitive", "s"), ("deprecated", "d")):
            if a.get(key):
                flags += letter
        return line(name, typ, flags, *extra)

    def block(self, name, b, path):
        path = path + [name]
        mode = b["nesting_mode"]
        if mode == "group":
            mode = "single"
        ref = self.define(path, bare(b["block"]), lambda: self.members(b["block"], path))
        flags = "!" if b.get("min_items", 0) > 0 else "o"
        if b.get("replaces"):
            flags += "n"
        if b["block"].get("deprecated"):
            flags += "d"
        return line(name, f"block:{mode} {ref}", flags, *counts(b))

    def members(self, b, path):
        rows = {}
        for name, a in b.get("attributes", {}).items():
            rows[name] = lambda n=name, a=a: self.attribute(n, a, path)
        for name, nested in b.get("block_types", {}).items():
            rows[name] = lambda n=name, x=nested: self.block(n, x, path)
        return [make() for _, make in sorted(rows.items())]


def bare(x):
    """A schema without its prose, to compare shapes."""
    if isinstance(x, dict):
        return {
            k: bare(v)
            for k, v in x.items()
            if not (k in ("description", "description_kind", "deprecation_message") and isinstance(v, str))
        }
    return x


def counts(b):
    return [f"{out}={b[key]}" for key, out in (("min_items", "minitems"), ("max_items", "maxitems")) if b.get(key)]


def line(*fields):
    return "\t".join(fields)


def write_type(kind, name, block):
    head = [f"={kind}", name]
    attributes = block.get("attributes", {})
    tags = attributes.get("tags", {})
    # Google's provider puts its default labels into `labels`; `tags` beside them are another thing.
    if "terraform_labels" in attributes and attributes.get("labels", {}).get("optional"):
        head.append("tags=labels:map")
    elif tags.get("optional") and tags.get("type") == ["map", "string"]:
        head.append("tags=tags:map")
    elif kind == "resource" and tags.get("optional") and tags.get("type") == ["set", "string"]:
        head.append("tags=tags:words")
    if block.get("deprecated"):
        head.append("deprecated")
    out = Block()
    lines = out.members(block, [])
    print(line(*head))
    for text in lines:
        print(text)
    for def_name, def_lines in out.defs.items():
        print("@" + def_name)
        for text in def_lines:
            print(text)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    with open(sys.argv[1], encoding="utf-8") as f:
        providers = json.load(f)["provider_schemas"]
    wanted = sys.argv[2]
    found = [p for p in providers if p == wanted or p.split("/", 1)[-1] == wanted]
    if len(found) != 1:
        sys.exit(f"no provider {wanted} in the schema; it has: {', '.join(sorted(providers))}")
    provider = providers[found[0]]
    short = found[0].split("/", 1)[-1]
    print(" ".join(["#stackc-facts 1 terraform provider", short] + sys.argv[3:]))
    for kind, section in (("resource", "resource_schemas"), ("data", "data_source_schemas"), ("ephemeral", "ephemeral_resource_schemas")):
        for name in sorted(provider.get(section, {})):
            write_type(kind, name, provider[section][name]["block"])


if __name__ == "__main__":
    main()
