"""The parts of a master that decide about access, without its server, on a registry that the test makes."""

from __future__ import annotations

from dataclasses import dataclass

from support.fakes.clock import FakeClock
from support.values.certificates import TestAuthority
from sutra_grid.core.access.tokens import TokenText, check_spec
from sutra_grid.master.access.joining import JoinRequest
from sutra_grid.master.access.master_access import MasterAccess
from sutra_grid.master.access.signer import Signed, Signer
from sutra_grid.registry import Registry
from sutra_grid.runtime.certificates.authority import make_request, new_key

AUTHORITY = TestAuthority()


@dataclass
class AccessHarness:
    """A master's access; ``restart`` makes another one on the same registry."""

    registry: Registry
    clock: FakeClock
    signer: Signer | None
    access: MasterAccess

    def restart(self) -> None:
        self.access = MasterAccess(self.registry, self.clock, self.signer)

    def join_token(self, pattern: str = "", uses: int = 1, ttl_seconds: int = 0) -> TokenText:
        return self.access.tokens.create(check_spec("join", "", "", pattern, uses, ttl_seconds), "user alice").text

    def api_token(self, role: str = "operator", name: str = "ci", ttl_seconds: int = 3600) -> TokenText:
        return self.access.tokens.create(check_spec("api", role, name, "", 0, ttl_seconds), "user alice").text

    def join(self, token: TokenText | str, agent_id: str = "agent-1", address: str = "10.0.0.9") -> Signed:
        text = token if isinstance(token, str) else token.text
        request = JoinRequest(text, agent_id, make_request(new_key()), ("10.0.0.9",), address)
        return self.access.joining.join(request)
