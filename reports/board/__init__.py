"""The decision board: a web page on live adoption and its outcomes."""
