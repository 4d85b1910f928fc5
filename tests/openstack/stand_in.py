"""Takes out of a template what the rig cannot carry, and puts something in its place that other resources can read.

Trove needs a hypervisor and guests that really run. A resource `OS::Trove::…` becomes an `OS::Heat::Value` that holds what it
was given, so that all it refers to is still made before it, and what the rest of the template reads from it. An instance
has a port in its network besides, as a real one has, and the address that is read is that port's.
"""

PREFIX = "OS::Trove::"


def references(value, name: str):
    """The paths by which `get_attr` reads a resource."""
    if isinstance(value, dict):
        path = value.get("get_attr") if len(value) == 1 else None
        if isinstance(path, list) and path and path[0] == name:
            yield tuple(path[1:])
        for inner in value.values():
            yield from references(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner, name)


def redirected(value, name: str):
    """The same with every such path leading through the attribute `value`."""
    if isinstance(value, dict):
        path = value.get("get_attr") if len(value) == 1 else None
        if isinstance(path, list) and path and path[0] == name:
            return {"get_attr": [name, "value", *path[1:]]}
        return {key: redirected(inner, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [redirected(inner, name) for inner in value]
    return value


def put(tree, path: tuple, leaf):
    """The tree with a leaf at the end of the path; numbers are places in lists."""
    if not path:
        return leaf
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        items = tree if isinstance(tree, list) else []
        items += [None] * (head + 1 - len(items))
        items[head] = put(items[head], rest, leaf)
        return items
    table = tree if isinstance(tree, dict) else {}
    table[head] = put(table.get(head), rest, leaf)
    return table


def without(template: dict) -> tuple[dict, dict[str, str]]:
    """The template that the rig can carry, and what was taken out of it: names and types."""
    resources = dict(template["resources"])
    taken = {name: body["type"] for name, body in resources.items() if body["type"].startswith(PREFIX)}
    rest = {**template, "resources": resources}
    for name in taken:
        body = resources[name]
        properties = body.get("properties", {})
        read = sorted(set(references(template, name)), key=str)
        kept = {key: body[key] for key in ("depends_on", "deletion_policy", "condition") if key in body}
        networks = properties.get("networks")
        address = f"address of {name}"
        if networks:
            resources[f"{name}_port"] = {"type": "OS::Neutron::Port", "properties": {"network": networks[0]["network"]}, **kept}
            address = {"get_attr": [f"{name}_port", "fixed_ips", 0, "ip_address"]}
        value = {"given": properties}
        for path in read:
            value = put(value, path, address if "ip" in path else f"{'.'.join(map(str, path))} of {name}")
        resources[name] = {"type": "OS::Heat::Value", "properties": {"type": "json", "value": value}, **kept}
    for name in taken:
        rest = redirected(rest, name)
    return rest, taken
