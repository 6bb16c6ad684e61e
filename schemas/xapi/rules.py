"""The rules for statements that types cannot say. All raise Invalid, naming the field.

They run for each event, so a part that is absent costs one comparison, IRIs and language tags met
before cost one look into a set, and the path of a field is put together only where it is needed.
"""

import re
from typing import Final

from msgspec import UNSET, UnsetType

from schemas.iri import KNOWN, check_iri, check_iris
from schemas.times import duration_ms, milliseconds
from schemas.xapi import terms
from schemas.xapi.depth import check_depth
from schemas.xapi.errors import Invalid
from schemas.xapi.ids import uuid_bytes
from schemas.xapi.statement import (
    Activity,
    Actor,
    Agent,
    AnyStatement,
    Attachment,
    Component,
    Context,
    ContextActivities,
    Definition,
    Extensions,
    LanguageMap,
    Result,
    Score,
    StatementRef,
    SubStatement,
)

MAX_IDENTIFIER: Final = 1_000

_MAIL = re.compile(r"mailto:[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+", re.IGNORECASE)
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_VERSION = re.compile(r"1\.0\.\d+(?:[-+][0-9A-Za-z.\-]+)?", re.ASCII)
_SHA2 = re.compile(r"[0-9a-fA-F]{56,128}")
_MEDIA_TYPE = re.compile(r"[\w.+\-]+/[\w.+\-]+(?:\s*;.*)?", re.ASCII)
_NESTED: Final = frozenset({dict, list})
_languages: set[str] = set()


def check(statement: AnyStatement) -> int | None:
    """Checks all but the id; -> when it happened, in milliseconds, if the statement says so."""
    _check_core(statement, "")
    if statement.version is not UNSET and _VERSION.fullmatch(statement.version) is None:
        raise Invalid("bad-version", "version", "1.0.x")
    if statement.stored is not UNSET:
        milliseconds(statement.stored, "stored")
    if statement.authority is not UNSET:
        _check_authority(statement.authority)
    if statement.verb.id == terms.VOIDED and type(statement.object) is not StatementRef:
        raise Invalid("bad-object", "object", "a voiding statement has a StatementRef here")
    if statement.timestamp is UNSET:
        return None
    return milliseconds(statement.timestamp, "timestamp")


def _check_core(statement: AnyStatement | SubStatement[object], at: str) -> None:
    """What a statement and a sub-statement share. `at`: "" or "object."."""
    check_actor(statement.actor, at + "actor")
    verb = statement.verb
    if verb.id not in KNOWN:
        check_iri(verb.id, at + "verb.id")
    if verb.display is not UNSET and not _languages.issuperset(verb.display):
        _check_languages(verb.display, at + "verb.display")
    thing = statement.object
    if type(thing) is Activity:
        _check_activity(thing, at + "object")
    else:
        _check_other_object(thing, at + "object")
    if statement.result is not UNSET:
        _check_result(statement.result, at + "result")
    if statement.context is not UNSET:
        _check_context(statement.context, type(thing) is Activity, at + "context")
    if statement.attachments is not UNSET:
        for number, attachment in enumerate(statement.attachments):
            _check_attachment(attachment, f"{at}attachments[{number}]")


def _check_other_object(thing: object, field: str) -> None:
    if isinstance(thing, Actor):
        check_actor(thing, field)
    elif isinstance(thing, StatementRef):
        uuid_bytes(thing.id, field + ".id")
    elif isinstance(thing, SubStatement):
        _check_core(thing, field + ".")
        if thing.timestamp is not UNSET:
            milliseconds(thing.timestamp, field + ".timestamp")


def check_actor(actor: Actor | Agent, field: str) -> None:
    """An agent has one identifier; a group one and perhaps members, or only members."""
    account = actor.account
    others = (actor.mbox is not UNSET) + (actor.mbox_sha1sum is not UNSET)
    others += actor.openid is not UNSET
    count = others + (account is not UNSET)
    if actor.object_type == "Group":
        _check_group(actor, count, field)
    elif count != 1:
        raise Invalid("bad-actor", field, "exactly one of mbox, mbox_sha1sum, openid, account")
    elif type(actor) is Actor and actor.member is not UNSET:
        raise Invalid("unknown-field", field, "unknown key `member` on an agent")
    if account is not UNSET:
        if account.home_page not in KNOWN:
            check_iri(account.home_page, field + ".account.homePage")
        if not 0 < len(account.name) <= MAX_IDENTIFIER:
            rule = f"1 to {MAX_IDENTIFIER} characters"
            raise Invalid("bad-actor", field + ".account.name", rule)
    elif others:
        _check_identifier(actor, field)


def _check_group(actor: Actor | Agent, identifiers: int, field: str) -> None:
    members = actor.member if isinstance(actor, Actor) else UNSET
    if identifiers > 1:
        raise Invalid("bad-actor", field, "at most one of mbox, mbox_sha1sum, openid, account")
    if not identifiers and not members:
        raise Invalid("bad-actor", field + ".member", "required in a group without identifier")
    if members is not UNSET:
        for number, member in enumerate(members):
            check_actor(member, f"{field}.member[{number}]")


def _check_identifier(actor: Actor | Agent, field: str) -> None:
    """The one identifier that is not an account."""
    if actor.mbox is not UNSET:
        if len(actor.mbox) > MAX_IDENTIFIER or _MAIL.fullmatch(actor.mbox) is None:
            raise Invalid("bad-actor", field + ".mbox", "`mailto:` and one address")
    elif actor.mbox_sha1sum is not UNSET:
        if _SHA1.fullmatch(actor.mbox_sha1sum) is None:
            raise Invalid("bad-actor", field + ".mbox_sha1sum", "40 hexadecimal digits")
    elif actor.openid is not UNSET:
        check_iri(actor.openid, field + ".openid")


def _check_authority(authority: Actor) -> None:
    check_actor(authority, "authority")
    if authority.object_type == "Group":
        members = authority.member
        if members is UNSET or len(members) != 2:
            raise Invalid("bad-actor", "authority.member", "a group here has exactly two members")


def _check_activity(activity: Activity, field: str) -> None:
    if activity.id not in KNOWN:
        check_iri(activity.id, field + ".id")
    if activity.definition is not UNSET:
        _check_definition(activity.definition, field)


def _check_definition(definition: Definition, field: str) -> None:
    """`field`: the path of the activity."""
    if definition.type is not UNSET and definition.type not in KNOWN:
        check_iri(definition.type, field + ".definition.type")
    if definition.name is not UNSET and not _languages.issuperset(definition.name):
        _check_languages(definition.name, field + ".definition.name")
    if definition.description is not UNSET and not _languages.issuperset(definition.description):
        _check_languages(definition.description, field + ".definition.description")
    if definition.more_info is not UNSET:
        check_iri(definition.more_info, field + ".definition.moreInfo")
    if definition.extensions is not UNSET:
        _check_extensions(definition.extensions, field, ".definition.extensions")
    if definition.interaction_type is not UNSET:
        for name in ("choices", "scale", "source", "target", "steps"):
            components: list[Component] | UnsetType = getattr(definition, name)
            if components is not UNSET:
                _check_components(components, f"{field}.definition.{name}")


def _check_components(components: list[Component], field: str) -> None:
    for number, component in enumerate(components):
        if component.description is not UNSET:
            _check_languages(component.description, f"{field}[{number}].description")


def _check_languages(texts: LanguageMap, field: str) -> None:
    for tag in texts:
        check_language(tag, field)
        if len(_languages) < 1_000:
            _languages.add(tag)


def check_language(tag: str, field: str) -> None:
    """The shape of RFC 5646, with `und` and private tags; no look-up in the registry."""
    if len(tag) > 100 or _LANGUAGE.fullmatch(tag) is None:
        raise Invalid("bad-value", field, "keyed by language tags such as en-GB")


def _check_extensions(extensions: Extensions, field: str, name: str) -> None:
    """`field` and `name` together are the path."""
    if not KNOWN.issuperset(extensions):
        check_iris(extensions, field + name)
    if not _NESTED.isdisjoint(map(type, extensions.values())):
        check_depth(extensions, field + name)


def _check_result(result: Result, field: str) -> None:
    if result.score is not UNSET:
        _check_score(result.score, field)
    if result.duration is not UNSET:
        duration_ms(result.duration, field + ".duration")
    if result.extensions is not UNSET:
        _check_extensions(result.extensions, field, ".extensions")


def _check_score(score: Score, field: str) -> None:
    """A bound of 0 is a bound. min = max = 0 is what H5P sends for "no score": let through."""
    low, high, raw = score.min, score.max, score.raw
    if low is UNSET and high is UNSET:
        return
    if low is not UNSET and high is not UNSET and low > high:
        raise Invalid("bad-score", field + ".score.min", "not above max")
    if raw is UNSET:
        return
    if low is not UNSET and raw < low:
        raise Invalid("bad-score", field + ".score.raw", "not below min")
    if high is not UNSET and raw > high:
        raise Invalid("bad-score", field + ".score.raw", "not above max")


def _check_context(context: Context, of_activity: bool, field: str) -> None:
    if context.extensions is not UNSET:
        _check_extensions(context.extensions, field, ".extensions")
    if context.context_activities is not UNSET:
        _check_context_activities(context.context_activities, field)
    if context.registration is not UNSET:
        uuid_bytes(context.registration, field + ".registration")
    if context.instructor is not UNSET:
        check_actor(context.instructor, field + ".instructor")
    if context.team is not UNSET:
        if context.team.object_type != "Group":
            raise Invalid("bad-actor", field + ".team", "a group")
        check_actor(context.team, field + ".team")
    if context.language is not UNSET and context.language not in _languages:
        check_language(context.language, field + ".language")
    if context.statement is not UNSET:
        uuid_bytes(context.statement.id, field + ".statement.id")
    if not of_activity and (context.revision is not UNSET or context.platform is not UNSET):
        raise Invalid("bad-object", field, "revision and platform only where object is an activity")


def _check_context_activities(activities: ContextActivities, field: str) -> None:
    """`field`: the path of the context."""
    if activities.parent is not UNSET:
        _check_activities(activities.parent, field, "parent")
    if activities.category is not UNSET:
        _check_activities(activities.category, field, "category")
    if activities.grouping is not UNSET:
        _check_activities(activities.grouping, field, "grouping")
    if activities.other is not UNSET:
        _check_activities(activities.other, field, "other")


def _check_activities(activities: list[Activity] | Activity, field: str, kind: str) -> None:
    several = [activities] if isinstance(activities, Activity) else activities
    for number, activity in enumerate(several):
        if activity.definition is UNSET and activity.id in KNOWN:
            continue
        try:
            _check_activity(activity, "")
        except Invalid as error:
            path = f"{field}.contextActivities.{kind}[{number}]{error.field}"
            raise Invalid(error.reason, path, error.rule) from None


def _check_attachment(attachment: Attachment, field: str) -> None:
    check_iri(attachment.usage_type, field + ".usageType")
    check_iri(attachment.file_url, field + ".fileUrl")
    _check_languages(attachment.display, field + ".display")
    if attachment.description is not UNSET:
        _check_languages(attachment.description, field + ".description")
    if _SHA2.fullmatch(attachment.sha2) is None:
        raise Invalid("bad-value", field + ".sha2", "hexadecimal digits of a SHA-2 hash")
    if _MEDIA_TYPE.fullmatch(attachment.content_type) is None:
        raise Invalid("bad-value", field + ".contentType", "a media type")
