"""librdkafka's security properties as Faust's credentials."""

import ssl
from collections.abc import Mapping
from typing import Any

import faust

_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_KNOWN = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
    }
)


class SecurityError(ValueError):
    """The worker can not enter the cluster this way. Never valid: change the settings."""


def credentials(properties: Mapping[str, str]) -> Any:
    """What `faust.App(broker_credentials=...)` takes; None for an open cluster.

    Raises SecurityError for what the worker's client can not do or does not know, OSError and
    ssl.SSLError for certificates that can not be read.
    """
    unknown = sorted(properties.keys() - _KNOWN)
    if unknown:
        raise SecurityError(f"kafka.security: the worker does not know {', '.join(unknown)}")
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return None
    if protocol == "SSL":
        return faust.SSLCredentials(context=_context(properties))
    if protocol == "SASL_PLAINTEXT":
        return _sasl(properties, None)
    if protocol == "SASL_SSL":
        return _sasl(properties, _context(properties))
    raise SecurityError(f"kafka.security: security.protocol {protocol} is not known")


def _sasl(properties: Mapping[str, str], context: ssl.SSLContext | None) -> Any:
    mechanism = properties.get("sasl.mechanism") or properties.get("sasl.mechanisms") or ""
    if mechanism not in _MECHANISMS:
        raise SecurityError(
            f"kafka.security: the worker can do {', '.join(_MECHANISMS)}, not {mechanism!r}"
        )
    return faust.SASLCredentials(
        username=properties.get("sasl.username", ""),
        password=properties.get("sasl.password", ""),
        mechanism=mechanism,
        ssl_context=context,
    )


def _context(properties: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=properties.get("ssl.ca.location"))
    certificate = properties.get("ssl.certificate.location")
    if certificate:
        context.load_cert_chain(
            certificate,
            properties.get("ssl.key.location"),
            properties.get("ssl.key.password"),
        )
    return context
