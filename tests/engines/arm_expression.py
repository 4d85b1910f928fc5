"""Reads and works out the expressions of Azure Resource Manager's templates, as far as that goes without Azure.

What only Azure could tell comes out as `Later`, which knows where it is from. What is wrong raises `Wrong`.
"""

import base64
import hashlib
import json
import re
import urllib.parse
import uuid


class Wrong(Exception):
    pass


class Later:
    """A value that only a deployment tells."""

    def __init__(self, what):
        self.what = what

    def __repr__(self):
        return f"Later({self.what})"


def is_expression(text):
    return isinstance(text, str) and text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def plain(text):
    """A text that is no expression, as it arrives."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?[0-9]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>[().,\[\]]))", re.S)


def parse(text):
    """`[…]` as a tree: ('text', s), ('number', n), ('call', name, args), ('member', of, name), ('place', of, index)."""
    inside, at, tokens = text[1:-1], 0, []
    while inside[at:].strip():
        found = TOKEN.match(inside, at)
        if not found:
            raise Wrong(f"cannot be read from {inside[at:at + 20]!r} on: {text}")
        at = found.end()
        kind = found.lastgroup
        tokens.append((kind, found[kind]))
    tree, rest = value(tokens)
    if rest:
        raise Wrong(f"goes on after its end with {rest[0][1]!r}: {text}")
    return tree


def value(tokens):
    if not tokens:
        raise Wrong("ends too early")
    (kind, word), rest = tokens[0], tokens[1:]
    if kind == "text":
        tree = ("text", word[1:-1].replace("''", "'"))
    elif kind == "number":
        tree = ("number", int(word))
    elif kind == "name":
        if not rest or rest[0] != ("sign", "("):
            raise Wrong(f"`{word}` is no function call")
        args, rest = [], rest[1:]
        if rest and rest[0] == ("sign", ")"):
            rest = rest[1:]
        else:
            while True:
                arg, rest = value(rest)
                args.append(arg)
                if not rest or rest[0] not in (("sign", ","), ("sign", ")")):
                    raise Wrong(f"the call of `{word}` is not closed")
                closed, rest = rest[0][1] == ")", rest[1:]
                if closed:
                    break
        tree = ("call", word, args)
    else:
        raise Wrong(f"`{word}` stands where a value has to be")
    while rest and rest[0] in (("sign", "."), ("sign", "[")):
        if rest[0][1] == ".":
            if len(rest) < 2 or rest[1][0] != "name":
                raise Wrong("a point without a name behind it")
            tree, rest = ("member", tree, rest[1][1]), rest[2:]
        else:
            place, rest = value(rest[1:])
            if not rest or rest[0] != ("sign", "]"):
                raise Wrong("a bracket is not closed")
            tree, rest = ("place", tree, place), rest[1:]
    return tree, rest


# For each function: the fewest and the most arguments.
ARITY = {
    "base64": (1, 1), "concat": (1, None), "createarray": (0, None), "createobject": (0, None), "deployment": (0, 0), "environment": (0, 0),
    "equals": (2, 2), "extensionresourceid": (3, None), "false": (0, 0), "filter": (2, 2), "first": (1, 1), "format": (1, None), "greater": (2, 2),
    "guid": (1, None), "if": (3, 3), "int": (1, 1), "join": (2, 2), "json": (1, 1), "lambda": (2, None), "lambdavariables": (1, 1), "last": (1, 1), "length": (1, 1), "listkeys": (2, 3), "max": (1, None),
    "min": (1, None), "null": (0, 0), "parameters": (1, 1), "reference": (1, 3), "replace": (3, 3), "resourcegroup": (0, 0), "resourceid": (2, None),
    "split": (2, 2), "string": (1, 1), "subscription": (0, 0), "subscriptionresourceid": (2, None), "take": (2, 2), "tolower": (1, 1), "toupper": (1, 1),
    "true": (0, 0), "tryget": (2, 2), "uniquestring": (1, None), "uri": (2, 2), "uricomponent": (1, 1), "variables": (1, 1),
}

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/group"
OFFERED = {
    "resourcegroup": {"id": GROUP, "name": "group", "location": "westeurope"},
    "subscription": {"id": "/subscriptions/00000000-0000-0000-0000-000000000000", "subscriptionId": "00000000-0000-0000-0000-000000000000",
                     "tenantId": "11111111-1111-1111-1111-111111111111"},
    "environment": {"name": "AzureCloud", "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"}},
    "deployment": {"name": "deployment"},
}


class Scope:
    """What expressions can read, and what they were seen to read."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.read = set()
        self.references = set()
        self.ids = set()

    def work_out(self, text):
        return self.of(parse(text))

    def of(self, tree):
        kind = tree[0]
        if kind in ("text", "number"):
            return tree[1]
        if kind == "call":
            return self.call(tree[1], tree[2])
        whole = self.of(tree[1])
        step = tree[2] if kind == "member" else self.of(tree[2])
        if isinstance(whole, Later):
            return Later(f"{whole.what}.{step}")
        if isinstance(whole, dict):
            if step not in whole:
                raise Wrong(f"there is no `{step}` in {sorted(whole)}")
            return whole[step]
        if isinstance(whole, list) and isinstance(step, int):
            if not 0 <= step < len(whole):
                raise Wrong(f"there is no item {step}")
            return whole[step]
        raise Wrong(f"`{step}` cannot be read from {whole!r}")

    def call(self, word, trees):
        name = word.lower()
        if name not in ARITY:
            raise Wrong(f"there is no function `{word}`")
        least, most = ARITY[name]
        if len(trees) < least or (most is not None and len(trees) > most):
            raise Wrong(f"`{word}` does not take {len(trees)} arguments")
        if name == "filter":
            items = self.of(trees[0])
            if trees[1][:2] != ("call", "lambda"):
                raise Wrong("`filter` takes a lambda")
            return Later("filter") if isinstance(items, Later) else [item for item in items]
        if name in ("lambda", "lambdavariables"):
            return Later(name)
        args = [self.of(tree) for tree in trees]
        return self.known(name, word, args)

    def known(self, name, word, args):
        def texts(which=None):
            for arg in args if which is None else which:
                if not isinstance(arg, (str, Later)):
                    raise Wrong(f"`{word}` takes texts, not {arg!r}")

        if name in OFFERED:
            return OFFERED[name]
        if name in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[name]
        if name == "parameters":
            if args[0] not in self.parameters:
                raise Wrong(f"there is no parameter `{args[0]}`")
            self.read.add(args[0])
            return self.parameters[args[0]]
        if name == "variables":
            raise Wrong(f"there is no variable `{args[0]}`")
        if name == "reference":
            self.references.add(args[0] if isinstance(args[0], str) else "")
            if len(args) == 3 and args[2] != "Full" and args[2] != "full":
                raise Wrong(f"`reference` gives `full`, not {args[2]!r}")
            return Later(f"reference({args[0]})")
        if name == "listkeys":
            return Later(f"listKeys({args[0]})")
        if name in ("resourceid", "extensionresourceid", "subscriptionresourceid"):
            return self.id(name, word, args, texts)
        if name == "createarray":
            return args
        if name == "createobject":
            if len(args) % 2 or not all(isinstance(key, (str, Later)) for key in args[::2]):
                raise Wrong("`createObject` takes names and values in turn")
            return {key if isinstance(key, str) else key.what: item for key, item in zip(args[::2], args[1::2])}
        if name in ("guid", "uniquestring", "concat", "uri", "uricomponent", "base64", "tolower", "toupper", "replace", "split"):
            if name != "concat" or not all(isinstance(arg, list) for arg in args):
                texts()
        if any(has_later(arg) for arg in args) and name != "format":
            return Later(name)
        return self.plain(name, word, args)

    def plain(self, name, word, args):
        if name == "guid":
            return str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(args)))
        if name == "uniquestring":
            # Thirteen characters, as Azure's.
            return hashlib.sha256(json.dumps(args).encode()).hexdigest()[:13]
        if name == "concat":
            return sum(args, []) if isinstance(args[0], list) else "".join(args)
        if name == "format":
            return self.format(args)
        if name == "string":
            return text_of(args[0])
        if name == "int":
            return int(args[0])
        if name == "json":
            return json.loads(args[0])
        if name == "join":
            if not isinstance(args[0], list) or not all(isinstance(item, str) for item in args[0]):
                raise Wrong("`join` takes a list of texts")
            return args[1].join(args[0])
        if name == "split":
            return args[0].split(args[1])
        if name == "base64":
            return base64.b64encode(args[0].encode()).decode()
        if name == "tryget":
            return args[0].get(args[1]) if isinstance(args[0], dict) else args[0][args[1]]
        if name == "uricomponent":
            return urllib.parse.quote(args[0], safe="")
        if name == "uri":
            return args[0].rstrip("/") + "/" + args[1].lstrip("/")
        if name in ("max", "min"):
            if not all(isinstance(arg, int) for arg in args):
                raise Wrong(f"`{word}` takes whole numbers")
            return max(args) if name == "max" else min(args)
        if name in ("first", "last"):
            return args[0][0 if name == "first" else -1]
        if name == "take":
            if not isinstance(args[0], (list, str)) or not isinstance(args[1], int):
                raise Wrong("`take` takes a list or text, and a whole number")
            return args[0][:max(args[1], 0)]
        if name == "length":
            return len(args[0])
        if name == "equals":
            return args[0] == args[1]
        if name == "greater":
            if not all(isinstance(arg, int) for arg in args):
                raise Wrong("`greater` takes whole numbers")
            return args[0] > args[1]
        if name == "if":
            if not isinstance(args[0], bool):
                raise Wrong("`if` asks for true or false")
            return args[1] if args[0] else args[2]
        if name == "replace":
            return args[0].replace(args[1], args[2])
        return args[0].lower() if name == "tolower" else args[0].upper()

    @staticmethod
    def format(args):
        """.NET's composite format: `{0}`, and braces doubled."""
        template, values = args[0], args[1:]
        if isinstance(template, Later):
            return Later("format")
        out, later = [], False
        for piece in re.finditer(r"\{\{|\}\}|\{([0-9]+)\}|[{}]|[^{}]+", template):
            if piece[0] in ("{{", "}}"):
                out.append(piece[0][0])
            elif piece[1] is not None:
                if int(piece[1]) >= len(values):
                    raise Wrong(f"`format` has no value {piece[1]}")
                found = values[int(piece[1])]
                later |= has_later(found)
                out.append("" if has_later(found) else text_of(found))
            elif piece[0] in "{}":
                raise Wrong("`format` has a brace that is not doubled")
            else:
                out.append(piece[0])
        used = {int(n) for n in re.findall(r"(?<!\{)(?:\{\{)*\{([0-9]+)\}", template)}
        if used != set(range(len(values))):
            raise Wrong("`format` does not use all of its values")
        return Later("format") if later else "".join(out)

    def id(self, name, word, args, texts):
        texts()
        scope, rest = (args[0], args[1:]) if name == "extensionresourceid" else (None, args)
        kind, names = rest[0], rest[1:]
        if isinstance(kind, Later) or kind.count("/") != len(names):
            raise Wrong(f"`{word}` has {len(names)} names for the type {kind!r}")
        if isinstance(scope, Later) or any(isinstance(part, Later) for part in names):
            return Later(f"{word}({kind})")
        namespace, *kinds = kind.split("/")
        path = "/".join(f"{kind}/{part}" for kind, part in zip(kinds, names))
        before = scope if scope is not None else OFFERED["subscription"]["id"] if name == "subscriptionresourceid" else GROUP
        found = f"{before}/providers/{namespace}/{path}"
        self.ids.add(found.lower())
        return found


def text_of(found):
    if isinstance(found, bool):
        return "True" if found else "False"
    if isinstance(found, (dict, list)):
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)
    return str(found)


def has_later(found):
    if isinstance(found, dict):
        return any(has_later(item) for item in found.values())
    if isinstance(found, list):
        return any(has_later(item) for item in found)
    return isinstance(found, Later)
