"""The catalog: journeys and indicators, declared once in a file and read from there."""

from streams.catalog.load import Catalog, Indicator, Journey, load, rows_for_store

__all__ = ["Catalog", "Indicator", "Journey", "load", "rows_for_store"]
