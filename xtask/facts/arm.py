#!/usr/bin/env python3
"""Turn Azure's management packages into stackc facts about ARM resource types.

Usage: arm.py WHEEL... > FILE.facts        (azure-mgmt-* of PyPI)

The packages are read as text, not run. A resource type is what a PUT operation's
URL names behind `/providers/`; its members are those of the model that the
operation sends, with what only the answer has as read-only. Of a package with
several API versions, the newest that is no preview is taken, type by type. The
file format is in specs/providers/SOURCE.md.
"""
import ast
import re
import sys
import zipfile

SCALARS = {"str": "string", "int": "integer", "long": "integer", "float": "number", "bool": "boolean", "object": "json",
           "iso-8601": "string", "rfc-1123": "string", "duration": "string", "date": "string", "time": "string",
           "bytearray": "string", "base64": "string", "base64url": "string", "unix-time": "integer", "decimal": "number"}
LIMITS = {"max_length": "maxlen", "min_length": "minlen", "maximum": "max", "minimum": "min", "max_items": "maxitems",
          "min_items": "minitems", "pattern": "pattern"}
# What network's types drag in though no template of ours could need it, or which are not the stack's to make.
WANTED = re.compile(r"Microsoft\.Network/(?:applicationGateways|applicationSecurityGroups|dnsZones/.*|dnsZones|natGateways|networkSecurityGroups"
                    r"|networkSecurityGroups/securityRules|networkWatchers|networkWatchers/flowLogs|privateDnsZones|privateDnsZones/.*|privateEndpoints"
                    r"|privateEndpoints/privateDnsZoneGroups|publicIPAddresses|publicIPPrefixes|routeTables|routeTables/routes|virtualNetworks"
                    r"|virtualNetworks/subnets|ApplicationGatewayWebApplicationFirewallPolicies)"
                    r"|Microsoft\.Insights/diagnosticSettings|Microsoft\.Authorization/(?:locks|roleAssignments|roleDefinitions)"
                    r"|Microsoft\.(?!Network/|Insights/|Monitor/|Authorization/).*")
ESCAPE = str.maketrans({"\\": "\\\\", "|": "\\|"})


def literal(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def newness(url, version):
    """A name that can be chosen before one that is fixed: the latter is an older form of the type. Then what is no preview, then the newer."""
    return (url.endswith("}"), "preview" not in version, version)


class Module:
    """One API version of a package: its models, enums and operations."""

    def __init__(self, files):
        self.classes, self.enums, self.puts = {}, {}, []
        for text in (text for path, text in files if "/models/" in path):
            for node in ast.parse(text).body:
                if isinstance(node, ast.ClassDef):
                    self.model(node)
        for text in (text for path, text in files if "/operations/" in path):
            self.operations(ast.parse(text))

    def model(self, node):
        values = [literal(s.value) for s in node.body if isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant)]
        bases = [b.attr if isinstance(b, ast.Attribute) else getattr(b, "id", "") for b in node.bases]
        if "Enum" in bases:
            self.enums[node.name] = [v for v in values if isinstance(v, str)]
            return
        fields = {t.id: literal(s.value) for s in node.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)}
        kinds = dict(re.findall(r":vartype (\w+):\s+(.*?)(?=\n\s*:|\Z)", ast.get_docstring(node) or "", re.S))
        set_in_init = {t.attr: literal(s.value) for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__" for s in ast.walk(f)
                       if isinstance(s, (ast.Assign, ast.AnnAssign)) for t in (s.targets if isinstance(s, ast.Assign) else [s.target])
                       if isinstance(t, ast.Attribute) and s.value is not None}
        self.classes[node.name] = {"bases": bases, "map": fields.get("_attribute_map") or {}, "rules": fields.get("_validation") or {},
                                   "subtypes": fields.get("_subtype_map") or {}, "kinds": kinds, "fields": fields, "init": set_in_init}

    def operations(self, tree):
        builders = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and any(isinstance(n, ast.Constant) and n.value == "PUT" for n in ast.walk(node)):
                builders[node.name] = self.builder(node)
        for cls in (n for n in tree.body if isinstance(n, ast.ClassDef)):
            for method in (m for m in cls.body if isinstance(m, ast.FunctionDef)):
                used = [n.func.id for n in ast.walk(method) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in builders]
                bodies = [n.args[1].value for n in ast.walk(method) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)
                          and n.func.attr == "body" and len(n.args) > 1 and isinstance(n.args[1], ast.Constant)]
                answers = [n.args[0].value for n in ast.walk(method) if isinstance(n, ast.Call) and isinstance(n.func, (ast.Attribute, ast.Name))
                           and getattr(n.func, "attr", getattr(n.func, "id", "")) == "_deserialize" and n.args and isinstance(n.args[0], ast.Constant)]
                answers += self.answer(cls, method)
                for name in used:
                    if bodies and bodies[0] in self.classes:
                        self.puts.append((*builders[name], bodies[0], [a for a in answers if a in self.classes and a != "ErrorResponse"]))

    @staticmethod
    def answer(cls, method):
        """What a long-running operation gives in the end is read in the method that begins it."""
        public = method.name.strip("_").removesuffix("_initial")
        return [n.args[0].value for m in cls.body if isinstance(m, ast.FunctionDef) and m.name == "begin_" + public for n in ast.walk(m)
                if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "_deserialize" and n.args and isinstance(n.args[0], ast.Constant)]

    @staticmethod
    def builder(node):
        url, version, names = "", "", {}
        kinds = {a.arg: ast.unparse(a.annotation) for a in node.args.args if a.annotation}
        for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
            name = getattr(call.func, "attr", "")
            given = [literal(a) for a in call.args]
            if name == "pop" and given[:1] == ["template_url"]:
                url = given[1]
            elif name == "pop" and given[:1] == ["api-version"] and len(given) > 1:
                version = given[1]
        for line in (n for n in ast.walk(node) if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "path_format_arguments"):
            for key, value in zip(line.value.keys, line.value.values):
                limits = {k.arg: literal(k.value) for k in value.keywords} if isinstance(value, ast.Call) else {}
                names[literal(key)] = (limits, kinds.get(literal(value.args[0]), ""), literal(value.args[1]))
        return url, version, names


class Type:
    """The lines of one resource type."""

    def __init__(self, module):
        self.module, self.defs = module, {}

    def all(self, name):
        """A model's own members and those of its bases, each with what is asked of it; for one with subtypes, theirs too."""
        cls = self.module.classes[name]
        found = {}
        for base in cls["bases"]:
            if base in self.module.classes:
                found.update(self.all(base))
        for python, spec in cls["map"].items():
            old = found.get(python, ({}, "", None))
            const = cls["fields"].get(python) or (cls["init"].get(python) if python == self.discriminator(cls) else None)
            found[python] = (spec, cls["kinds"].get(python, old[1]), cls["rules"].get(python, {}), const)
        for python, rule in cls["rules"].items():
            if python in found:
                found[python] = (*found[python][:2], rule, found[python][3])
        return found

    def discriminator(self, cls):
        names = list(cls["subtypes"])
        for base in cls["bases"]:
            if base in self.module.classes:
                names += self.discriminator(self.module.classes[base])
        return names

    def members(self, name, path):
        """A tree: wire name to (type, flags, constraints), or to a tree where the model flattens one."""
        tree = {}
        subtypes = sorted({n for table in self.module.classes[name]["subtypes"].values() for n in self.subtypes_of(table)})
        for origin in [name, *subtypes]:
            if origin not in self.module.classes:
                continue
            for python, (spec, kind, rule, const) in self.all(origin).items():
                if not spec["key"]:
                    continue  # members of any other name
                place, steps = tree, [s.replace("\0", ".") for s in spec["key"].replace("\\.", "\0").split(".")]
                for step in steps[:-1]:
                    place = place.setdefault(step, {})
                if origin == name or steps[-1] not in place:
                    line = self.member(spec["type"], kind, rule, const if origin == name and not subtypes else None)
                    if origin != name and line[1].startswith("!"):
                        line = (line[0], "o" + line[1][1:], line[2])
                    if python in self.module.classes[name]["subtypes"]:
                        table = self.module.classes[name]["subtypes"][python]
                        line = (line[0], "!", ["enum=" + "|".join(sorted(v.translate(ESCAPE) for v in self.words_of(table)))])
                    place[steps[-1]] = line
        return tree

    def subtypes_of(self, table):
        for name in table.values():
            yield name
            for inner in self.module.classes.get(name, {"subtypes": {}})["subtypes"].values():
                yield from self.subtypes_of(inner)

    def words_of(self, table):
        for word, name in table.items():
            yield word
            for inner in self.module.classes.get(name, {"subtypes": {}})["subtypes"].values():
                yield from self.words_of(inner)

    def member(self, kind, said, rule, const):
        read_only = bool(rule.get("readonly"))
        typ, prefix = self.typ(kind, read_only)
        flags = "r" if read_only else "!" if rule.get("required") else "o"
        notes = []
        enum = re.search(r"~[\w.]+\.(\w+)\]?\Z", said.strip().split(" or ")[-1])
        if enum and "string" in typ and self.module.enums.get(enum[1]):
            notes.append(prefix + "enum=" + "|".join(v.translate(ESCAPE) for v in self.module.enums[enum[1]]))
        elif isinstance(const, str) and typ == "string":
            notes.append("const=" + const)
        return typ, flags, notes + limits(rule)

    def typ(self, kind, read_only=False):
        if kind.startswith("["):
            inner, prefix = self.typ(kind[1:-1], read_only)
            return "list " + inner, "item." + prefix
        if kind.startswith("{"):
            inner, prefix = self.typ(kind[1:-1], read_only)
            return "map " + inner, "item." + prefix
        if kind in SCALARS:
            return SCALARS[kind], ""
        if kind in self.module.enums:
            return "string", ""
        if kind not in self.module.classes:
            return "json", ""
        # What the provider shows of another resource leads through all types there are.
        if read_only and any(spec["key"] == "id" for spec, *_ in self.all(kind).values()):
            return "json", ""
        return self.define(kind), ""

    def define(self, kind):
        if kind not in self.defs:
            self.defs[kind] = None  # keeps the place, for models that hold themselves
            self.place(kind, self.members(kind, kind))
        return "@" + kind

    def place(self, name, tree):
        if not tree:
            self.defs[name] = []
            return
        lines = []
        for member, value in sorted(tree.items()):
            if isinstance(value, dict):
                inner = f"{name}.{member}" if name else member
                required = any(not isinstance(v, dict) and v[1] == "!" for v in value.values())
                self.defs[inner] = None
                self.place(inner, value)
                value = ("@" + inner, "!" if required else "o", [])
            lines.append("\t".join([member, value[0], value[1], *value[2]]))
        self.defs[name] = lines


def limits(rule):
    notes = []
    for key, name in LIMITS.items():
        value = rule.get(key)
        if value is None or value == "":
            continue
        if key == "pattern":
            value = re.sub(r"(?<!\\)[\x00-\x1f\x7f-\x9f]", lambda m: f"\\x{ord(m[0]):02x}", value)
        notes.append(f"{name}={value}")
    return notes + ["unique"] * bool(rule.get("unique"))


def read_only(tree):
    return {k: read_only(v) if isinstance(v, dict) else (v[0], "r", v[2]) for k, v in tree.items()}


def merge(ours, theirs):
    """What only the answer has is read-only."""
    for name, value in read_only(theirs).items():
        if name not in ours:
            ours[name] = value
        elif isinstance(value, dict) and isinstance(ours[name], dict):
            merge(ours[name], value)
    return ours


def types_of(url, names, enums):
    """The resource types of a URL, whether they are made in the scope of another, and the limits of the last name."""
    _, _, rest = url.rpartition("/providers/")
    namespace, *steps = rest.strip("/").split("/")
    if len(steps) % 2 or not namespace.lower().startswith("microsoft."):
        return
    kinds, last = [[]], steps[-1] if steps else ""
    for step in steps[::2]:
        variable = re.fullmatch(r"\{(\w+)\}", step)
        words = [step]
        if variable:
            enum = re.search(r"models\.(\w+)", names.get(variable[1], ({}, "", ""))[1])
            words = enums.get(enum[1], []) if enum else []
        kinds = [kind + [word] for kind in kinds for word in words]
    scoped = re.match(r"/\{(?:scope|resourceUri|resourceId)\}/", url) is not None
    variable = re.fullmatch(r"\{(\w+)\}", last)
    notes = limits(names.get(variable[1], ({},))[0]) if variable else ["enum=" + last]
    given = names.get(variable[1], ({}, "", ""))[1] if variable else ""
    enum = re.search(r"models\.(\w+)", given)
    if enum and enum[1] in enums:
        notes = ["enum=" + "|".join(enums[enum[1]])]
    fixed = names.get(variable[1], ({}, "", None))[2] if variable else None
    if fixed and not notes:
        notes = ["enum=" + fixed]
    for kind in kinds:
        yield f"{namespace}/{'/'.join(kind)}", scoped, notes


def modules(wheel):
    """The API versions that a package carries."""
    with zipfile.ZipFile(wheel) as archive:
        folders = {}
        for name in archive.namelist():
            found = re.match(r"(.*)/(?:models|operations)/_\w+\.py$", name)
            if found and "/aio/" not in name:
                folders.setdefault(found[1], []).append((name, archive.read(name).decode()))
    return [Module(files) for _, files in sorted(folders.items())]


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    packages, best = [], {}
    for wheel in sorted(sys.argv[1:]):
        name, version = re.search(r"(azure_mgmt_\w+)-([\w.]+?)-py", wheel).groups()
        packages.append(f"{name.replace('_', '-')} {version}")
        for module in modules(wheel):
            for url, version, names, body, answers in module.puts:
                for kind, scoped, notes in types_of(url, names, module.enums):
                    known = best.setdefault(kind.lower(), {"kind": kind, "scoped": False})
                    known["scoped"] |= scoped
                    if "version" not in known or newness(url, version) > known["newness"]:
                        known.update(version=version, newness=newness(url, version), module=module, body=body, answers=answers, notes=notes, kind=kind)
    print("#stackc-facts 1 arm", ", ".join(packages))
    for known in sorted(best.values(), key=lambda known: known["kind"].encode()):
        if not WANTED.fullmatch(known["kind"]):
            continue
        out = Type(known["module"])
        tree = out.members(known["body"], "")
        for answer in known["answers"][:1]:
            if answer != known["body"]:
                tree = merge(tree, out.members(answer, ""))
        for name in ("type", "systemData", "apiVersion"):
            tree.pop(name, None)
        tree["id"] = ("string", "r", [])
        # A resource of another name or in another place is another resource.
        tree["name"] = ("string", "!n", known["notes"])
        if isinstance(tree.get("location"), tuple) and tree["location"][1] != "r":
            tree["location"] = (tree["location"][0], tree["location"][1] + "n", tree["location"][2])
        if known["scoped"]:
            tree["scope"] = ("string", "o", [])
        tags = tree.get("tags")
        out.place("", tree)
        root = out.defs.pop("")
        head = [f"=resource\t{known['kind']}", f"version={known['version']}"]
        head += ["tags=tags:map"] * bool(tags and not isinstance(tags, dict) and tags[0].startswith("map "))
        print("\t".join(head))
        print("\n".join(root))
        used, queue = [], root
        while queue:
            names = [n for line in queue for n in re.findall(r"@([\w.]+)", line.split("\t")[1]) if n not in used]
            used += dict.fromkeys(names)
            queue = [line for n in dict.fromkeys(names) for line in out.defs[n]]
        for name in used:
            print("@" + name)
            if out.defs[name]:
                print("\n".join(out.defs[name]))


if __name__ == "__main__":
    main()
