"""Heat's own validator as a library: no server, no database, no cloud.

    hot_validate.py [--resolve] TEMPLATE... [NAME=VALUE...]
    hot_validate.py --functions

Prints a line of JSON for each template: {"file", "ok", "error", "resources", "skipped"}. "error" is null or Heat's own
words, "resources" is their number, and "skipped" are the types whose own checks needed a cloud and so were cut short
there. A parameter goes to every template that declares it; one that has neither a value nor a default gets a made-up
one. Files that a template names are taken from beside it. Exits with 1 if a template is not valid. It starts slowly
(seconds) and then takes little for each template, so give it many at once. Heat stops at the first fault, and which one
that is may change from run to run: one fault per bad template.

With --resolve, the line of a valid template has what Heat's own functions make of it, too: "outputs" by name, and
"properties" of every resource with its type: {NAME: [TYPE, {PROPERTY: VALUE}]}. What only the cloud could tell is made
up: a text that no format holds without escaping it. With --functions, prints the names of Heat's functions.

Heat passes over every property that mentions a resource, since that resource is still to be made. Here what stands
beside the mention is checked too: unknown and missing members, and all that is known already.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)  # the other one, eventlet, patches half of Python

from heat.common import config as _options  # registers what the engine reads from its configuration
from heat.common import context, exception, template_format
from heat.engine import constraints, environment, function, properties, resource, resources, service
from heat.engine.hot import functions, parameters
from heat.engine.hot.template import HOTemplate20210416
from heat.engine import stack, template, translation
from heat.engine.clients.os import cinder, nova, trove
from heat.engine.resources.openstack.nova import server
from oslo_config import cfg

LATER = object()  # a value that only the cloud can tell
MADE_UP = "made-up-for-the-test"
FROM_THE_CLOUD = 'told\n"by" the \\cloud\' ${x} %{y} {{z}} [w] # é'
skipped = set()


def below(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from below(sub)


def without_cloud(validate):
    """A resource's own validate(), ended early where it wants to log in to a cloud."""

    def wrapped(self):
        try:
            return validate(self)
        except exception.AuthorizationFailure:
            skipped.add(self.type())

    return wrapped


def settled(value):
    """The value with LATER in the place of every function that needs a resource."""
    if isinstance(value, function.Function):
        return LATER if any(r.action == r.INIT for r in function.dependencies(value)) else function.resolve(value)
    if isinstance(value, dict):
        return {k: settled(v) for k, v in value.items()}
    return [settled(v) for v in value] if isinstance(value, (list, tuple)) else value


def waits(value):
    if isinstance(value, (dict, list)):
        return any(map(waits, value.values() if isinstance(value, dict) else value))
    return value is LATER


def check_around(schema, value, who, name):
    """Checks what is known of a value that has LATER in it."""
    schema = properties.Schema.from_legacy(schema)
    if not waits(value):
        properties.Property(schema, name, who).get_value(value, validate=True)
    elif isinstance(value, list) and schema.type == schema.LIST and schema.schema:
        for i, item in enumerate(value):
            check_around(schema.schema[i], item, who, f"{name}[{i}]")
    elif isinstance(value, dict) and schema.type == schema.MAP and schema.schema:
        for key in value.keys() - schema.schema.keys():
            raise ValueError(f"{name}: Unknown Property {key}")
        for key, member in schema.schema.items():
            if value.get(key) is not None:
                check_around(member, value[key], who, f"{name}.{key}")
            elif member.required:
                raise ValueError(f"{name}: Property {key} not assigned")
    elif value is not LATER and (schema.type not in (schema.LIST, schema.MAP, schema.ANY)):
        raise ValueError(f"{name}: a {schema.type.lower()} is asked for")


def check_mentions(original):
    """Heat's reading of one property, which asks nothing of it if it mentions a resource."""

    def wrapped(self, key, prop, validate):
        if validate and key in self.data and waits(known := settled(self.data[key])):
            check_around(prop.schema, known, self.context, key)
        return original(self, key, prop, validate)

    return wrapped


def prepare():
    logging.disable(logging.CRITICAL)
    cfg.CONF([], project="heat", prog="hot_validate", default_config_files=[], default_config_dirs=[])
    cfg.CONF.set_override("plugin_dirs", [])
    cfg.CONF.set_override("environment_dir", "")
    resources.initialise()
    properties.Properties._resolve_user_value = check_mentions(properties.Properties._resolve_user_value)
    resource.Resource.is_service_available = classmethod(lambda cls, _context: (True, None))
    resource.Resource.rpc_client = lambda self: None  # a group asks it for the members that it has: none
    stack.Stack.total_resources = lambda self, _root=None: len(self)  # asks a database; for a group's own stack
    translation.resolve_and_find = lambda value, *args, **kwargs: value  # a name stays a name
    for cls in below(constraints.BaseCustomConstraint):
        if cls.__module__.startswith("heat.engine.clients."):  # asks a cloud whether the name exists
            cls.validate = lambda self, value, context, template=None: True
    # a cloud of today, which has every image, flavor and datastore
    nova.NovaClientPlugin.is_version_supported = cinder.CinderClientPlugin.is_version_supported = lambda *_: True
    nova.NovaClientPlugin.absolute_limits = lambda self: {"maxServerMeta": 128}
    server.Server._validate_image_flavor = trove.TroveClientPlugin.validate_datastore = lambda *args, **kwargs: None
    for cls in below(resource.Resource):
        if "validate" in vars(cls):
            cls.validate = without_cloud(vars(cls)["validate"])


def add_files(folder, value, files):
    """Reads the files that a template names: get_file, and types that are templates."""
    if isinstance(value, (dict, list)):
        for v in value.values() if isinstance(value, dict) else value:
            add_files(folder, v, files)
    elif isinstance(value, str) and 0 < len(value) < 256 and value not in files and (folder / value).is_file():
        files[value] = (folder / value).read_text(encoding="utf-8")
        if value.endswith((".yaml", ".template")):
            add_files(folder, template_format.parse(files[value]), files)


def made_up(declared, given):
    """A value for each parameter that needs one."""
    number = parameters.HOTParamSchema.NUMBER
    needed = {n: p for n, p in declared.items() if isinstance(p, dict) and "default" not in p}
    return {n: 1 if p.get("type") == number else MADE_UP for n, p in needed.items()} | {n: v for n, v in given.items() if n in declared}


def resolved(made):
    """What Heat's functions make of a stack's outputs and properties."""
    asked = [cls for cls in [functions.GetAttThenSelect, *below(functions.GetAttThenSelect)] if "result" in vars(cls)]
    before = [vars(cls)["result"] for cls in asked]
    for cls in asked:
        cls.result = lambda self: FROM_THE_CLOUD
    try:
        return {
            "outputs": {name: output.get_value() for name, output in made.outputs.items()},
            "properties": {r.name: [r.type(), {k: function.resolve(v) for k, v in r.properties.data.items()}] for r in made.values()},
        }
    finally:
        for cls, result in zip(asked, before):
            cls.result = result


def check(path, given):
    """A valid template as a stack; raises what Heat raises."""
    source, files = template_format.parse(path.read_text(encoding="utf-8")), {}
    add_files(path.parent, source, files)
    who = context.RequestContext(username="u", user_id="u", project_id="p", roles=[], is_admin=False, overwrite=False)
    declared = source.get("parameters") or {}
    parsed = template.Template(source, files=files)
    parsed.env = environment.Environment({"parameters": made_up(declared, given)})
    service.EngineService._validate_template(None, who, parsed)
    made = stack.Stack(who, "checked", parsed, strict_validate=True)
    made.validate()
    return made


def main():
    options = {a for a in sys.argv[1:] if a.startswith("--")}
    given = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
    paths = [a for a in sys.argv[1:] if "=" not in a and a not in options]
    if options == {"--functions"}:
        print(json.dumps(sorted(HOTemplate20210416.functions.keys() | HOTemplate20210416.condition_functions.keys())))
        return
    if not paths:
        sys.exit(__doc__)
    prepare()
    failed = False
    for path in paths:
        skipped.clear()
        result = {"file": path, "ok": True, "error": None, "resources": None}
        try:
            made = check(Path(path), given)
            result |= {"resources": len(made)} | (resolved(made) if "--resolve" in options else {})
        except Exception as e:  # Heat's own, and whatever a plugin stumbles over
            failed = True
            result |= {"ok": False, "error": f"{type(e).__name__}: {e}"}
        print(json.dumps({**result, "skipped": sorted(skipped)}), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
