"""Which roles may make which gRPC call: the one table of the control plane and of storage nodes.

A call that is not in the table is refused for everyone, and a test fails for each method without a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sutra_grid.core.access.identity import Role
from sutra_grid.core.access.principal import Principal, PrincipalKind


@dataclass(frozen=True, slots=True)
class Rule:
    """The roles that may make a call.

    ``of_agent``: an agent may make it for itself alone; the field ``agent_id`` of the request says for whom.
    ``without_identity``: a caller without certificate, token or login may make it; the call checks a secret of its own.
    """

    roles: frozenset[Role]
    of_agent: bool = False
    without_identity: bool = False


def _rule(*roles: Role, of_agent: bool = False, without_identity: bool = False) -> Rule:
    return Rule(frozenset(roles), of_agent, without_identity)


_ADMIN: Final = _rule(Role.ADMIN)
_CHANGE: Final = _rule(Role.ADMIN, Role.OPERATOR)
_READ: Final = _rule(Role.ADMIN, Role.OPERATOR, Role.VIEWER)
_AGENT: Final = _rule(Role.AGENT, of_agent=True)
_MASTER: Final = _rule(Role.MASTER)
_MASTER_READ: Final = _rule(Role.MASTER, Role.ADMIN, Role.OPERATOR, Role.VIEWER)
_DATA: Final = _rule(Role.ADMIN, Role.OPERATOR, Role.CLIENT)
_EVERYONE: Final = _rule(*(role for role in Role if role is not Role.NODE))
_JOINING: Final = _rule(*Role, without_identity=True)

RPC_RULES: Final[dict[str, Rule]] = {
    # agents
    "/grid.GridMaster/RegisterAgent": _AGENT,
    "/grid.GridMaster/Heartbeat": _AGENT,
    "/grid.GridMaster/UnregisterAgent": _AGENT,
    # changes
    "/grid.GridMaster/SpawnStorageNode": _CHANGE,
    "/grid.GridMaster/StartStorageNode": _CHANGE,
    "/grid.GridMaster/StopStorageNode": _CHANGE,
    "/grid.GridMaster/RestartStorageNode": _CHANGE,
    "/grid.GridMaster/RemoveStorageNode": _CHANGE,
    "/grid.GridMaster/DrainAgent": _CHANGE,
    "/grid.GridMaster/UndrainAgent": _CHANGE,
    "/grid.GridMaster/RemoveAgent": _CHANGE,
    # reads
    "/grid.GridMaster/GetClusterStatus": _READ,
    "/grid.GridMaster/GetAgent": _READ,
    "/grid.GridMaster/ListAgents": _READ,
    "/grid.GridMaster/GetStorageNodeStatus": _READ,
    "/grid.GridMaster/ListStorageNodes": _READ,
    "/grid.GridMaster/ListEvents": _READ,
    "/grid.GridMaster/ReadNodeLog": _READ,
    "/grid.GridMaster/ListNodeSamples": _READ,
    # what a master calls on an agent
    "/grid.GridAgent/Apply": _MASTER,
    "/grid.GridAgent/ListNodes": _MASTER,
    "/grid.GridAgent/ReadNodeLog": _MASTER,
    "/grid.GridAgent/ListNodeSamples": _MASTER,
    "/grid.GridAgent/Identify": _MASTER_READ,
    # access itself
    "/grid.GridAccess/WhoAmI": _EVERYONE,
    "/grid.GridAccess/Join": _JOINING,
    "/grid.GridAccess/Renew": _rule(Role.AGENT),
    "/grid.GridAccess/IssueNodeCertificate": _AGENT,
    "/grid.GridAccess/CreateToken": _ADMIN,
    "/grid.GridAccess/ListTokens": _ADMIN,
    "/grid.GridAccess/RevokeToken": _ADMIN,
    "/grid.GridAccess/ListCertificates": _ADMIN,
    "/grid.GridAccess/RevokeCertificate": _ADMIN,
    "/grid.GridAccess/RestoreCertificate": _ADMIN,
    "/grid.GridAccess/ListRevocations": _ADMIN,
    "/grid.GridAccess/AddUser": _ADMIN,
    "/grid.GridAccess/SetPassword": _ADMIN,
    "/grid.GridAccess/RemoveUser": _ADMIN,
    "/grid.GridAccess/ListUsers": _ADMIN,
    # data of a storage node
    "/etcdserverpb.KV/Range": _DATA,
    "/etcdserverpb.KV/Put": _DATA,
    "/etcdserverpb.KV/DeleteRange": _DATA,
    "/etcdserverpb.KV/Txn": _DATA,
    "/etcdserverpb.KV/Compact": _DATA,
    "/etcdserverpb.Cluster/MemberList": _DATA,
    "/etcdserverpb.Maintenance/Alarm": _DATA,
    "/etcdserverpb.Maintenance/Status": _DATA,
    "/etcdserverpb.Maintenance/Defragment": _DATA,
    "/etcdserverpb.Maintenance/Hash": _DATA,
    "/etcdserverpb.Maintenance/HashKV": _DATA,
    "/etcdserverpb.Maintenance/Snapshot": _DATA,
    "/grid.StorageNode/BulkWrite": _DATA,
    "/grid.StorageNode/GetStatistics": _DATA,
    "/grid.StorageNode/Flush": _DATA,
    "/grid.StorageNode/Checkpoint": _DATA,
    # every server
    "/grpc.health.v1.Health/Check": _EVERYONE,
    "/grpc.health.v1.Health/List": _EVERYONE,
    "/grpc.health.v1.Health/Watch": _EVERYONE,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _EVERYONE,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused. ``unauthenticated``: the caller is not known at all; otherwise it lacks the right."""

    unauthenticated: bool
    message: str
    hint: str


def refusal(principal: Principal, path: str) -> Refusal | None:
    """Why ``principal`` may not call ``path`` (``/grid.GridMaster/Heartbeat``), whatever the request says.

    None when it may. Where the rule is ``of_agent``, ``refusal_of_agent`` looks at the request too.
    """
    rule = RPC_RULES.get(path)
    method = path.rpartition("/")[2]
    if rule is None:
        return Refusal(False, f"{path.removeprefix('/')} may be called by nobody", "Use a newer version of the server")
    if principal.kind is PrincipalKind.LOCAL:
        return None
    if principal.role is None:
        return None if rule.without_identity else _unknown_caller(method)
    if principal.role not in rule.roles:
        return _missing_role(principal, rule, method)
    return None


def refusal_of_agent(principal: Principal, agent_id: str | None) -> Refusal | None:
    """Why the caller may not speak for the agent that the request names; None when it may."""
    if principal.kind is PrincipalKind.LOCAL or agent_id == principal.name:
        return None
    return Refusal(
        False,
        f"the certificate of agent {principal.name} can't be used for agent {agent_id!r}",
        "Each agent needs a certificate of its own. Make agent_id and the certificate agree",
    )


def _unknown_caller(method: str) -> Refusal:
    return Refusal(
        True,
        f"{method} needs a certificate or a token",
        "Give a certificate of this grid (--tls-cert, --tls-key) or a token (SUTRA_GRID_TOKEN)",
    )


def _missing_role(principal: Principal, rule: Rule, method: str) -> Refusal:
    allowed = ", ".join(sorted(rule.roles - {Role.NODE}))
    return Refusal(
        False,
        f"{principal.actor_name} has the role {principal.role}, which may not call {method}",
        f"Use a certificate or a token with one of these roles: {allowed}",
    )
