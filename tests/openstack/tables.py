"""Makes the tables of Neutron and of Octavia from their models, which is much quicker than all their migrations: tables.py NAME URL.

What a migration would put into the tables besides is put there too: Octavia's lists of known words here, Neutron's
rules of new security groups through its API once it runs (`rig.py`).
"""

import sys

import sqlalchemy
from sqlalchemy import orm


def neutron(engine) -> None:
    from neutron.db.migration.models import head  # knows every model
    from neutron_lib.db.model_base import BASEV2

    BASEV2.metadata.create_all(engine)


def octavia(engine) -> None:
    from octavia.common import constants
    from octavia.db import base_models, models

    base_models.BASE.metadata.create_all(engine)
    words = {
        models.ProvisioningStatus: constants.SUPPORTED_PROVISIONING_STATUSES,
        models.OperatingStatus: constants.SUPPORTED_OPERATING_STATUSES,
        models.HealthMonitorType: constants.SUPPORTED_HEALTH_MONITOR_TYPES,
        models.Algorithm: constants.SUPPORTED_LB_ALGORITHMS,
        models.Protocol: constants.SUPPORTED_PROTOCOLS,
        models.SessionPersistenceType: constants.SUPPORTED_SP_TYPES,
        models.AmphoraRoles: constants.SUPPORTED_AMPHORA_ROLES,
        models.LBTopology: constants.SUPPORTED_LB_TOPOLOGIES,
        models.VRRPAuthMethod: constants.SUPPORTED_VRRP_AUTH,
        models.L7RuleType: constants.SUPPORTED_L7RULE_TYPES,
        models.L7RuleCompareType: constants.SUPPORTED_L7RULE_COMPARE_TYPES,
        models.L7PolicyAction: constants.SUPPORTED_L7POLICY_ACTIONS,
        models.ClientAuthenticationMode: constants.SUPPORTED_CLIENT_AUTH_MODES,
    }
    with orm.Session(engine) as session:
        for model, names in words.items():
            session.add_all(model(name=name) for name in names)
        session.commit()


if __name__ == "__main__":
    globals()[sys.argv[1]](sqlalchemy.create_engine(sys.argv[2]))
