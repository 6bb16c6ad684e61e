"""The topics as declared."""

import pytest

from schemas import topics
from schemas.settings import KafkaSettings, Settings
from streams import admin


def test_every_topic_is_declared_once() -> None:
    specs = admin.specs(Settings(kafka=KafkaSettings(partitions=5)))
    names = [spec.name for spec in specs]
    assert sorted(names) == sorted(
        {
            *topics.EVENTS,
            topics.DEAD_LETTERS,
            topics.DIRECTORY,
            topics.LIFE,
            topics.EXPERIMENTS,
            topics.BATCHES,
            topics.ENRICHED,
            topics.STEPS,
            topics.PANES,
            topics.INDICATORS,
            *(topics.state_topic(agent) for agent in topics.AGENTS),
        }
    )
    single = {topics.DEAD_LETTERS, topics.DIRECTORY, topics.LIFE, topics.EXPERIMENTS}
    assert {spec.name for spec in specs if spec.partitions == 1} == single
    assert {spec.partitions for spec in specs if spec.name not in single} == {5}


def test_state_is_kept_for_ever_and_the_directory_compacted() -> None:
    config = {spec.name: spec.config for spec in admin.specs(Settings())}
    for agent in topics.AGENTS:
        assert config[topics.state_topic(agent)]["retention.ms"] == "-1"
        assert config[topics.state_topic(agent)]["cleanup.policy"] == "delete"
    assert config[topics.DIRECTORY] == {"cleanup.policy": "compact", "min.insync.replicas": "1"}
    assert config[topics.LIFE] == config[topics.DIRECTORY]


def test_only_what_can_be_made_again_is_ever_deleted() -> None:
    kept = {spec.name for spec in admin.specs(Settings())} - {*topics.REMADE}
    assert kept == {
        *topics.EVENTS, topics.DEAD_LETTERS, topics.DIRECTORY, topics.LIFE, topics.EXPERIMENTS,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("replication", "wish", "in_sync"),
    [(1, 0, "1"), (2, 0, "1"), (3, 0, "2"), (3, 1, "1"), (3, 3, "3")],
)
def test_a_record_is_on_several_brokers_before_it_counts(
    replication: int, wish: int, in_sync: str
) -> None:
    settings = Settings(kafka=KafkaSettings(replication=replication, min_insync=wish))
    assert {spec.config["min.insync.replicas"] for spec in admin.specs(settings)} == {in_sync}


def test_more_copies_in_sync_than_there_are_is_refused() -> None:
    with pytest.raises(admin.TopicError, match="only 2 copies"):
        admin.specs(Settings(kafka=KafkaSettings(replication=2, min_insync=3)))
