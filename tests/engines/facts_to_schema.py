"""Turns a Terraform .facts file back into a document like that of `terraform providers schema -json`.

    facts_to_schema.py FILE.facts [ARGUMENT...] > schema.json

What stands in FILE.corrections takes the place of its lines, as it does when stackc is built.

Facts do not hold the provider's own configuration. Each ARGUMENT is one that its block shall accept: NAME (a string),
NAME:TYPE (bool, number, string), NAME:strings or NAME:block. The facts' enums, patterns and limits go under the key "rules", which
schema_provider.py enforces and Terraform itself knows nothing of. The format of the facts is in
specs/providers/SOURCE.md.
"""

import json
import re
import sys
from pathlib import Path

SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "bool", "json": "dynamic"}
FLAGS = {"!": ["required"], "o": ["optional"], "c": ["optional", "computed"], "r": ["computed"]}
LETTERS = {"w": "write_only", "s": "sensitive", "d": "deprecated"}
ITEMS = {"minitems": "min_items", "maxitems": "max_items"}
NUMBERS = {"min", "max", "minlen", "maxlen"}


def cty(text, definitions):
    """The Terraform type of a TYPE."""
    if "/" in text:
        return "dynamic"
    if text.startswith("@"):
        members = definitions[text[1:]]
        optional = sorted(m[0] for m in members if m[2][0] in "oc")
        shape = ["object", {m[0]: cty(m[1], definitions) for m in members}]
        return shape + [optional] if optional else shape
    kind, _, rest = text.partition(" ")
    return [kind, cty(rest, definitions)] if rest else SCALARS[kind]


def rule(constraints):
    """What schema_provider.py shall ask of one member's value."""
    out = {}
    for note in constraints:
        key, _, value = note.partition("=")
        if key == "enum":
            out[key] = [re.sub(r"\\(.)", r"\1", v) for v in re.findall(r"(?:[^|\\]|\\.)+", value)]
        elif key == "pattern":
            out[key] = value
        elif key in NUMBERS:
            out[key] = float(value)
    return out


def block(members, definitions, path, rules):
    attributes, blocks = {}, {}
    for name, text, flags, *constraints in members:
        where = f"{path}{name}"
        if text.startswith("block:"):
            mode, _, ref = text[len("block:") :].partition(" @")
            inner = block(definitions[ref], definitions, where + ".", rules)
            if "d" in flags:
                inner["deprecated"] = True
            counts = {ITEMS[k]: int(v) for k, _, v in (c.partition("=") for c in constraints) if k in ITEMS}
            if flags[0] == "!":
                counts.setdefault("min_items", 1)
            blocks[name] = {"nesting_mode": mode, "block": inner, **counts}
            if "n" in flags:
                rules[where] = {"replace": True}
            continue
        keys = FLAGS[flags[0]] + [LETTERS[f] for f in flags[1:] if f in LETTERS]
        attributes[name] = {"type": cty(text, definitions), **dict.fromkeys(keys, True)}
        asked = rule(constraints) if text in SCALARS else {}
        if "n" in flags or "l" in flags:
            asked["replace"] = True if "n" in flags else "lower"
        if asked:
            rules[where] = asked
    return {"attributes": attributes, "block_types": blocks}


def corrected(path, lines):
    """The lines of the facts with those of their corrections."""
    beside = Path(path).with_suffix(".corrections")
    if not beside.exists():
        return lines

    def places(lines):
        key = inner = None
        for line in lines:
            if line.startswith("="):
                key, inner = tuple(line.split("\t")[:2]), ""
            elif line.startswith("@"):
                inner = line
            yield (key, inner, line.split("\t")[0]), line

    said = [line for line in beside.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    replaced = {place: line for place, line in places(said) if line[0] not in "=@"}
    return [replaced.get(place, line) for place, line in places(lines)]


def read(path, arguments=()):
    with open(path, encoding="utf-8") as f:
        header, *lines = f.read().splitlines()
    lines = list(corrected(path, lines))
    provider = re.match(r"#stackc-facts 1 terraform provider (\S+)", header)
    if not provider:
        raise SystemExit(f"{path}: not the facts of a Terraform provider")
    types, definitions, members = [], {}, None
    for fields in (line.split("\t") for line in corrected(path, lines)):
        if fields[0].startswith("="):
            members, definitions = [], {}
            types.append((fields[0][1:], fields[1], "deprecated" in fields[2:], members, definitions))
        elif fields[0].startswith("@"):
            members = definitions[fields[0][1:]] = []
        elif not fields[0].startswith("*"):
            members.append(fields)
    out, rules = {"resource": {}, "data": {}, "ephemeral": {}}, {}
    for kind, name, deprecated, members, definitions in types:
        asked = {}
        body = block(members, definitions, "", asked)
        if deprecated:
            body["deprecated"] = True
        out[kind][name] = {"version": 0, "block": body}
        if asked and kind == "resource":
            rules[name] = asked
    own = {"attributes": {}, "block_types": {}}
    for name, _, kind in (a.partition(":") for a in arguments):
        if kind == "block":
            own["block_types"][name] = {"nesting_mode": "list", "block": {}}
        else:
            own["attributes"][name] = {"type": ["list", "string"] if kind == "strings" else kind or "string", "optional": True}
    schema = {"provider": {"version": 0, "block": own}}
    schema |= {"resource_schemas": out["resource"], "data_source_schemas": out["data"]}
    schema |= {"ephemeral_resource_schemas": out["ephemeral"]}
    source = provider[1] if provider[1].count("/") == 2 else "registry.terraform.io/" + provider[1]
    return {"format_version": "1.0", "provider_schemas": {source: schema}, "rules": rules}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    json.dump(read(sys.argv[1], sys.argv[2:]), sys.stdout)
