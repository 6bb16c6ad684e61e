"""Adapters: what one tool says, as our compact events. One file an emitter, pure functions."""
