"""The version of this code: in the package's metadata, in metrics and in dead letters."""

VERSION = "0.1.0"
