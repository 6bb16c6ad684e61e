"""The topics as declared."""

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
            topics.BATCHES,
            topics.ENRICHED,
            topics.STEPS,
            topics.PANES,
            topics.INDICATORS,
            *(topics.state_topic(agent) for agent in topics.AGENTS),
        }
    )
    single = {topics.DEAD_LETTERS, topics.DIRECTORY, topics.LIFE}
    assert {spec.name for spec in specs if spec.partitions == 1} == single
    assert {spec.partitions for spec in specs if spec.name not in single} == {5}


def test_state_is_kept_for_ever_and_the_directory_compacted() -> None:
    config = {spec.name: spec.config for spec in admin.specs(Settings())}
    for agent in topics.AGENTS:
        assert config[topics.state_topic(agent)]["retention.ms"] == "-1"
        assert config[topics.state_topic(agent)]["cleanup.policy"] == "delete"
    assert config[topics.DIRECTORY] == {"cleanup.policy": "compact"}
    assert config[topics.LIFE] == {"cleanup.policy": "compact"}


def test_only_what_can_be_made_again_is_ever_deleted() -> None:
    kept = {spec.name for spec in admin.specs(Settings())} - {*topics.REMADE}
    assert kept == {*topics.EVENTS, topics.DEAD_LETTERS, topics.DIRECTORY, topics.LIFE}
