"""Consent in the order of the log."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.consent import ConsentEntry
from schemas.records import Event
from streams.model.consents import Consents
from tests.unit.model.pipeline import PlainRows

ANN, EVE = bytes([1]) * 16, bytes([2]) * 16
DECISIONS = st.lists(
    st.builds(
        ConsentEntry, st.sampled_from([ANN, EVE]), st.booleans(), st.booleans(), st.booleans()
    )
)


def event(learner: bytes) -> Event:
    return Event(2, 1, 5, 3, 20, bytes(16), learner, 10, "v", "o", "t", attributes={"note": "x"})


@given(before=DECISIONS, after=DECISIONS)
def test_the_last_decision_counts_also_after_a_recovery(
    before: list[ConsentEntry], after: list[ConsentEntry]
) -> None:
    rows = PlainRows()
    consents = Consents(rows)
    for entry in before:
        consents.take(entry)
    rows.encode()
    consents = Consents(rows)
    consents.recovered()
    for entry in after:
        consents.take(entry)
    for learner in (ANN, EVE):
        said = [entry for entry in (*before, *after) if entry.learner == learner]
        last = said[-1] if said and not said[-1].removed else ConsentEntry(learner)
        asked = event(learner)
        out = consents.opted_out(asked)
        assert (out is not None) == last.opted_out
        if out is None:
            assert ("note" in asked.attributes) == last.notes
        else:
            assert (out.source, out.partition, out.offset, out.generation) == (2, 1, 5, 3)
