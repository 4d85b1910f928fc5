"""What each service of the rig is told: its configuration as tables, written to files at every start.

All of it hangs on a `Place`: where files lie, which port each service got, and the passwords of this run.
"""

import base64
import configparser
import json
from dataclasses import dataclass
from pathlib import Path

#: Everything that listens. A service that others look up in Keystone has its type and path in `CATALOGUE`.
LISTENERS = (
    "keystone",
    "neutron",
    "nova",
    "placement",
    "glance",
    "barbican",
    "octavia",
    "designate",
    "dns",
    "heat",
    "swift-account",
    "swift-container",
    "swift-object",
    "swift-proxy",
)

CATALOGUE = {
    "neutron": ("network", "neutron", ""),
    "nova": ("compute", "nova", "/v2.1"),
    "placement": ("placement", "placement", ""),
    "glance": ("image", "glance", ""),
    "barbican": ("key-manager", "barbican", ""),
    "octavia": ("load-balancer", "octavia", ""),
    "designate": ("dns", "designate", ""),
    "heat": ("orchestration", "heat", "/v1/%(tenant_id)s"),
    "swift": ("object-store", "swift-proxy", "/v1/AUTH_%(tenant_id)s"),
}

DATABASES = ("keystone", "neutron", "nova", "nova_api", "nova_cell0", "placement", "glance", "barbican", "octavia", "designate", "heat")

REGION = "RegionOne"

#: The domain below which Heat makes users of its own.
HEAT_DOMAIN = "heat"


@dataclass(frozen=True)
class Place:
    venv: Path
    folder: Path
    socket: Path
    ports: dict[str, int]
    password: str  # of the services among themselves
    user_password: str  # of the project's member, and of the administrator
    key: str  # 32 characters with which Heat and Barbican encrypt

    def url(self, listener: str) -> str:
        return f"http://127.0.0.1:{self.ports[listener]}"

    def database(self, name: str) -> str:
        # Whoever can open the socket, which lies in a folder of the user's own, may do everything.
        return f"mysql+pymysql://root@localhost/{name}?unix_socket={self.socket}"

    def state(self, *names: str) -> str:
        return str(self.folder.joinpath("state", *names))


def login(place: Place, user: str) -> dict:
    """How a service shows Keystone who it is."""
    return {
        "auth_type": "password",
        "auth_url": place.url("keystone"),
        "username": user,
        "password": place.password,
        "project_name": "service",
        "project_domain_name": "Default",
        "user_domain_name": "Default",
        "region_name": REGION,
    }


def common(place: Place, name: str) -> dict:
    """What all services have in common: a log, a database, a way to check tokens, and no message broker."""
    return {
        "DEFAULT": {"log_file": place.folder / "log" / f"{name}.log", "transport_url": "fake://"},
        "database": {"connection": place.database(name)},
        "keystone_authtoken": {"www_authenticate_uri": place.url("keystone"), **login(place, name)},
        "oslo_concurrency": {"lock_path": place.state("lock")},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def services(place: Place) -> dict[str, dict]:
    """What each service is told beyond that."""
    etc = place.venv / "etc"
    return {
        "keystone": {
            "token": {"provider": "fernet"},
            "fernet_tokens": {"key_repository": place.state("fernet")},
            "fernet_receipts": {"key_repository": place.state("fernet")},
            "credential": {"key_repository": place.state("credential")},
            "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
            # Hashing of passwords at its quickest, for they last as long as the run.
            "identity": {"password_hash_rounds": 4},
        },
        "neutron": {
            "DEFAULT": {
                "core_plugin": "ml2",
                "service_plugins": "router",
                "api_paste_config": etc / "neutron/api-paste.ini",
                "state_path": place.state("neutron"),
                "notify_nova_on_port_status_changes": False,
                "notify_nova_on_port_data_changes": False,
            },
            "ml2": {
                "type_drivers": "local,flat",
                "tenant_network_types": "local",
                "mechanism_drivers": "",
                "extension_drivers": "port_security",
            },
            "ml2_type_flat": {"flat_networks": "*"},
        },
        "nova": {
            "DEFAULT": {
                "my_ip": "127.0.0.1",
                "host": "loopback",
                "compute_driver": "fake.FakeDriver",
                "state_path": place.state("nova"),
                "instances_path": place.state("nova", "instances"),
            },
            "api_database": {"connection": place.database("nova_api")},
            "wsgi": {"api_paste_config": etc / "nova/api-paste.ini"},
            "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 5},
            "conductor": {"workers": 1},
            "vnc": {"enabled": False},
            "glance": {"api_servers": place.url("glance")},
            "neutron": login(place, "neutron"),
            "placement": login(place, "placement"),
            "service_user": {"send_service_user_token": True, **login(place, "nova")},
            "workarounds": {"disable_rootwrap": True},
        },
        "placement": {
            "placement_database": {"connection": place.database("placement")},
            "api": {"auth_strategy": "keystone"},
        },
        "glance": {
            "DEFAULT": {"enabled_backends": "files:file"},
            "glance_store": {"default_backend": "files"},
            "files": {"filesystem_store_datadir": place.state("glance", "images")},
            "os_glance_staging_store": {"filesystem_store_datadir": place.state("glance", "staging")},
            "os_glance_tasks_store": {"filesystem_store_datadir": place.state("glance", "tasks")},
            "paste_deploy": {"flavor": "keystone", "config_file": etc / "glance/glance-api-paste.ini"},
        },
        "barbican": {
            "DEFAULT": {"host_href": place.url("barbican"), "sql_connection": place.database("barbican"), "db_auto_create": True},
            "queue": {"enable": False},
            "secretstore": {"enabled_secretstore_plugins": "store_crypto"},
            "crypto": {"enabled_crypto_plugins": "simple_crypto"},
            "simple_crypto_plugin": {"kek": base64.b64encode(place.key.encode()).decode()},
        },
        "octavia": {
            "api_settings": {
                "auth_strategy": "keystone",
                "enabled_provider_drivers": "noop_driver:noop",
                "default_provider_driver": "noop_driver",
                "allow_tls_terminated_listeners": True,
            },
            "health_manager": {"heartbeat_key": "unused"},
            # The address of a load balancer is a port of Neutron's, and its certificate is read from Barbican.
            "controller_worker": {"network_driver": "allowed_address_pairs_driver"},
            "certificates": {"cert_manager": "barbican_cert_manager", "region_name": REGION},
            "neutron": login(place, "octavia"),
            "service_auth": login(place, "octavia"),
            "oslo_messaging": {"topic": "octavia"},
            "task_flow": {"jobboard_enabled": False},
        },
        "designate": {
            "DEFAULT": {"state_path": place.state("designate")},
            "storage:sqlalchemy": {"connection": place.database("designate")},
            "service:api": {
                "auth_strategy": "keystone",
                "enable_api_v2": True,
                "enable_host_header": True,
                "api_paste_config": etc / "designate/api-paste.ini",
            },
            "service:central": {"workers": 1},
            "service:worker": {"notify": False, "poll_max_retries": 3, "poll_retry_interval": 1, "poll_delay": 0},
            "service:mdns": {"workers": 1, "listen": f"127.0.0.1:{place.ports['dns']}"},
            "service:producer": {"workers": 1, "enabled_tasks": "increment_serial,delayed_notify"},
            "producer_task:increment_serial": {"interval": 1},
        },
        "heat": {
            "DEFAULT": {
                "auth_encryption_key": place.key,
                "num_engine_workers": 1,
                "region_name_for_services": REGION,
                "stack_user_domain_name": HEAT_DOMAIN,
                "stack_domain_admin": "heat_domain_admin",
                "stack_domain_admin_password": place.password,
            },
            "paste_deploy": {"api_paste_config": etc / "heat/api-paste.ini"},
            "clients_keystone": {"auth_uri": place.url("keystone")},
            "trustee": {
                "auth_type": "password",
                "auth_url": place.url("keystone"),
                "username": "heat",
                "password": place.password,
                "user_domain_name": "Default",
            },
        },
    }


def swift(place: Place) -> dict[str, dict]:
    """Swift has files of its own kind: a pipeline for each of its four servers."""
    files = {"swift.conf": {"swift-hash": {"swift_hash_path_suffix": place.key}, "storage-policy:0": {"name": "only", "default": True}}}
    everywhere = {"bind_ip": "127.0.0.1", "workers": 0, "swift_dir": place.folder / "etc/swift", "log_level": "WARNING"}
    for part in ("account", "container", "object"):
        files[f"{part}-server.conf"] = {
            "DEFAULT": {
                **everywhere,
                "bind_port": place.ports[f"swift-{part}"],
                "devices": place.state("swift"),
                "mount_check": False,
                "disable_fallocate": True,
            },
            "pipeline:main": {"pipeline": f"{part}-server"},
            f"app:{part}-server": {"use": f"egg:swift#{part}"},
        }
    filters = ("catch_errors", "gatekeeper", "authtoken", "keystoneauth", "copy", "versioned_writes")
    proxy = {
        "DEFAULT": {**everywhere, "bind_port": place.ports["swift-proxy"]},
        "pipeline:main": {"pipeline": " ".join((*filters, "proxy-server"))},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": True, "allow_account_management": True},
        **{f"filter:{name}": {"use": f"egg:swift#{name}"} for name in filters if name != "authtoken"},
        "filter:authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            "www_authenticate_uri": place.url("keystone"),
            # Objects that everybody may read are asked for without a token.
            "delay_auth_decision": True,
            **login(place, "swift"),
        },
    }
    proxy["filter:keystoneauth"]["operator_roles"] = "admin, member"
    proxy["filter:versioned_writes"]["allow_versioned_writes"] = True
    files["proxy-server.conf"] = proxy
    return files


def name_servers(place: Place) -> list:
    """Designate's one pool, whose name server is Designate itself."""
    here = {"host": "127.0.0.1", "port": place.ports["dns"]}
    target = {"type": "fake", "masters": [here], "options": here}
    records = [{"hostname": "ns1.loopback.invalid.", "priority": 1}]
    return [{"name": "default", "attributes": {}, "ns_records": records, "nameservers": [here], "targets": [target]}]


def write(path: Path, tables: dict) -> None:
    parser = configparser.RawConfigParser(default_section="")
    parser.optionxform = str
    parser.read_dict({name: {key: str(value) for key, value in table.items()} for name, table in tables.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        parser.write(file)


def write_all(place: Place) -> None:
    etc = place.folder / "etc"
    for name, own in services(place).items():
        tables = common(place, name)
        for section, values in own.items():
            tables.setdefault(section, {}).update(values)
        write(etc / f"{name}.conf", tables)
    for name, tables in swift(place).items():
        write(etc / "swift" / name, tables)
    # JSON is YAML.
    (etc / "pools.yaml").write_text(json.dumps(name_servers(place)), encoding="utf-8")
    # Barbican's pipeline names no file of its own for the filter that checks tokens.
    pipeline = (place.venv / "etc/barbican/barbican-api-paste.ini").read_text(encoding="utf-8")
    section = "[filter:authtoken]\n"
    if section not in pipeline:
        raise RuntimeError("barbican-api-paste.ini has no filter authtoken")
    lines = f"oslo_config_project = barbican\noslo_config_file = {etc / 'barbican.conf'}\n"
    (etc / "barbican-paste.ini").write_text(pipeline.replace(section, section + lines), encoding="utf-8")
