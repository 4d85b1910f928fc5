"""A live OpenStack control plane on 127.0.0.1: rig.py up | down.

`cargo xtask openstack` installs what it needs. Every start is from empty databases and takes free ports. Whatever was
started is stopped by its process id; what it writes is below target/openstack, but for its database, which is in memory.
"""

import concurrent.futures
import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import urlsafe_b64encode
from pathlib import Path

import settings

HERE = Path(__file__).resolve().parent
HOME = HERE.parent.parent / "target/openstack"
VENV = HOME / "venv"
DEBIAN = HOME / "debian"
FOLDER = HOME / "run"
STATE = FOLDER / "state.json"

#: What a user of the cloud finds there.
PROJECT, USER = "stackc", "stackc"
EXTERNAL_NETWORK = "public"

#: Images without any content, and flavors by the number of their CPUs and GiB, under the names that templates take by default.
IMAGES = ("ubuntu-24.04", "ubuntu-24.04-arm64")
FLAVORS = {"tiny": (1, 1), "small": (1, 2), "medium": (2, 4), "large": (4, 8), "xlarge": (8, 16), "2xlarge": (16, 32), "4xlarge": (32, 128)}


#: Seconds that a service may take to answer, on a machine with other work.
PATIENCE = 600


class Failed(Exception):
    """The rig cannot be had; the message says why, for the one who started it."""


def without_proxy() -> None:
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = "127.0.0.1,localhost"


def free_ports(names) -> dict[str, int]:
    """Ports that nobody listens on, all held at once so that no two are the same."""
    with contextlib.ExitStack() as held:
        ports = {}
        for name in names:
            taken = held.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            ports[name] = taken.getsockname()[1]
        return ports


def started_at(pid: int) -> str | None:
    """When a process was started, in ticks: two processes with one id differ in it. None when there is none, or a dead one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


class Rig:
    """The processes of one run. `lasting` ones outlive the process that started them; the others end with it, however it ends."""

    def __init__(self, lasting: bool = False, say=print):
        self.lasting, self.say = lasting, say
        self.pids: dict[str, tuple[int, str | None]] = {}
        self.children: list[subprocess.Popen] = []
        self.memory: Path | None = None
        self.lock = threading.Lock()
        self.began = time.monotonic()

    # Starting

    def start(self) -> None:
        if STATE.exists():
            raise Failed("it runs already, or was not stopped: `cargo xtask openstack down`")
        without_proxy()
        shutil.rmtree(FOLDER, ignore_errors=True)
        for name in ("log", "state/lock", "state/neutron", "state/nova/instances", "state/designate", "state/swift/device"):
            (FOLDER / name).mkdir(parents=True)
        for name in ("images", "staging", "tasks"):
            (FOLDER / "state/glance" / name).mkdir(parents=True)
        self.memory = Path(tempfile.mkdtemp(prefix="stackc-openstack-", dir="/dev/shm" if Path("/dev/shm").is_dir() else FOLDER))
        self.place = settings.Place(
            venv=VENV,
            folder=FOLDER,
            socket=self.memory / "socket",
            ports=free_ports(settings.LISTENERS),
            password=secrets.token_hex(16),
            user_password=secrets.token_hex(16),
            key=secrets.token_hex(16),
        )
        self.save()
        settings.write_all(self.place)
        self.write_keys()
        self.write_rings()
        self.start_database()
        self.lap("database server")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            try:
                keystone = pool.submit(self.make_keystone)
                others = [pool.submit(self.make_nova), pool.submit(self.make_others)]
                keystone.result()
                self.serve("keystone")
                self.wait("keystone")
                self.lap("keystone")
                self.seed()
                self.lap("users and catalogue")
                for done in others:
                    done.result()
            except BaseException:
                # Ends what the pool waits for.
                self.stop()
                raise
        self.lap("tables of all services")
        for name in settings.LISTENERS:
            if name not in ("keystone", "nova", "dns"):
                self.serve(name)
        for name in ("placement", "neutron", "glance"):
            self.wait(name)
        self.serve("nova")
        for name in settings.LISTENERS:
            if name != "dns":
                self.wait(name)
        self.lap("all services answer")
        self.furnish()
        self.lap("network, images and flavors")

    def lap(self, what: str) -> None:
        self.say(f"{time.monotonic() - self.began:6.1f} s  {what}")

    def launch(self, name: str, command: list, service: bool) -> subprocess.Popen:
        """Starts a program in a group of its own, so that Ctrl-C reaches it by way of `stop` only."""
        command = [str(word) for word in command]
        if not (service and self.lasting):
            # The kernel ends it when the thread that started it is gone.
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        libraries = [str(path) for path in DEBIAN.glob("*/usr/lib/*") if path.is_dir() and any(path.glob("*.so*"))]
        if name == "database":
            environment["LD_LIBRARY_PATH"] = ":".join(libraries)
        with (FOLDER / "log" / f"{name}.out").open("ab") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, cwd=FOLDER)
        # Tables are made by several threads.
        with self.lock:
            self.children.append(child)
            self.pids[name] = (child.pid, started_at(child.pid))
            self.save()
        return child

    def save(self) -> None:
        beside = STATE.with_suffix(".new")
        beside.touch(mode=0o600)
        kept = {"pids": self.pids, "memory": str(self.memory), "ports": self.place.ports, "password": self.place.user_password}
        beside.write_text(json.dumps(kept), encoding="utf-8")
        beside.replace(STATE)

    def run(self, name: str, command: list) -> None:
        """A program that comes to an end."""
        child = self.launch(name, command, service=False)
        if child.wait() != 0:
            raise Failed(f"{shlex.join(map(str, command))} failed: {FOLDER / 'log' / name}.out")

    def serve(self, name: str) -> None:
        self.launch(name, [VENV / "bin/python", HERE / "serve.py", name, FOLDER / "etc", self.place.ports[name]], service=True)

    def wait(self, name: str) -> None:
        """Waits until a service answers anything at all."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        pid, start = self.pids[name]
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            try:
                opener.open(self.place.url(name) + "/", timeout=20)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                if started_at(pid) != start:
                    raise Failed(f"{name} ended: {FOLDER / 'log' / name}.out") from None
                time.sleep(0.2)
        raise Failed(f"{name} does not answer: {FOLDER / 'log' / name}.out")

    def write_keys(self) -> None:
        """The keys with which Keystone makes tokens and encrypts credentials: 0 is the next one, 1 the present one."""
        for name in ("fernet", "credential"):
            folder = FOLDER / "state" / name
            folder.mkdir(mode=0o700)
            for number in "01":
                key = folder / number
                key.write_bytes(urlsafe_b64encode(secrets.token_bytes(32)))
                key.chmod(0o600)

    def write_rings(self) -> None:
        """Where Swift finds what: one device for everything."""
        from swift.common.ring import RingBuilder

        for part in ("account", "container", "object"):
            builder = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
            builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": self.place.ports[f"swift-{part}"], "device": "device", "meta": ""})
            builder.rebalance()
            builder.get_ring().save(str(FOLDER / f"etc/swift/{part}.ring.gz"))

    def start_database(self) -> None:
        """A server on a socket in a folder of the user's own, without users and without a network. An empty folder is enough for it to begin with."""
        import pymysql

        home = DEBIAN / "mariadb-server-core/usr"
        data = self.memory / "data"
        data.mkdir()
        options = {
            "basedir": home,
            "lc-messages-dir": home / "share/mysql",
            "character-sets-dir": home / "share/mysql/charsets",
            "datadir": data,
            "socket": self.place.socket,
            "pid-file": self.memory / "pid",
            "innodb-flush-log-at-trx-commit": 0,
            # The tables' keys are too long for four bytes a character.
            "character-set-server": "utf8mb3",
            "max-connections": 500,
        }
        if os.getuid() == 0:
            options["user"] = "root"
        flags = ["--skip-grant-tables", "--skip-networking", "--skip-log-bin"]
        self.launch("database", [home / "sbin/mariadbd", "--no-defaults", *flags, *(f"--{name}={value}" for name, value in options.items())], service=True)
        pid, start = self.pids["database"]
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            try:
                connection = pymysql.connect(unix_socket=str(self.place.socket), user="root")
                break
            except pymysql.err.OperationalError:
                if started_at(pid) != start:
                    raise Failed(f"the database server ended: {FOLDER / 'log/database.out'}") from None
                time.sleep(0.1)
        else:
            raise Failed(f"the database server does not answer: {FOLDER / 'log/database.out'}")
        with connection, connection.cursor() as cursor:
            for name in settings.DATABASES:
                cursor.execute(f"CREATE DATABASE {name}")

    def manage(self, program: str, service: str, *words: str) -> None:
        self.run(f"{service}-tables", [VENV / "bin" / program, "--config-file", FOLDER / "etc" / f"{service}.conf", *words])

    def make_keystone(self) -> None:
        self.manage("keystone-manage", "keystone", "db_sync")
        url = self.place.url("keystone") + "/v3/"
        urls = [word for kind in ("admin", "internal", "public") for word in (f"--bootstrap-{kind}-url", url)]
        self.manage("keystone-manage", "keystone", "bootstrap", "--bootstrap-password", self.place.user_password, "--bootstrap-region-id", settings.REGION, *urls)

    def make_nova(self) -> None:
        self.manage("nova-manage", "nova", "api_db", "sync")
        self.manage("nova-manage", "nova", "cell_v2", "map_cell0", "--database_connection", self.place.database("nova_cell0"))
        self.manage("nova-manage", "nova", "cell_v2", "create_cell", "--name", "cell1")
        self.manage("nova-manage", "nova", "db", "sync")

    def make_others(self) -> None:
        for name in ("neutron", "octavia"):
            self.run(f"{name}-tables", [VENV / "bin/python", HERE / "tables.py", name, self.place.database(name)])
        self.manage("heat-manage", "heat", "db_sync")
        self.manage("designate-manage", "designate", "database", "sync")
        self.manage("placement-manage", "placement", "db", "sync")
        self.manage("glance-manage", "glance", "db_sync")

    # What is in the cloud

    def environment(self, user: str = USER, project: str = PROJECT) -> dict[str, str]:
        """The variables that OpenStack's clients read."""
        return {
            "OS_AUTH_URL": self.place.url("keystone") + "/v3",
            "OS_USERNAME": user,
            "OS_PASSWORD": self.place.user_password,
            "OS_PROJECT_NAME": project,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": settings.REGION,
            "OS_IDENTITY_API_VERSION": "3",
        }

    def connect(self, user: str = USER, project: str = PROJECT):
        import openstack

        names = {name.removeprefix("OS_").lower(): value for name, value in self.environment(user, project).items()}
        return openstack.connect(load_yaml_config=False, load_envvars=False, **names)

    def seed(self) -> None:
        """The services' users, the catalogue, and the user who deploys: a member of one project, no administrator."""
        identity = self.connect("admin", "admin").identity
        service = identity.create_project(name="service", domain_id="default")
        roles = {role.name: role for role in identity.roles()}
        for name in ("creator", "load-balancer_member", "heat_stack_user", "service"):
            roles.setdefault(name, None)
            roles[name] = roles[name] or identity.create_role(name=name)
        for name, (kind, listener, path) in settings.CATALOGUE.items():
            user = identity.create_user(name=name, password=self.place.password, domain_id="default", default_project_id=service.id)
            for role in ("admin", "service"):
                identity.assign_project_role_to_user(service, user, roles[role])
            entry = identity.create_service(name=name, type=kind)
            for interface in ("public", "internal", "admin"):
                identity.create_endpoint(service_id=entry.id, interface=interface, region_id=settings.REGION, url=self.place.url(listener) + path)
        domain = identity.create_domain(name=settings.HEAT_DOMAIN)
        user = identity.create_user(name="heat_domain_admin", password=self.place.password, domain_id=domain.id)
        identity.assign_domain_role_to_user(domain, user, roles["admin"])
        project = identity.create_project(name=PROJECT, domain_id="default")
        user = identity.create_user(name=USER, password=self.place.user_password, domain_id="default", default_project_id=project.id)
        for role in ("member", "creator", "load-balancer_member"):
            identity.assign_project_role_to_user(project, user, roles[role])

    def furnish(self) -> None:
        """What a cloud has before anybody deploys to it."""
        admin = self.connect("admin", "admin")
        # A migration of Neutron makes these; they are what a group lets out that names no rules.
        for version in ("IPv4", "IPv6"):
            rule = {"direction": "egress", "ethertype": version, "used_in_default_sg": True, "used_in_non_default_sg": True}
            answer = admin.network.post("/default-security-group-rules", json={"default_security_group_rule": rule})
            if answer.status_code != 201:
                raise Failed(f"Neutron's default rules: {answer.text}")
        network = admin.network.create_network(name=EXTERNAL_NETWORK, is_router_external=True)
        admin.network.create_subnet(network_id=network.id, ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
        for name in IMAGES:
            admin.image.create_image(name=name, disk_format="raw", container_format="bare", visibility="public", data=bytes(1024))
        for family in ("m1", "a1"):
            for size, (processors, memory) in FLAVORS.items():
                admin.compute.create_flavor(name=f"{family}.{size}", vcpus=processors, ram=memory * 1024, disk=10)

    # Stopping

    def stop(self) -> None:
        stop(self.pids, self.memory)
        for child in self.children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=5)
        if self.pids:
            STATE.unlink(missing_ok=True)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


def stop(pids: dict, memory: Path | None) -> None:
    """Ends processes, the database last and at once, for nothing in it is to be kept."""
    ours = lambda name: started_at(pids[name][0]) == pids[name][1] is not None

    def end(name: str, how: int) -> None:
        if ours(name):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pids[name][0], how)

    services = [name for name in pids if name != "database"]
    for name in services:
        end(name, signal.SIGTERM)
    limit = time.monotonic() + 10
    while any(map(ours, services)) and time.monotonic() < limit:
        time.sleep(0.1)
    for name in [*services, "database"]:
        if name in pids:
            end(name, signal.SIGKILL)
    if memory:
        # The server is gone a moment after it is told to.
        for _ in range(50):
            if "database" not in pids or not ours("database"):
                break
            time.sleep(0.1)
        shutil.rmtree(memory, ignore_errors=True)


@contextlib.contextmanager
def attached():
    """The rig that `up` has left running."""
    if not STATE.exists():
        raise Failed("nothing is running: `cargo xtask openstack up`")
    state = json.loads(STATE.read_text(encoding="utf-8"))
    without_proxy()
    rig = Rig()
    rig.place = settings.Place(VENV, FOLDER, Path(state["memory"]) / "socket", state["ports"], "", state["password"], "")
    yield rig


def down() -> None:
    if not STATE.exists():
        print("nothing is running")
        return
    state = json.loads(STATE.read_text(encoding="utf-8"))
    stop(state["pids"], Path(state["memory"]))
    STATE.unlink()
    print("stopped")


def interruptible() -> None:
    """Makes every usual way to end this process pass by the code that stops the services."""

    def leave(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def up() -> None:
    rig = Rig(lasting=True, say=lambda line: print(line, file=sys.stderr))
    try:
        rig.start()
    except BaseException:
        rig.stop()
        raise
    for name, value in rig.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"# There are the network {EXTERNAL_NETWORK}, the images {' and '.join(IMAGES)}, flavors from m1.tiny to a1.4xlarge; DNS answers at 127.0.0.1:{rig.place.ports['dns']}.")


if __name__ == "__main__":
    interruptible()
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except Failed as fault:
        sys.exit(f"rig: {fault}")
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is stopped")
