"""Compares what our facts say of a Terraform provider with a schema from elsewhere.

    compare_schemas.py FILE.facts SCHEMA.json

Prints one line for every type or member of ours that the other does not have, or has with other flags, another type or
another number of blocks. What only the other has is not looked at: it is of a later release.
"""

import json
import sys

import facts_to_schema

FLAGS = ("required", "optional", "computed")


def flags(attribute):
    return " ".join(f for f in FLAGS if attribute.get(f)) or "none"


def compare(path, ours, theirs):
    for name, mine in sorted(ours.get("attributes", {}).items()):
        other = theirs.get("attributes", {}).get(name)
        if other is None:
            yield f"{path}.{name}: gone"
        elif flags(mine) != flags(other):
            yield f"{path}.{name}: {flags(mine)}, elsewhere {flags(other)}"
        elif mine["type"] != other.get("type"):
            yield f"{path}.{name}: of another type"
    for name, mine in sorted(ours.get("block_types", {}).items()):
        other = theirs.get("block_types", {}).get(name)
        if other is None:
            yield f"{path}.{name}: gone"
            continue
        kinds = [(b["nesting_mode"], b.get("min_items") or 0) for b in (mine, other)]
        if kinds[0] != kinds[1]:
            yield f"{path}.{name}: {kinds[0]}, elsewhere {kinds[1]}"
        yield from compare(f"{path}.{name}", mine["block"], other["block"])


def main():
    facts, schema = sys.argv[1:]
    ours = next(iter(facts_to_schema.read(facts, [])["provider_schemas"].values()))
    with open(schema, encoding="utf-8") as file:
        theirs = next(iter(json.load(file)["provider_schemas"].values()))
    for section, word in (("resource_schemas", ""), ("data_source_schemas", "data ")):
        for name, mine in sorted(ours.get(section, {}).items()):
            other = theirs.get(section, {}).get(name)
            for line in ["gone"] if other is None else compare("", mine["block"], other["block"]):
                print(f"{word}{name}{line if line.startswith('.') else ': ' + line}")


if __name__ == "__main__":
    main()
