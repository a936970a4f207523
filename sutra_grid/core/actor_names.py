"""Who caused an event, as it is written and as it is searched for. Pure."""

from __future__ import annotations


def matches_actor(wanted: str, actor: str, actor_name: str) -> bool:
    """Whether an event was caused by ``wanted``.

    That is a kind of actor (``operator``), a name as it is shown (``user alice``), or the name alone (``alice``).
    """
    return wanted in (actor, actor_name) or (bool(actor_name) and actor_name.endswith(f" {wanted}"))


def actor_text(actor: str, actor_name: str, actor_address: str) -> str:
    """The actor for people: ``user alice (10.0.0.5)``; the kind of actor where no name is known."""
    who = actor_name or actor
    return f"{who} ({actor_address})" if actor_address and actor == "operator" else who
