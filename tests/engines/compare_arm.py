"""Compares what our facts say of Azure's resource types with the types of the Bicep compiler.

    compare_arm.py FACTS DIR TEMPLATE...

Looked at are the types of resources in the templates, and of each the members that our facts have and the types do not, or have with other
flags, another kind or another enumeration. A type is compared in its own version, or in the nearest that is there, which is said in its line.
"""

import json
import sys
from pathlib import Path

import arm_check

KINDS = {"StringType": "string", "StringLiteralType": "string", "IntegerType": "integer", "BooleanType": "boolean"}


def kind_of(types, typ):
    name = typ["$type"]
    if name == "ArrayType":
        return "list"
    if name == "ObjectType" and typ.get("additionalProperties") and not typ.get("properties"):
        return "map"
    if name in ("ObjectType", "DiscriminatedObjectType"):
        return "object"
    if name == "UnionType":
        return kind_of(types, arm_check.ByTypes.follow(types, typ["elements"][0]))
    return KINDS.get(name, "json")


def our_kind(typ):
    head = typ.split(" ")[0]
    return {"list": "list", "map": "map", "number": "integer"}.get(head, "object" if typ.startswith("@") else head)


def words(types, typ):
    if typ["$type"] != "UnionType":
        return None
    choices = [arm_check.ByTypes.follow(types, choice) for choice in typ["elements"]]
    found = [choice["value"] for choice in choices if choice["$type"] == "StringLiteralType"]
    return found or None


def members_of(types, typ):
    members = dict(typ.get("properties") or typ.get("baseProperties") or {})
    for choice in (typ.get("elements") or {}).values() if isinstance(typ.get("elements"), dict) else ():
        for name, member in arm_check.ByTypes.follow(types, choice)["properties"].items():
            members.setdefault(name, {**member, "flags": member["flags"] & ~arm_check.REQUIRED})
    return members


def compare(kind, object_, types, typ, path, seen):
    if (object_, id(typ)) in seen:
        return
    seen.add((object_, id(typ)))
    theirs = members_of(types, typ)
    for name, (ours, flags, limits) in sorted(kind["objects"][object_].items()):
        if path == "" and name in ("id", "name", "type", "apiVersion", "scope"):
            continue
        where = f"{path}.{name}"
        if name not in theirs:
            if not typ.get("additionalProperties"):
                yield f"{where}: gone"
            continue
        other = theirs[name]
        mine = "required" if flags[0] == "!" else "read-only" if flags[0] == "r" else "optional"
        flag = "read-only" if other["flags"] & arm_check.READ_ONLY else "required" if other["flags"] & arm_check.REQUIRED else "optional"
        inner = arm_check.ByTypes.follow(types, other["type"])
        if mine != flag:
            yield f"{where}: {mine}, elsewhere {flag}"
        if flags[0] == "r":
            continue
        if our_kind(ours) != kind_of(types, inner) and "json" not in (our_kind(ours), kind_of(types, inner)):
            yield f"{where}: a {our_kind(ours)}, elsewhere a {kind_of(types, inner)}"
            continue
        listed = words(types, inner)
        if "enum" in limits and listed and set(limits["enum"].split("|")) != set(listed):
            more, less = sorted(set(limits["enum"].split("|")) - set(listed)), sorted(set(listed) - set(limits["enum"].split("|")))
            yield f"{where}: of the values, ours alone {more}, elsewhere alone {less}"
        while ours.startswith(("list ", "map ")):
            ours = ours.split(" ", 1)[1]
            inner = arm_check.ByTypes.follow(types, inner.get("itemType") or inner.get("additionalProperties") or other["type"])
        if ours.startswith("@") and inner["$type"] in ("ObjectType", "DiscriminatedObjectType"):
            yield from compare(kind, ours[1:], types, inner, where, seen)


def main():
    facts, folder, *templates = sys.argv[1:]
    ours, theirs = arm_check.facts(facts), arm_check.ByTypes(folder)
    used = {r["type"] for path in templates for r in json.loads(Path(path).read_text())["resources"].values()}
    compared = 0
    for name in sorted(used):
        kind = ours[name.lower()]
        found, _ = theirs.find(name, kind["version"])
        if found is None:
            continue
        compared += 1
        for line in compare(kind, "", *found, "", set()):
            print(f"{name}{line}")
    print(f"{compared} types compared", file=sys.stderr)


if __name__ == "__main__":
    main()
