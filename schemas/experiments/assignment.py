"""Who gets which variant: a hash, so that the same unit always gets the same one, anywhere.

The rule, to be repeated in any language (test vectors: assignment_vectors.json beside this file):

1. text = experiment name, a line feed (U+000A), unit; in UTF-8.
2. number = the first six bytes of SHA-256(text), read as an unsigned integer, highest byte first.
   It is below 2^48, so a language whose numbers are doubles holds it exactly.
3. place = number modulo the sum of the variants' weights.
4. Go through the variants in the order of the definition; the first whose weight is above `place`
   is the one; else subtract its weight from `place` and go on.

The unit of a team is its name in the directory. The unit of a learner is issuer, line feed,
identifier, the pair by which events and directory know the person (schemas/identity.py; an address:
`mailto`, line feed, the address with its domain in lower case).
"""

from collections.abc import Mapping
from hashlib import sha256

_BYTES = 6
_SEPARATOR = "\n"


class AssignmentError(ValueError):
    """No variant can be said; the text says why."""


def learner_unit(issuer: str, identifier: str) -> str:
    """The unit of a learner. Raises AssignmentError."""
    if not issuer or not identifier or _SEPARATOR in issuer or _SEPARATOR in identifier:
        raise AssignmentError("issuer and identifier are needed, without line feeds")
    return issuer + _SEPARATOR + identifier


def assign(experiment: str, unit: str, weights: Mapping[str, int]) -> str:
    """The variant of `unit`. `weights`: variant -> weight, in the order of the definition.

    Raises AssignmentError. Adding an experiment, or stopping one, changes no other assignment.
    Moving weight between neighbours while the sum stays equal moves only units between them.
    """
    if not unit:
        raise AssignmentError("the unit is empty")
    if _SEPARATOR in experiment or not weights or min(weights.values()) < 1:
        raise AssignmentError("a name without line feed and weights above 0 are needed")
    digest = sha256(f"{experiment}{_SEPARATOR}{unit}".encode()).digest()
    place = int.from_bytes(digest[:_BYTES], "big") % sum(weights.values())
    for variant, weight in weights.items():
        if place < weight:
            return variant
        place -= weight
    raise AssertionError("the place lies below the sum of the weights")
