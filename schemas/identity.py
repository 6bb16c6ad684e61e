"""Who an event is about: (issuer, identifier), the pair that the pseudonym is made from.

An account is (homePage, name); an address ("mailto", address with its domain in lower case); a
hash of one ("sha1", hex); an OpenID ("openid", IRI); a group without an identifier ("group", its
members). The learner directory and the events must agree here, or they do not meet.
"""

from typing import Final

from msgspec import UNSET

from schemas.xapi.statement import Actor, Agent

MAILTO: Final = "mailto"
_SEPARATOR: Final = "\x1f"


def of_actor(actor: Actor | Agent) -> tuple[str, str]:
    """Of an actor that passed the rules."""
    if actor.account is not UNSET:
        return actor.account.home_page, actor.account.name
    if actor.mbox is not UNSET:
        return MAILTO, address(actor.mbox[len("mailto:") :])
    if actor.mbox_sha1sum is not UNSET:
        return "sha1", actor.mbox_sha1sum.lower()
    if actor.openid is not UNSET:
        return "openid", actor.openid
    members = actor.member if isinstance(actor, Actor) else UNSET
    if members is UNSET:
        raise ValueError("an actor without identifier and members")
    return "group", _SEPARATOR.join(sorted(_SEPARATOR.join(of_actor(each)) for each in members))


def of_learner(source: str, learner: str, issuer: str) -> tuple[str, str]:
    """Of the `learner` and `issuer` (empty: not given) of a compact event or a directory line."""
    if not issuer and "@" in learner:
        issuer = MAILTO
    if issuer == MAILTO:
        return MAILTO, address(learner.removeprefix("mailto:"))
    return issuer or source, learner


def of_rater(source: str, rater: str, issuer: str, of_learner_by: str) -> tuple[str, str]:
    """Of the `rater` of a compact event: an issuer that is not given is that of the learner
    (`of_learner_by`), but for addresses."""
    if not issuer and "@" not in rater and of_learner_by != MAILTO:
        issuer = of_learner_by
    return of_learner(source, rater, issuer)


def address(mail: str) -> str:
    """A mail address with its domain in lower case; the part before it may be case-sensitive."""
    name, at, domain = mail.rpartition("@")
    return name + at + domain.lower()
