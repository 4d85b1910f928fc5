#!/usr/bin/env python3
"""Turn Heat's resource plugins into stackc facts.

Usage: heat.py > FILE.facts        (needs: pip install openstack-heat)

Every OS:: type that Heat itself carries and does not hide is written, sorted by
name: properties and attributes with their types, flags and limits, no prose, no
defaults. The file format is in specs/providers/SOURCE.md. Here:

- `n`: update_allowed is false. Heat asks it of a whole property only, so the
  members of a definition have no `n`.
- `d` and `deprecated`: Heat's status is DEPRECATED or UNSUPPORTED.
- `format=X`: Heat's custom constraint X.
- `**`: the type answers to any attribute (outputs, members, deployments).
"""
import importlib.metadata
import json
import logging
import re
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
HERE = Path(__file__).resolve().parent
sys.path = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # else this file is what `import heat` finds
try:
    from oslo_service import backend

    backend.init_backend(backend.BackendType.THREADING)
except ImportError:
    pass  # Heat before 26 has eventlet only
from heat.common import config  # noqa: F401, E402  registers the options that plugins read
from heat.engine import attributes, constraints, properties, resource, resources, support  # noqa: E402
from oslo_config import cfg  # noqa: E402

SCALARS = {"String": "string", "Integer": "integer", "Number": "number", "Boolean": "boolean", "Any": "json"}
OLD = (support.DEPRECATED, support.UNSUPPORTED)
LIMITS = {"String": ("minlen", "maxlen"), "List": ("minitems", "maxitems"), "Map": ("minitems", "maxitems")}
CONTROL = re.compile(r"(?<!\\)[\x00-\x1f\x7f-\x9f]")  # as a regular expression writes them: \x09


def text(value):
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)


def notes(s, prefix=""):
    """The constraints of one property, and of its items."""
    out = []
    for c in s.constraints:
        if isinstance(c, constraints.AllowedValues):
            values = "|".join(text(v).replace("\\", "\\\\").replace("|", "\\|") for v in c.allowed)
            out.append(("item." if s.type == "List" else "") + "enum=" + values)
        elif isinstance(c, constraints.Range):  # Length too
            low, high = LIMITS[s.type] if isinstance(c, constraints.Length) else ("min", "max")
            out += [f"{name}={text(v)}" for name, v in ((low, c.min), (high, c.max)) if v is not None]
        elif isinstance(c, constraints.AllowedPattern):
            whole = CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", c.pattern)
            out.append(f"pattern=^(?:{whole})$")  # Heat asks for the whole value
        elif isinstance(c, constraints.CustomConstraint):
            out.append("format=" + c.name)
        else:
            raise TypeError(f"constraint {type(c).__name__}")
    out = [prefix + x for x in out]
    if isinstance(s.schema, constraints.AnyIndexDict):
        out += notes(s.schema.value, prefix + "item.")
    return out


class Type:
    def __init__(self):
        self.names = {}  # lines -> definition name
        self.defs = {}

    def typ(self, s, path):
        if s.type == "List":
            return "list " + (self.typ(s.schema.value, path) if s.schema else "json")
        if s.type != "Map":
            return SCALARS[s.type]
        if not s.schema:
            return "map json"
        name = ".".join(path)
        self.defs[name] = None  # keeps the place: a parent precedes its children
        lines = self.members(s.schema, path)
        known = self.names.setdefault("\n".join(lines), name)
        if known == name:
            self.defs[name] = lines
        else:
            del self.defs[name]
        return "@" + known

    def members(self, schemata, path):
        lines = []
        for name, s in sorted(schemata.items()):
            s = properties.Schema.from_legacy(s)
            if s.support_status.status == support.HIDDEN or not s.implemented:
                continue
            flags = "!" if s.required else "o"
            if not path and not s.update_allowed:
                flags += "n"
            if s.support_status.status in OLD:
                flags += "d"
            lines.append("\t".join([name, self.typ(s, path + [name]), flags, *notes(s)]))
        return lines


def attribute_lines(cls):
    types = {**SCALARS, "Map": "map json", "List": "list json", None: "json"}
    schemata = {**cls.base_attributes_schema, **cls.attributes_schema}
    rows = {n: types[s.type] for n, s in schemata.items() if s.support_status.status != support.HIDDEN}
    if cls.get_attribute is not resource.Resource.get_attribute:
        rows["*"] = "json"
    return [f"*{n}\t{t}" for n, t in sorted(rows.items())]


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    logging.disable(logging.CRITICAL)
    cfg.CONF([], project="heat", prog="facts", default_config_files=[], default_config_dirs=[])
    cfg.CONF.set_override("plugin_dirs", [])
    cfg.CONF.set_override("environment_dir", "")
    resources.initialise()
    env = resources.global_env()
    print("#stackc-facts 1 heat openstack-heat", importlib.metadata.version("openstack-heat"))
    for name in sorted(n for n in env.get_types() if n.startswith("OS::")):  # hidden types are not among these
        cls = env.get_class_to_instantiate(name)
        out = Type()
        lines = out.members(cls.properties_schema, [])
        # Words that a service keeps with a resource; what else is called tags holds objects.
        tags = ["tags=tags:words"] * any(line.startswith("tags\tlist string\to") for line in lines)
        print("\t".join([f"=resource\t{name}"] + ["deprecated"] * (cls.support_status.status in OLD) + tags))
        for line in lines + attribute_lines(cls):
            print(line)
        for def_name, def_lines in out.defs.items():
            print("@" + def_name)
            for line in def_lines:
                print(line)


if __name__ == "__main__":
    main()
