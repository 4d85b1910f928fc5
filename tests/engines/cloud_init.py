"""Judges user data by cloud-init's own schema, many files in one go.

    cloud_init.py FILE...

Prints one line for every file that cloud-init objects to: the file, a TAB, what it says. cloud-init's modules have to be
on PYTHONPATH. Every file has to begin with `#cloud-config`, for cloud-init takes anything else for something else.
"""

import sys
from pathlib import Path

from cloudinit.config.schema import SchemaValidationError, get_schema, validate_cloudconfig_schema
from cloudinit.safeyaml import load


def main():
    schema = get_schema()
    known = set(schema.get("properties", {})) | {
        name for part in schema.get("allOf", []) for name in schema["$defs"][part["$ref"].rsplit("/", 1)[1]].get("properties", {})
    }
    for name in sys.argv[1:]:
        text = Path(name).read_text(encoding="utf-8")
        said = []
        if not text.startswith("#cloud-config\n"):
            said.append("it does not begin with #cloud-config")
        config = load(text)
        try:
            validate_cloudconfig_schema(config, schema, strict=True)
        except SchemaValidationError as error:
            said.append(" ".join(str(error).split()))
        # cloud-init passes over keys that it does not know.
        said += [f"{key}: no module reads it" for key in config if key not in known]
        for what in said:
            print(f"{name}\t{what}")


if __name__ == "__main__":
    main()
