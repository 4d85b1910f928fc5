#!/usr/bin/env python3
"""Turn the CloudFormation resource schemas in cfn-lint into stackc facts.

Usage: cloudformation.py > FILE.facts        (needs: pip install cfn-lint)

The schemas are those of us-east-1 with cfn-lint's own patches. Every resource
type is written, sorted by name: names, types, flags and limits, no prose. The
file format is in specs/providers/SOURCE.md.
"""
import itertools
import json
import re
import sys
from pathlib import Path

import cfnlint
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from cfnlint.version import __version__

REGION = "us-east-1"
MAX_ENUM = 200
CONTROL = re.compile(r"(?<!\\)[\x00-\x1f\x7f-\x9f]")  # as a regular expression writes them: \x09
ORDER = ["string", "integer", "number", "boolean", "object", "array"]  # a list comes last in a union
WARNINGS = {"snapshotidentifier", "sourcedbclusteridentifier"}  # extensions that only warn
LIMITS = {
    "string": (("format", "format"), ("pattern", "pattern"), ("minLength", "minlen"), ("maxLength", "maxlen")),
    "number": (("minimum", "min"), ("maximum", "max")),
    "array": (("minItems", "minitems"), ("maxItems", "maxitems")),
    "map": (("minProperties", "minitems"), ("maxProperties", "maxitems")),
}
FLAG_LISTS = (  # in the order in which the letters are written
    ("readOnlyProperties", "r"),
    ("createOnlyProperties", "n"),
    ("conditionalCreateOnlyProperties", "v"),
    ("writeOnlyProperties", "w"),
    ("deprecatedProperties", "d"),
)


def types_of(s):
    """The JSON types a flattened schema allows; [] means unknown."""
    t = s.get("type", [])
    t = [t] if isinstance(t, str) else [x for x in t if x != "null"]
    if not t:
        if "properties" in s or "patternProperties" in s:
            t = ["object"]
        elif "items" in s:
            t = ["array"]
        elif "enum" in s or "pattern" in s:
            t = ["string"]
    return t


def text(value):
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)


def either(schemas):
    """One schema that allows what any of `schemas` allows."""
    unique = {json.dumps(s, sort_keys=True): s for s in schemas if s not in ({}, True)}
    return next(iter(unique.values()), {}) if len(unique) < 2 else {"anyOf": list(unique.values())}


class Type:
    """The lines of one resource type."""

    def __init__(self, schema):
        self.schema = schema
        self.root = schema.schema
        self.defs = {}  # name -> {member name: Member}, in the order found
        self.root_members = self.members(self.flat(self.root), "")
        self.mark_flags()

    # -- schemas --

    def flat(self, s, seen=()):
        """`s` with its $ref, allOf, oneOf and anyOf folded in."""
        if not isinstance(s, dict):
            return {}
        out = {k: v for k, v in s.items() if k not in ("$ref", "allOf", "oneOf", "anyOf")}
        if "$ref" in s:
            if s["$ref"] in seen:
                return {}
            target = self.flat(self.schema.resolver.resolve(s["$ref"])[1], seen + (s["$ref"],))
            # on every such pair the name of the property's own type wins
            out = {**target, **{k: v for k, v in out.items() if k != "type"}}
        for part in s.get("allOf", []):
            self.both(out, self.flat(part, seen))
        for key in ("oneOf", "anyOf"):
            if s.get(key):
                self.both(out, self.any_of([self.flat(x, seen) for x in s[key]]))
        return out

    @staticmethod
    def both(out, more):
        """Add to `out` what `more` says; `out` wins."""
        for k, v in more.items():
            if k == "properties":
                out[k] = {**v, **{n: x for n, x in out.get(k, {}).items() if x not in ({}, True) or n not in v}}
            elif k == "required":
                out[k] = sorted(set(v) | set(out.get(k, [])))
            elif k not in out:
                out[k] = v

    @staticmethod
    def any_of(alts):
        """The alternatives merged: shapes are joined, limits kept only if all agree."""
        out = {}
        for key in ("properties", "patternProperties"):
            names = {n: 0 for a in alts for n in a.get(key, {})}
            if names:
                out[key] = {n: either([a[key][n] for a in alts if n in a.get(key, {})]) for n in names}
        items = [a["items"] for a in alts if "items" in a]
        if items:
            out["items"] = either(items)
        required = set.intersection(*(set(a.get("required", [])) for a in alts))
        if required:
            out["required"] = sorted(required)
        types = [types_of(a) for a in alts]
        if all(types):
            out["type"] = sorted(set(itertools.chain(*types)), key=ORDER.index)
        if all("enum" in a for a in alts):
            out["enum"] = list({text(v): v for a in alts for v in a["enum"]}.values())
        if all("format" in a for a in alts):
            out["format"] = "|".join(dict.fromkeys(a["format"] for a in alts))
        for key in ("pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems", "const"):
            if all(a.get(key) is not None and a[key] == alts[0].get(key) for a in alts):
                out[key] = alts[0][key]
        return out

    # -- members and definitions --

    def members(self, flat, path):
        required = set(flat.get("required", []))
        out = {}
        for name, s in flat.get("properties", {}).items():
            where = f"{path}.{name}" if path else name
            out[name] = Member(*self.describe(s, where), name in required)
        return out

    def describe(self, s, path, own=False):
        """(TYPE, constraints) of a schema; `path` names it and `own` says it is a definition's name."""
        flat = self.flat(s)
        types = types_of(flat)
        while isinstance(s, dict) and "$ref" in s:  # a definition may be only another one's name
            if s["$ref"].startswith("#/definitions/"):
                path, own = s["$ref"].rsplit("/", 1)[-1], True
            s = self.schema.resolver.resolve(s["$ref"])[1]
        out, rest, notes = [], [], []
        is_map = False
        for t in sorted(types, key=ORDER.index):
            if t == "array":
                named = (path + ".item", False) if flat.get("properties") else (path, own)
                inner, inner_notes = self.describe(flat.get("items", {}), *named)
                rest.append("list " + inner)
                notes += ["item." + n for n in inner_notes]
            elif t != "object":
                out.append(t)
            elif flat.get("properties"):
                out.append("@" + self.define(flat, path, own))
            else:
                values = list(flat.get("patternProperties", {}).values())
                if not values and isinstance(flat.get("additionalProperties"), dict):
                    values = [flat["additionalProperties"]]
                if values:
                    is_map = True
                    inner, inner_notes = self.describe(either(values), path, own)
                    rest.append("map " + inner)
                    notes += ["item." + n for n in inner_notes]
                else:
                    out.append("json")
        if not types or ("json" in out and len(types) > 3):
            return "json", self.limits(flat, [], False)
        return "/".join(out + rest), self.limits(flat, types, is_map) + notes

    @staticmethod
    def limits(s, types, is_map):
        groups = ["string"] if "string" in types else []
        groups += ["number"] if {"integer", "number"} & set(types) else []
        groups += ["array"] if "array" in types else []
        groups += ["map"] if is_map else []
        notes = []
        for key, name in (("enum", "enum"), ("enumCaseInsensitive", "ienum")):
            values = s.get(key)
            if values and len(values) <= MAX_ENUM and not {"array", "object"} & set(types):
                notes.append(name + "=" + "|".join(re.sub(r"([\\|])", r"\\\1", text(v)) for v in values))
        if "const" in s:
            notes.append("const=" + text(s["const"]))
        for group in groups:
            for key, name in LIMITS[group]:
                if s.get(key) not in (None, ""):
                    notes.append(f"{name}={text(s[key])}")
        if not groups and s.get("format"):
            notes.append("format=" + s["format"])
        if "array" in types and s.get("uniqueItems"):
            notes.append("unique")
        notes = [CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", n) for n in notes]
        return [n for n in notes if not re.search(r"^format=.*[^\w=|:.-]", n)]  # a format is a name

    def define(self, flat, path, own):
        """The definition's name: the schema's own (`own`), else the path that reaches it."""
        name = path
        while not own and name in self.root.get("definitions", {}):
            name += "_"
        if name not in self.defs:
            self.defs[name] = {}
            self.defs[name] = self.members(flat, name)
        return name

    # -- flags given by JSON pointer --

    def find(self, pointer):
        """The (definition, member) steps of a pointer, or None. '' is the type itself."""
        parts = pointer.strip("/").split("/")
        if parts[0] == "definitions" and len(parts) > 3 and parts[1] in self.defs:
            at, parts = parts[1], parts[3:]
        else:
            at, parts = "", parts[1:]
        steps = []
        for part in parts:
            if at is None:
                return None
            members = self.root_members if at == "" else self.defs[at]
            if part not in members:
                if steps and part in ("*", "items", "properties"):
                    continue
                return None
            steps.append((at, part))
            at = members[part].ref()
        return steps or None

    def mark_flags(self):
        uses = {}  # definition -> the (definition, member) places that use it
        for at, members in [("", self.root_members), *self.defs.items()]:
            for name, m in members.items():
                if m.ref():
                    uses.setdefault(m.ref(), set()).add((at, name))
        for key, letter in FLAG_LISTS:
            covered = {}
            for pointer in self.root.get(key, []):
                steps = self.find(pointer)
                if steps and all(len(uses[d]) == 1 for d, _ in steps[1:-1]):
                    covered.setdefault(steps[-1], set()).add(steps[-2] if len(steps) > 1 else None)
            for (at, name), via in covered.items():
                # a shared definition is marked only if every use of it is
                if None in via or via >= uses.get(at, set()):
                    members = self.root_members if at == "" else self.defs[at]
                    members[name].marks.add(letter)

    # -- output --

    def attributes(self):
        """What Fn::GetAtt accepts, by cfn-lint's own list; Outputs.* and * stand for any name."""
        for attr, pointer in self.schema.get_atts.items():
            attr = {".*": "*", "Outputs\\..*": "Outputs.*"}.get(attr, attr)
            if ".*." in attr:  # inside a list, where Fn::GetAtt cannot reach
                continue
            steps = self.find(pointer)
            if steps:
                at, name = steps[-1]
                yield attr, (self.root_members if at == "" else self.defs[at])[name].type
            else:
                yield attr, "json" if attr == "*" else "string"

    def tags(self):
        tagging = self.root.get("tagging")
        prop = "Tags"
        if isinstance(tagging, dict):
            if tagging.get("taggable") is False:
                return
            prop = tagging.get("tagProperty", "/properties/Tags").replace("/properties/", "", 1)
        member = self.root_members.get(prop)
        if member is None or "r" in member.marks:
            return
        if member.type.startswith("list "):
            if {"Key", "Value"} <= set(self.defs.get(member.ref(), {})):
                yield f"tags={prop}:list"
        elif member.type.startswith("map ") or "json" in member.type:
            yield f"tags={prop}:map"

    def rules(self):
        """The fields of the type that tie its properties together."""
        groups = [("xor", g) for g in lists(self.root.get("requiredXor"))]
        groups += [("or", g) for g in lists(self.root.get("requiredOr"))]
        for s in [self.root, *self.root.get("allOf", [])]:
            for key in ("oneOf", "anyOf"):
                alts = [set(self.flat(a).get("required", [])) for a in s.get(key, [])]
                if len(alts) < 2:
                    continue
                alts = [a - set.intersection(*alts) for a in alts]
                if key == "oneOf" and all(len(a) == 1 for a in alts):
                    groups.append(("xor", [next(iter(a)) for a in alts]))
                else:  # what follows from it: at least one of each clause
                    clauses = {frozenset(c) for c in itertools.product(*alts)}
                    minimal = [c for c in clauses if not any(o < c for o in clauses)]
                    groups += [("or", c) for c in minimal if len(c) > 1]
        fields = [f"{kind}={','.join(sorted(g))}" for kind, g in groups]
        for key, kind in (("dependentRequired", "needs"), ("dependentExcluded", "excludes")):
            for name, others in sorted(self.root.get(key, {}).items()):
                fields.append(f"{kind}={name}:{','.join(others)}")
        return sorted(set(fields))

    def write(self):
        head = ["=resource", self.schema.type_name, *self.tags(), *self.rules()]
        ids = [p.replace("/properties/", "", 1).replace("/", ".") for p in self.root.get("primaryIdentifier", [])]
        if ids:
            head.append("id=" + ",".join(ids))
        if self.root.get("additionalProperties") is not False or "patternProperties" in self.root:
            head.append("open")
        print("\t".join(head))
        write_members(self.root_members)
        for attr, typ in sorted(set(self.attributes())):
            print(f"*{attr}\t{typ}")
        for name, members in self.defs.items():
            print("@" + name)
            write_members(members)


class Member:
    def __init__(self, typ, notes, required):
        self.type, self.notes, self.required, self.marks = typ, notes, required, set()

    def ref(self):
        found = re.search(r"@([^/\s]+)", self.type)
        return found and found[1]

    def line(self):
        first = "r" if "r" in self.marks else "!" if self.required else "o"
        flags = first + "".join(letter for _, letter in FLAG_LISTS[1:] if letter in self.marks)
        return [self.type, flags, *self.notes]


def write_members(members):
    for name, m in sorted(members.items()):
        print("\t".join([name, *m.line()]))


def lists(value):
    """requiredXor and requiredOr hold one list of names, or several."""
    if not value:
        return []
    return value if isinstance(value[0], list) else [value]


def add_extensions(root, type_name):
    """cfn-lint's extra rules for a type, those that hold on a property's mere presence."""
    folder = Path(cfnlint.__file__).parent / "data/schemas/extensions" / type_name.lower().replace("::", "_")
    for file in sorted(folder.glob("*.json")):
        rule = json.loads(file.read_text(encoding="utf-8"))
        if file.stem.endswith("_enum") and isinstance(rule.get("enum"), list):
            for name, s in root["properties"].items():
                if name.lower() == file.stem[: -len("_enum")]:
                    s.setdefault("enum", rule["enum"])
        for part in [rule, *rule.get("allOf", [])]:
            for name in if_present(part.get("if")):
                for other, s in part["then"].get("properties", {}).items():
                    if other == name and "enum" in s:
                        root["properties"][name].setdefault("enum", s["enum"])
                    elif s is False and file.stem not in WARNINGS:
                        root.setdefault("dependentExcluded", {}).setdefault(name, []).append(other)


def if_present(condition):
    """The properties whose mere presence meets a condition."""
    if not isinstance(condition, dict) or set(condition) - {"properties", "required", "type"}:
        return []
    if any(set(s) - {"type", "minItems"} for s in condition.get("properties", {}).values() if isinstance(s, dict)):
        return []
    names = condition.get("required", [])
    return names if len(names) == 1 and set(condition.get("properties", {})) <= set(names) else []


def main():
    if len(sys.argv) != 1:
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print(f"#stackc-facts 1 cloudformation cfn-lint {__version__} {REGION}")
    for name in sorted(PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION)):
        if name == "Module":  # cfn-lint's stand-in for every registry module
            continue
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, name)
        add_extensions(schema.schema, name)
        Type(schema).write()


if __name__ == "__main__":
    main()
