-- Journeys whose key is an attribute, and indicators by more than team, manager and region.

ALTER TABLE {{database}}.catalog
    ADD COLUMN IF NOT EXISTS breakdowns Array(String) COMMENT 'Further kinds of cohorts of the indicator; parts of a kind are joined by +' AFTER board;

ALTER TABLE {{database}}.journeys
    ADD COLUMN IF NOT EXISTS key String COMMENT 'Attribute that names the key of an event; empty, or where the event lacks it: the object is the key' AFTER signals;
