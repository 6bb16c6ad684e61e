"""The fields of a multipart form: a long query and its parameters. Pure."""

from email import policy
from email.parser import BytesParser

from sinks.clickhouse.embedded.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, refused


def fields_of(content_type: str, body: bytes) -> dict[str, str]:
    """Name -> text of every field.

    Raises Refused for files (external tables), and for what is no form.
    """
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise refused(BAD_ARGUMENTS, "The body is no multipart form")
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise refused(NOT_IMPLEMENTED, "The embedded store takes no external tables")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise refused(BAD_ARGUMENTS, "A part of the form has no name")
        fields[name] = content.decode(errors="replace")
    return fields
