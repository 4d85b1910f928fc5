"""Compares templates in JSON with the same templates in YAML.

usage: yaml_compare.py TEMPLATE.json TEMPLATE.yaml [TEMPLATE.json TEMPLATE.yaml …]

The YAML is read as CloudFormation reads it, version 1.1 with the short forms of its functions, by cfn-lint's loader.
The first differences are printed with the place where each is, and the exit code is 1 if there is any.
"""

import json
import sys

from cfnlint.decode import cfn_yaml

SHOWN = 20


def kind(value):
    """The type that JSON knows; the loader's own strings, lists and objects count as what they stand for."""
    # A boolean first, since Python takes it for an integer, and dates and the like by their own name.
    for known in (bool, int, float, str, list, dict, type(None)):
        if isinstance(value, known):
            return known.__name__
    return type(value).__name__


def differences(left, right, place):
    """What differs between the JSON on the left and the YAML on the right, at `place` or below."""
    if kind(left) != kind(right):
        yield f"{place}: {left!r} is {kind(left)} in JSON, {right!r} is {kind(right)} in YAML"
    elif isinstance(left, dict):
        for key in left.keys() | right.keys():
            if key not in right or key not in left:
                yield f"{place}.{key}: only in {'JSON' if key in left else 'YAML'}"
            else:
                yield from differences(left[key], right[key], f"{place}.{key}")
    elif isinstance(left, list):
        if len(left) != len(right):
            yield f"{place}: {len(left)} items in JSON, {len(right)} in YAML"
        for number, (one, other) in enumerate(zip(left, right)):
            yield from differences(one, other, f"{place}[{number}]")
    elif left != right:
        yield f"{place}: {left!r} in JSON, {right!r} in YAML"


def main(files):
    if not files or len(files) % 2:
        sys.exit(__doc__)
    found = []
    for json_file, yaml_file in zip(files[::2], files[1::2]):
        with open(json_file, encoding="utf-8") as text:
            left = json.load(text)
        try:
            right = cfn_yaml.load(yaml_file)
        except cfn_yaml.CfnParseError as error:
            sys.exit(f"{yaml_file}: {error.matches}")
        found.extend(f"{yaml_file}: {difference}" for difference in sorted(differences(left, right, "")))
    # One fault of a writer shows at hundreds of places, and the first few tell all.
    print("\n".join(found[:SHOWN]))
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN} more")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
