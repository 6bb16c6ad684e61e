"""The IRIs that code (not the vocabulary file) needs by name."""

from typing import Final

VOIDED: Final = "http://adlnet.gov/expapi/verbs/voided"
SESSION: Final = "https://w3id.org/xapi/video/extensions/session-id"
OWN_EXTENSIONS: Final = "https://w3id.org/uptake/ext/"
"""Scalar values under it become attributes of the event, with this prefix dropped."""
ID_BASIS: Final = OWN_EXTENSIONS + "id_basis"
"""Our mark on an event whose id says nothing about its facts, so that a resend of it is not
recognised: `random` (drawn by the collector) or `record` (from its place in the log)."""
