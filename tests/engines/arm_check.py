"""Judges templates of Azure Resource Manager strictly, by facts or by the types of the Bicep compiler.

    arm_check.py FACTS TEMPLATE...
    arm_check.py FACTS --types DIR TEMPLATE...
    arm_check.py FACTS --values TEMPLATE...

FACTS is `specs/providers/arm.facts`; `.corrections` beside it count. DIR holds `…/APIVERSION/types.json`. Prints a JSON object: for each
template its complaints. With `--values`, for each template its outputs and its resources with all expressions worked out instead.

Looked at: types and versions, unknown, missing and read-only members, types of values, enumerations, lengths, patterns, ranges, names and
their parts, the syntax and the arguments of every expression, what is read before it can be, parameters, what has to be waited for, circles,
two resources of one name, secrets in the open, and the limits of Azure.
"""

import json
import os
import re
import sys
from pathlib import Path

import arm_expression as ex

SECTIONS = {"$schema", "languageVersion", "contentVersion", "metadata", "parameters", "resources", "outputs"}
ENVELOPE = {"type", "apiVersion", "dependsOn", "existing", "condition", "copy", "comments", "metadata"}
LIMITS = {"resources": 800, "parameters": 256, "outputs": 64}


# ---- facts ------------------------------------------------------------------------------------------------------------


def facts(path):
    """Types by their names in lower case: version, and objects of members (type, flags, limits) by name."""
    types = {}
    kind = None
    for line in Path(path).read_text().splitlines()[1:]:
        fields = line.split("\t")
        if line.startswith("=resource"):
            kind = {"name": fields[1], "version": dict(f.split("=", 1) for f in fields[2:] if "=" in f).get("version"), "objects": {"": {}}}
            types[fields[1].lower()] = kind
            object_ = kind["objects"][""]
        elif line.startswith("@"):
            object_ = kind["objects"].setdefault(line[1:], {})
        else:
            object_[fields[0]] = member(fields)
    corrections = Path(path).with_suffix(".corrections")
    if corrections.is_file():
        for line in corrections.read_text().splitlines():
            fields = line.split("\t")
            if line.startswith("=resource"):
                kind = types[fields[1].lower()]
                object_ = kind["objects"][""]
            elif line.startswith("@"):
                object_ = kind["objects"][line[1:]]
            elif line and not line.startswith("#"):
                object_[fields[0]] = member(fields)
    return types


def member(fields):
    return fields[1], fields[2], dict(note.split("=", 1) for note in fields[3:] if "=" in note)


class ByFacts:
    def __init__(self, types):
        self.types = types

    def find(self, kind, version):
        found = self.types.get(kind.lower())
        if found is None:
            return None, "there is no such type"
        if found["version"] != version:
            return None, f"it is known at {found['version']}, not at {version}"
        return found, None

    def check(self, judge, kind, body, path):
        self.object(judge, kind, kind["objects"][""], body, path)

    def object(self, judge, kind, members, found, path):
        for name, inner in found.items():
            if name not in members:
                near = [known for known in members if known.lower() == name.lower()]
                judge.say(path, f"unknown member {name!r}" + (f", is it {near[0]!r}?" if near else ""))
                continue
            typ, flags, limits = members[name]
            if flags[0] == "r":
                judge.say(path, f"{name!r} is read-only")
            else:
                self.value(judge, kind, typ, limits, inner, f"{path}.{name}", "w" in flags[1:] or "s" in flags[1:])
        for name, (_, flags, _) in members.items():
            if flags[0] == "!" and name not in found:
                judge.say(path, f"{name!r} is missing")

    def value(self, judge, kind, typ, limits, found, path, secret=False):
        judge.secrets(found, path, secret)
        found = judge.worked_out(found, path)
        if typ.startswith("list "):
            if not isinstance(found, list):
                return judge.say_unless_later(found, path, "a list")
            item = {key[5:]: note for key, note in limits.items() if key.startswith("item.")}
            for index, inner in enumerate(found):
                self.value(judge, kind, typ[5:], item, inner, f"{path}[{index}]", secret)
        elif typ.startswith("map "):
            if not isinstance(found, dict):
                return judge.say_unless_later(found, path, "an object")
            for name, inner in found.items():
                self.value(judge, kind, typ[4:], {}, inner, f"{path}.{judge.key(name, path)}", secret)
        elif typ.startswith("@"):
            if not isinstance(found, dict):
                return judge.say_unless_later(found, path, "an object")
            self.object(judge, kind, kind["objects"][typ[1:]], found, path)
        elif typ == "json":
            judge.free(found, path)
        else:
            scalar(judge, typ, limits, found, path)
        return None


class Guess(str):
    """A text in which a parameter without a default stands: only the deployer knows it, so that it is good for anything that takes a text."""


def scalar(judge, typ, limits, found, path):
    wanted = {"string": str, "integer": int, "number": (int, float), "boolean": bool}[typ]
    if isinstance(found, ex.Later):
        return
    if not isinstance(found, wanted) or (isinstance(found, bool) and typ != "boolean"):
        judge.say(path, f"wants a {typ}, has {json.dumps(found)[:60]}")
        return
    number = limits.get
    if isinstance(found, Guess):
        return
    if typ == "string":
        values = limits.get("enum")
        if values is not None and found not in re.split(r"(?<!\\)\|", values):
            judge.say(path, f"{found!r} is not one of {values}")
        if "minlen" in limits and len(found) < int(limits["minlen"]) or "maxlen" in limits and len(found) > int(limits["maxlen"]):
            judge.say(path, f"{found!r} has {len(found)} characters; {number('minlen')} to {number('maxlen')} are possible")
        if "pattern" in limits and not re.search(limits["pattern"], found):
            judge.say(path, f"{found!r} does not match {limits['pattern']}")
    elif typ in ("integer", "number"):
        if "min" in limits and found < float(limits["min"]) or "max" in limits and found > float(limits["max"]):
            judge.say(path, f"{found} is outside of {number('min')} to {number('max')}")


# ---- the Bicep compiler's types -----------------------------------------------------------------------------------------

REQUIRED, READ_ONLY = 1, 2


class ByTypes:
    def __init__(self, folder):
        self.types = {}
        self.versions = {}
        for root, _, files in os.walk(folder):
            for file in files:
                if file == "types.json":
                    types = json.loads(Path(root, file).read_text())
                    for found in types:
                        if found["$type"] == "ResourceType":
                            name, _, version = found["name"].partition("@")
                            self.types[name.lower(), version] = (types, types[int(found["body"]["$ref"][2:])])
                            self.versions.setdefault(name.lower(), []).append(version)
        self.other_version = set()

    def find(self, kind, version):
        """The version itself, or else the newest one before it, or the oldest after it. A type of another package is not there at all."""
        versions = sorted(self.versions.get(kind.lower(), []))
        if not versions:
            return None, None
        best = max((known for known in versions if known <= version), default=versions[0])
        if best != version:
            self.other_version.add(f"{kind}: {version} judged by {best}")
        return self.types[kind.lower(), best], None

    def check(self, judge, found, body, path):
        types, root = found
        self.value(judge, types, root, {**body, "id": ""}, path, top=True)

    def value(self, judge, types, typ, found, path, top=False):
        kind = typ["$type"]
        if not top:
            found = judge.worked_out(found, path)
        if isinstance(found, ex.Later) or kind == "AnyType":
            return
        if kind in ("StringType", "StringLiteralType"):
            if not isinstance(found, str):
                judge.say(path, f"wants a text, has {json.dumps(found)[:60]}")
            elif isinstance(found, Guess):
                return
            elif kind == "StringLiteralType":
                if found != typ["value"]:
                    judge.say(path, f"wants {typ['value']!r}, has {found!r}")
            else:
                limits = {short: str(typ[long]) for long, short in (("minLength", "minlen"), ("maxLength", "maxlen"), ("pattern", "pattern")) if long in typ}
                scalar(judge, "string", limits, found, path)
        elif kind == "IntegerType":
            limits = {short: str(typ[long]) for long, short in (("minValue", "min"), ("maxValue", "max")) if long in typ}
            # The types have no fractions: the interface's numbers are integers there.
            if not isinstance(found, (int, float)) or isinstance(found, bool):
                judge.say(path, f"wants a number, has {json.dumps(found)[:60]}")
            else:
                scalar(judge, "number", limits, found, path)
        elif kind == "BooleanType":
            if not isinstance(found, bool):
                judge.say(path, f"wants true or false, has {json.dumps(found)[:60]}")
        elif kind == "ArrayType":
            if not isinstance(found, list):
                judge.say(path, f"wants a list, has {json.dumps(found)[:60]}")
                return
            for index, inner in enumerate(found):
                self.value(judge, types, self.follow(types, typ["itemType"]), inner, f"{path}[{index}]")
        elif kind == "UnionType":
            self.union(judge, types, typ, found, path)
        elif kind in ("ObjectType", "DiscriminatedObjectType"):
            self.object(judge, types, typ, found, path, top)

    @staticmethod
    def follow(types, reference):
        return types[int(reference["$ref"][2:])]

    def union(self, judge, types, typ, found, path):
        choices = [self.follow(types, choice) for choice in typ["elements"]]
        words = [choice["value"] for choice in choices if choice["$type"] == "StringLiteralType"]
        if isinstance(found, Guess):
            return
        if words and isinstance(found, str):
            # An enumeration may be open, but what is not in it is most likely a slip.
            if found not in words:
                judge.say(path, f"{found!r} is not one of {'|'.join(words)}")
            return
        attempts = []
        for choice in choices:
            quiet = judge.quiet()
            self.value(quiet, types, choice, found, path)
            if not quiet.complaints:
                return
            attempts.append(quiet.complaints)
        judge.complaints += min(attempts, key=len)

    def object(self, judge, types, typ, found, path, top):
        if not isinstance(found, dict):
            judge.say(path, f"wants an object, has {json.dumps(found)[:60]}")
            return
        members = dict(typ.get("properties") or typ.get("baseProperties") or {})
        if "discriminator" in typ:
            word = found.get(typ["discriminator"])
            if word in typ["elements"]:
                members.update(self.follow(types, typ["elements"][word])["properties"])
            else:
                judge.say(path, f"{typ['discriminator']!r} is {word!r}, not one of {', '.join(typ['elements'])}")
                return
        more = typ.get("additionalProperties")
        for name, inner in found.items():
            if top and name in ("id", "name", "scope"):
                continue
            if name in members:
                if members[name]["flags"] & READ_ONLY:
                    judge.say(path, f"{name!r} is read-only")
                else:
                    self.value(judge, types, self.follow(types, members[name]["type"]), inner, f"{path}.{name}")
            elif more:
                self.value(judge, types, self.follow(types, more), inner, f"{path}.{judge.key(name, path)}")
            else:
                judge.say(path, f"unknown member {name!r}")
        for name, inner in members.items():
            if inner["flags"] & REQUIRED and name not in found and not (top and name in ("type", "apiVersion")):
                judge.say(path, f"{name!r} is missing")


# ---- a template ---------------------------------------------------------------------------------------------------------


class Judge:
    def __init__(self, template, oracle):
        self.template = template
        self.oracle = oracle
        self.complaints = []
        self.secret = {name for name, found in template.get("parameters", {}).items() if found.get("type") == "secureString"}
        self.scope = ex.Scope({name: self.parameter(found) for name, found in template.get("parameters", {}).items()})

    def quiet(self):
        other = Judge.__new__(Judge)
        other.__dict__.update(self.__dict__, complaints=[])
        return other

    @staticmethod
    def parameter(found):
        default = found.get("defaultValue")
        if default is not None:
            return ex.plain(default) if isinstance(default, str) else default
        made_up = {"int": 1, "array": ["made-up-for-the-test"]}
        return made_up.get(found.get("type"), "made-up-for-the-test")

    def say(self, path, what):
        self.complaints.append(f"{path}: {what}")

    def say_unless_later(self, found, path, wanted):
        if not isinstance(found, ex.Later):
            self.say(path, f"wants {wanted}, has {json.dumps(found)[:60]}")

    def worked_out(self, found, path):
        """What an expression gives; other values as they are."""
        if not isinstance(found, str):
            return found
        if not ex.is_expression(found):
            return found if isinstance(found, Guess) else ex.plain(found)
        if len(found) > 24576:
            self.say(path, f"an expression of {len(found)} characters")
        seen, self.scope.read = self.scope.read, set()
        try:
            value = self.scope.work_out(found)
            asked = any("defaultValue" not in self.template["parameters"][name] for name in self.scope.read)
            # The group's name is the deployer's to choose as well.
            asked |= "resourceGroup().name" in found
            return Guess(value) if asked and isinstance(value, str) else value
        except ex.Wrong as wrong:
            self.say(path, f"{wrong}")
            return ex.Later("wrong")
        finally:
            self.scope.read |= seen

    def key(self, name, path):
        found = self.worked_out(name, path)
        return found if isinstance(found, str) else name

    def free(self, found, path):
        """A value that no schema describes: its expressions still have to be right."""
        if isinstance(found, dict):
            for name, inner in found.items():
                self.free(inner, f"{path}.{self.key(name, path)}")
        elif isinstance(found, list):
            for inner in found:
                self.free(inner, path)
        else:
            self.worked_out(found, path)

    def secrets(self, found, path, kept):
        if not kept and isinstance(found, str) and ex.is_expression(found):
            for name in re.findall(r"parameters\('([^']*)'\)", found):
                if name in self.secret:
                    self.say(path, f"the secret parameter {name!r} would be shown here")

    def run(self):
        for name in sorted(set(self.template) - SECTIONS):
            self.say("the template", f"unknown section {name!r}")
        for name in ("$schema", "contentVersion", "resources"):
            if name not in self.template:
                self.say("the template", f"{name!r} is missing")
        for name, most in LIMITS.items():
            if len(self.template.get(name, {})) > most:
                self.say("the template", f"more than {most} {name}")
        for name, found in self.template.get("parameters", {}).items():
            self.declared(name, found)
        resources = self.template.get("resources", {})
        needs = {name: self.resource(name, found, resources) for name, found in resources.items()}
        self.order(needs, resources)
        for name, found in self.template.get("outputs", {}).items():
            self.output(name, found, resources)
        for name in sorted(set(self.scope.parameters) - self.scope.read):
            self.say(f"parameter {name}", "nothing reads it")
        return self.complaints

    def declared(self, name, found):
        path = f"parameter {name}"
        kinds = {"string": str, "secureString": str, "int": int, "bool": bool}
        if found.get("type") not in kinds:
            self.say(path, f"there is no type {found.get('type')!r}")
        elif "defaultValue" in found:
            if found["type"] == "secureString":
                self.say(path, "a secret has no default")
            elif not isinstance(found["defaultValue"], kinds[found["type"]]):
                self.say(path, f"its default is no {found['type']}")
            elif ex.is_expression(found["defaultValue"]):
                self.say(path, "its default is an expression")
        for key in set(found) - {"type", "defaultValue", "metadata"}:
            self.say(path, f"unknown {key!r}")

    def resource(self, symbol, found, resources):
        """Checks one, and gives the symbols and ids that it reads."""
        path = f"{symbol} ({found.get('type')})"
        seen = self.scope.references, self.scope.ids
        self.scope.references, self.scope.ids = set(), set()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", symbol):
            self.say(path, "no symbolic name")
        depends = found.get("dependsOn", [])
        if sorted(set(depends)) != depends:
            self.say(path, "dependsOn is not sorted, or says something twice")
        for other in depends:
            if other not in resources or other == symbol:
                self.say(path, f"dependsOn {other!r}: not in this template")
        body = {name: inner for name, inner in found.items() if name not in ENVELOPE}
        for name, inner in body.items():
            if name != "properties":
                self.before_anything(inner, f"{path}.{name}")
        kind, version = found.get("type", ""), found.get("apiVersion", "")
        names = self.worked_out(found.get("name"), f"{path}.name")
        if isinstance(names, str):
            parts = names.split("/")
            if len(parts) != kind.count("/"):
                self.say(path, f"the name {names!r} has {len(parts)} parts, its type {kind.count('/')}")
            last = "[" + parts[-1] if parts[-1].startswith("[") and parts[-1].endswith("]") else parts[-1]
            body["name"] = Guess(last) if isinstance(names, Guess) else last
        else:
            self.say(path, "its name is not known before anything is made")
        schema, why = self.oracle.find(kind, version)
        if schema is None:
            if why:
                self.say(path, why)
            self.free(body, path)
        elif found.get("existing") is True:
            # What exists is known by its name and its scope, and a template says no more of it.
            for name in sorted(set(body) - {"name", "scope"}):
                self.say(path, f"{name!r} is said of what exists already")
        else:
            self.oracle.check(self, schema, body, path)
        read = (self.scope.references, self.scope.ids)
        self.scope.references, self.scope.ids = seen
        return read

    def before_anything(self, found, path):
        if isinstance(found, dict):
            for name, inner in found.items():
                self.before_anything(name, path)
                self.before_anything(inner, f"{path}.{name}")
        elif isinstance(found, list):
            for inner in found:
                self.before_anything(inner, path)
        elif isinstance(found, str) and ex.is_expression(found) and re.search(r"(?<![A-Za-z])(?:reference|list[A-Z]\w*)\(", found):
            self.say(path, "reads what is there only after a resource is made")

    def id(self, found):
        names = self.worked_out(found.get("name"), "name")
        if not isinstance(names, str):
            return None
        namespace, *kinds = found.get("type", "").split("/")
        path = "/".join(f"{kind}/{name}" for kind, name in zip(kinds, names.split("/")))
        scope = self.worked_out(found["scope"], "scope") if "scope" in found else ex.GROUP
        return None if isinstance(scope, ex.Later) else f"{scope}/providers/{namespace}/{path}".lower()

    def order(self, needs, resources):
        ids = {}
        for symbol, found in resources.items():
            known = self.id(found)
            if known in ids:
                self.say(symbol, f"is the same resource as {ids[known]!r}")
            elif known:
                ids[known] = symbol
        depends = {symbol: set(found.get("dependsOn", [])) for symbol, found in resources.items()}
        for symbol in resources:
            reached, open_ = set(), [symbol]
            while open_:
                for other in depends.get(open_.pop(), ()):
                    if other == symbol:
                        self.say(symbol, "needs itself by way of dependsOn")
                        return
                    if other not in reached:
                        reached.add(other)
                        open_.append(other)
            references, mentioned = needs[symbol]
            self.parts(symbol, mentioned - set(ids), ids, resources)
            for other in sorted(references - set(resources)):
                self.say(symbol, f"reference({other!r}): not in this template")
            for other in sorted((references & set(resources)) | {ids[known] for known in mentioned if known in ids}):
                if other != symbol and other not in reached:
                    self.say(symbol, f"reads {other!r} and does not wait for it")

    def parts(self, symbol, mentioned, ids, resources):
        """An id inside of a resource, such as a gateway's listener, leads to something that is in it."""
        for other in sorted(mentioned):
            owner, kind, name = (other.rsplit("/", 2) + ["", ""])[:3]
            lists = resources[ids[owner]].get("properties", {}) if owner in ids else {}
            for member, items in lists.items():
                if member.lower() == kind and isinstance(items, list):
                    if name not in [str(self.worked_out(item.get("name"), symbol)).lower() for item in items if isinstance(item, dict)]:
                        self.say(symbol, f"there is no {name!r} among the {member} of {ids[owner]!r}")

    def output(self, name, found, resources):
        path = f"output {name}"
        if set(found) != {"type", "value"}:
            self.say(path, "an output has a type and a value")
            return
        self.secrets(found["value"], path, False)
        before = set(self.scope.references)
        value = self.worked_out(found["value"], path)
        for other in self.scope.references - before - set(resources):
            self.say(path, f"reference({other!r}): not in this template")
        kinds = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}
        if found["type"] not in kinds:
            self.say(path, f"there is no type {found['type']!r}")
        elif not isinstance(value, (kinds[found["type"]], ex.Later)) or (isinstance(value, bool) and found["type"] == "int"):
            self.say(path, f"is no {found['type']}: {value!r}")
        if isinstance(value, list):
            self.free(value, path)


def values(template):
    """Outputs and resources with all expressions worked out, `Later` as null."""
    judge = Judge(template, None)

    def of(found):
        if isinstance(found, dict):
            return {judge.key(name, ""): of(inner) for name, inner in found.items()}
        if isinstance(found, list):
            return [of(inner) for inner in found]
        out = judge.worked_out(found, "")
        return None if ex.has_later(out) else out

    found = {"outputs": {name: of(output["value"]) for name, output in template.get("outputs", {}).items()}, "resources": of(template["resources"])}
    if judge.complaints:
        raise SystemExit("\n".join(judge.complaints))
    return found


def main():
    arguments = sys.argv[1:]
    oracle, rest = ByFacts(facts(arguments[0])), arguments[1:]
    if rest[0] == "--types":
        oracle, rest = ByTypes(rest[1]), rest[2:]
    found = {}
    for path in [name for name in rest if name != "--values"]:
        template = json.loads(Path(path).read_text())
        found[path] = values(template) if "--values" in rest else Judge(template, oracle).run()
    json.dump(found, sys.stdout)
    for line in sorted(getattr(oracle, "other_version", ())):
        print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
