"""One service of OpenStack in one process, with no message broker: serve.py NAME ETC PORT.

What a cloud runs as several programs that talk over a broker runs here as threads of one process, over Oslo's transport
`fake`. Each function below readies its service and returns the WSGI application that `main` serves on 127.0.0.1.
"""

import os
import sys
import threading
import time
import traceback
from pathlib import Path


def arguments(program: str, conf: Path) -> None:
    """Services read their own command line, whichever way they are started."""
    sys.argv = [program, "--config-file", str(conf)]


def threads() -> None:
    """The other backend of oslo.service, eventlet, patches half of Python."""
    from oslo_service import backend

    backend.init_backend(backend.BackendType.THREADING)


def pasted(pipeline: Path, name: str):
    from paste import deploy

    return deploy.loadapp(f"config:{pipeline}", name=name)


def keystone(conf: Path):
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(conf)
    arguments("keystone", conf)
    from keystone.wsgi.api import application

    return application


def neutron(conf: Path):
    os.environ["OS_NEUTRON_CONFIG_FILES"] = str(conf)
    arguments("neutron-server", conf)
    from neutron.plugins.ml2 import managers
    from neutron_lib.plugins.ml2 import api
    from stevedore.extension import Extension

    class Loopback(api.MechanismDriver):
        """Binds a port wherever it is asked to, as an agent on that host would."""

        def initialize(self):
            pass

        def bind_port(self, context):
            for segment in context.segments_to_bind[:1]:
                context.set_binding(segment[api.ID], "ovs", {"port_filter": True}, status="ACTIVE")

    register = managers.MechanismManager._register_mechanisms

    def register_all(self):
        # No package declares it, and so it is not among the configured ones.
        self.extensions.append(Extension("loopback", None, Loopback, Loopback()))
        register(self)

    managers.MechanismManager._register_mechanisms = register_all
    from neutron.wsgi.api import application

    return application


def nova(conf: Path):
    from nova import monkey_patch

    monkey_patch.patch(backend="threading")
    os.environ["OS_NOVA_CONFIG_FILES"] = str(conf)
    arguments("nova", conf)
    import nova.conf
    import os_vif
    from nova import config, context, objects, service
    from nova.compute import rpcapi as compute
    from nova.conductor import rpcapi as conductor
    from nova.objects import host_mapping
    from nova.scheduler import rpcapi as scheduler
    from oslo_log import log

    config.parse_args(sys.argv)
    log.setup(nova.conf.CONF, "nova")
    objects.register_all()
    os_vif.initialize()
    for name, module in (("conductor", conductor), ("scheduler", scheduler), ("compute", compute)):
        service.Service.create(binary=f"nova-{name}", topic=module.RPC_TOPIC, host=nova.conf.CONF.host).start()
    host_mapping.discover_hosts(context.get_admin_context())
    return pasted(nova.conf.CONF.wsgi.api_paste_config, "osapi_compute")


def placement(conf: Path):
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = str(conf.parent)
    sys.argv = ["placement-api"]
    from placement.wsgi.api import application

    return application


def glance(conf: Path):
    os.environ["OS_GLANCE_CONFIG_FILES"] = str(conf)
    os.environ["OS_GLANCE_CONFIG_DIR"] = str(conf.parent)
    arguments("glance-api", conf)
    from glance.common import wsgi_app

    wsgi_app.CONFIG_FILES[:] = [conf.name]
    return wsgi_app.init_app()


def barbican(conf: Path):
    arguments("barbican-api", conf)
    from barbican.common import config

    # Every module of Barbican reads a configuration of its own, from the usual places unless it is told.
    parse = config.parse_args
    config.parse_args = lambda options, args=None, usage=None, default_config_files=None: parse(options, args, usage, [str(conf)])
    config.parse_args(config.CONF)
    return pasted(conf.parent / "barbican-paste.ini", "main")


def octavia(conf: Path):
    arguments("octavia-api", conf)
    from octavia.api import app
    from octavia.api.drivers.noop_driver import driver

    # Without it Octavia takes the address from Neutron, by a port in the subnet, as it does for its own provider.
    del driver.NoopProviderDriver.create_vip_port
    application = app.setup_app(argv=sys.argv)
    threading.Thread(target=data_plane, daemon=True).start()
    return application


def data_plane() -> None:
    """Reports what was asked for as done, by the way in which a provider's agent does."""
    from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater
    from octavia.common import utils
    from octavia.db import api, models

    kinds = {
        "loadbalancers": models.LoadBalancer,
        "listeners": models.Listener,
        "pools": models.Pool,
        "members": models.Member,
        "healthmonitors": models.HealthMonitor,
        "l7policies": models.L7Policy,
        "l7rules": models.L7Rule,
    }
    updater = DriverUpdater()
    while True:
        time.sleep(0.3)
        try:
            report, ports = {}, []
            session = api.get_session()
            with session.begin():
                for kind, model in kinds.items():
                    for row in session.query(model).filter(model.provisioning_status.like("PENDING_%")):
                        if row.provisioning_status != "PENDING_DELETE":
                            done = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
                        else:
                            done = {"provisioning_status": "DELETED"}
                            if kind == "loadbalancers" and row.vip.octavia_owned:
                                ports.append(row.vip.port_id)
                        report.setdefault(kind, []).append({"id": row.id, **done})
            session.close()
            for port in ports:
                utils.get_network_driver().delete_port(port)
            if report:
                answer = updater.update_loadbalancer_status(report)
                if answer.get("status_code") != 200:
                    print(answer, report, flush=True)
        except Exception:  # the next round tries again
            traceback.print_exc()


def designate(conf: Path):
    threads()
    arguments("designate", conf)
    import oslo_messaging

    oslo_messaging.set_transport_defaults("designate")
    import designate.conf
    from designate import policy, rpc, utils
    from designate.central.service import Service as Central
    from designate.common import config
    from designate.manage.pool import PoolCommands
    from designate.mdns.service import Service as NameServer
    from designate.producer.service import Service as Producer
    from designate.worker.service import Service as Worker
    from oslo_log import log

    utils.read_config("designate", sys.argv)
    config.set_defaults()
    log.setup(designate.conf.CONF, "designate")
    policy.init()
    rpc.init(designate.conf.CONF)
    for service in (Central, Worker, NameServer, Producer):
        service().start()
    PoolCommands().update(file=str(conf.parent / "pools.yaml"), delete=False, dry_run=False, skip_verify_drivers=True)
    return pasted(designate.conf.CONF["service:api"].api_paste_config, "osapi_dns")


def heat(conf: Path):
    threads()
    arguments("heat-api", conf)
    from heat.common import crypt  # registers the option of the key
    from heat.api.openstack import wsgi

    application = wsgi.init_application()
    from heat.common import config
    from heat.engine import service, template
    from heat.rpc import api
    from oslo_config import cfg

    config.startup_sanity_check()
    # Read once before threads ask for it.
    template._get_template_extension_manager()
    service.EngineService(cfg.CONF.host, api.ENGINE_TOPIC).start()
    return application


def swift(part: str, etc: Path) -> None:
    from swift.common import utils

    utils.SWIFT_CONF_FILE = str(etc / "swift/swift.conf")
    from swift.common.wsgi import run_wsgi

    sys.exit(run_wsgi(str(etc / f"swift/{part}-server.conf"), f"{part}-server"))


def main(name: str, etc: Path, port: int) -> None:
    if name.startswith("swift-"):
        swift(name.removeprefix("swift-"), etc)
    application = globals()[name](etc / f"{name}.conf")
    from werkzeug.serving import make_server

    make_server("127.0.0.1", port, application, threaded=True).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
