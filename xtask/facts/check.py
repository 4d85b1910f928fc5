#!/usr/bin/env python3
"""Check .facts files against the grammar in specs/providers/SOURCE.md.

Usage: check.py FILE...

Prints each file's counts; on a fault prints its line and exits with 1.
"""
import re
import sys

SCALAR = r"(?:string|integer|number|boolean|json)"
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.:-]*"
ALT = rf"(?:{SCALAR}|@{NAME})"
# after `list`, `set` or `map` the rest of a union is its items'
TYPE = re.compile(rf"(?:(?:{ALT}/)*(?:list|set|map) )*(?:{ALT}/)*{ALT}|block:(?:single|list|set|map) @{NAME}")
FLAGS = re.compile(r"[!ocr]n?v?l?w?s?d?")
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
NOTE = re.compile(
    rf"(?:item\.)*(?:(?:min|max)={NUMBER}|(?:min|max)(?:len|items)=[0-9]+|unique"
    r"|i?enum=.*|pattern=.+|const=.*|format=[\w|:.-]+)"
)
HEAD = re.compile(rf"tags={NAME}:(?:list|map|words)|(?:xor|or)={NAME}(?:,{NAME})+|(?:needs|excludes)={NAME}:{NAME}(?:,{NAME})*"
                  rf"|id={NAME}(?:,{NAME})*|deprecated|open|version=[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:-preview)?")
ATTR = re.compile(rf"{NAME}|(?:{NAME}\.)?\*")


def check(path):
    faults, counts = [], {"resource": 0, "data": 0, "ephemeral": 0, "members": 0, "definitions": 0, "attributes": 0}
    types, used, defined, members, last = set(), {}, set(), set(), ""
    where, head, root = 0, [], set()

    def fault(n, what):
        faults.append(f"{path}:{n}: {what}")

    def close():
        for name, n in used.items():
            if name not in defined:
                fault(n, f"no definition @{name} in this type")
        for name in defined - set(used):
            fault(where, f"definition @{name} is not used")
        for field in head:
            if field.split("=")[0] in ("xor", "or", "needs", "excludes"):
                for name in re.split("[,:]", field.split("=")[1]):
                    if name not in root:
                        fault(where, f"{field}: no member {name}")

    def uses(n, typ):
        for name in re.findall(rf"@({NAME})", typ):
            used.setdefault(name, n)

    with open(path, encoding="utf-8", newline="") as f:
        lines = f.read().split("\n")
    if lines.pop() != "":
        fault(len(lines) + 1, "no line break at the end")
    if not lines or not lines[0].startswith("#stackc-facts 1 "):
        fault(1, "no #stackc-facts 1 header")
    order = (0, "")
    for n, raw in enumerate(lines[1:], 2):
        fields = raw.split("\t")
        if not raw or "" in fields or re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", raw):
            fault(n, "an empty field or a control character")
        first = fields[0]
        if first in ("=resource", "=data", "=ephemeral") and len(fields) > 1:
            close()
            kind = first[1:]
            counts[kind] += 1
            key = ("resource data ephemeral".split().index(kind), fields[1])
            if order == key or order[0] > key[0]:
                fault(n, "a type twice, or kinds out of order")
            if order[0] == key[0] and order[1].encode() >= key[1].encode():
                fault(n, "types are not sorted")
            if key in types:
                fault(n, f"{fields[1]} twice")
            types.add(key)
            order, where, head, root = key, n, fields[2:], set()
            used, defined, members = {}, set(), root
            for field in head:
                if not HEAD.fullmatch(field):
                    fault(n, f"type field {field!r}")
        elif first.startswith("@"):
            counts["definitions"] += 1
            if len(fields) != 1 or not re.fullmatch("@" + NAME, first):
                fault(n, "definition line")
            if first[1:] in defined:
                fault(n, f"{first} twice")
            defined.add(first[1:])
            members = set()
        elif first.startswith("*"):
            counts["attributes"] += 1
            if len(fields) != 2 or not ATTR.fullmatch(first[1:]) or not TYPE.fullmatch(fields[1]):
                fault(n, "attribute line")
            else:
                uses(n, fields[1])
        elif where == 0 or len(fields) < 3:
            fault(n, "not a line of the grammar")
        else:
            counts["members"] += 1
            if not re.fullmatch(NAME, first) or not TYPE.fullmatch(fields[1]) or not FLAGS.fullmatch(fields[2]):
                fault(n, f"member line {fields[:3]}")
            if first in members:
                fault(n, f"{first} twice")
            if members and first < last:
                fault(n, "members are not sorted")
            members.add(first)
            last = first
            uses(n, fields[1])
            for note in fields[3:]:
                if not NOTE.fullmatch(note):
                    fault(n, f"constraint {note!r}")
    close()
    print(path, " ".join(f"{v} {k}" for k, v in counts.items()))
    return faults


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    faults = [x for path in sys.argv[1:] for x in check(path)]
    for x in faults[:50]:
        print(x)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
