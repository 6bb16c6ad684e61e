"""The pure parts of the embedded store: compression, users, forms, Native."""

import gzip
import zlib
from base64 import b64encode
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.embedded import compression, native
from sinks.clickhouse.embedded.errors import Refused, of_engine, refused
from sinks.clickhouse.embedded.forms import fields_of
from sinks.clickhouse.embedded.users import authenticate, reader_password

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lz4.frame.compress,
    "zstd": zstd.compress,
}
PASSWORDS = {"default": "secret", "reader": reader_password("secret")}


@pytest.mark.parametrize("encoding", PACK)
@given(parts=st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_all_frames_of_a_body_are_read(encoding: str, parts: list[bytes]) -> None:
    body = b"".join(map(PACK[encoding], parts))
    assert compression.decompress(body, encoding) == b"".join(parts)


@pytest.mark.parametrize("encoding", PACK)
@given(data=st.data())
def test_a_cut_body_is_refused(encoding: str, data: st.DataObject) -> None:
    body = PACK[encoding](b"some rows") + PACK[encoding](b"more rows")
    whole = len(PACK[encoding](b"some rows"))
    cut = data.draw(st.integers(1, len(body) - 1).filter(lambda at: at != whole))
    with pytest.raises(Refused) as error:
        compression.decompress(body[:cut], encoding)
    assert error.value.code == 36


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Refused) as error:
        compression.decompress(b"x", "br")
    assert error.value.code == 89


@pytest.mark.parametrize("encoding", PACK)
@given(parts=st.lists(st.binary(max_size=200), max_size=5))
def test_answers_are_one_frame(encoding: str, parts: list[bytes]) -> None:
    packer = compression.compressor(encoding)
    body = b"".join(map(packer.compress, parts)) + packer.flush()
    assert compression.decompress(body, encoding) == b"".join(parts)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip, deflate", "gzip"),
        ("lz4,zstd,gzip", "lz4"),
        ("br", ""),
        ("", ""),
        ("zstd;q=1", "zstd"),
    ],
)
def test_choosing_an_encoding(accepted: str, chosen: str) -> None:
    assert compression.choose(accepted) == chosen


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "query", "user"),
    [
        (basic("default", "secret"), {}, "default"),
        ({"x-clickhouse-user": "default", "x-clickhouse-key": "secret"}, {}, "default"),
        ({"x-clickhouse-key": "secret"}, {}, "default"),
        ({}, {"user": "default", "password": "secret"}, "default"),
        ({}, {"password": "secret"}, "default"),
        (basic("reader", PASSWORDS["reader"]), {}, "reader"),
    ],
)
def test_users_are_known(headers: dict[str, str], query: dict[str, str], user: str) -> None:
    assert authenticate(headers, query, PASSWORDS) == user


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        (basic("default", "wrong"), {}),
        (basic("reader", "secret"), {}),
        (basic("nobody", ""), {}),
        ({"authorization": "Basic !"}, {}),
        ({}, {"user": "reader", "password": "secret"}),
    ],
)
def test_others_are_not(headers: dict[str, str], query: dict[str, str]) -> None:
    with pytest.raises(Refused) as error:
        authenticate(headers, query, PASSWORDS)
    assert (error.value.code, error.value.status) == (516, 403)


def test_without_a_password_readers_have_none() -> None:
    assert reader_password("") == ""
    assert reader_password("a") != reader_password("b") != "b"


def test_errors_of_the_engine_keep_number_and_text() -> None:
    text = "Streaming insert finish failed: Code: 27. DB::Exception: Cannot parse. (X)"
    error = of_engine(RuntimeError(text))
    assert (error.code, error.text) == (27, text[text.index("Code") :])
    assert of_engine(RuntimeError("odd")).code == 1001
    assert refused(62, "no").text == "Code: 62. DB::Exception: no (SYNTAX_ERROR)"


FORM = (
    b'--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
    b'--b\r\nContent-Disposition: form-data; name="param_a"\r\n\r\n\xc3\xa4\r\n'
)


def test_fields_of_a_form() -> None:
    kind = "multipart/form-data; boundary=b"
    assert fields_of(kind, FORM + b"--b--\r\n") == {"query": "SELECT {a:String}", "param_a": "ä"}


def test_external_tables_are_refused() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n'
    with pytest.raises(Refused) as error:
        fields_of("multipart/form-data; boundary=b", FORM + part + b"--b--\r\n")
    assert error.value.code == 48


HEAD = b"\x01\x00\x02\xff\xff\xff\xff\x00"


def column(name: bytes, kind: bytes, values: bytes, flag: bytes = b"") -> bytes:
    return bytes([len(name)]) + name + bytes([len(kind)]) + kind + flag + values


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (b"UInt8", b"\x01\x02"),
        (b"Int64", bytes(16)),
        (b"UUID", bytes(32)),
        (b"Bool", b"\x01\x00"),
        (b"String", b"\x01a\x03bcd"),
        (b"FixedString(3)", b"abcdef"),
        (b"DateTime64(3, 'UTC')", bytes(16)),
        (b"DateTime('UTC')", bytes(8)),
        (b"Date32", bytes(8)),
        (b"Nullable(Float64)", b"\x01\x00" + bytes(16)),
        (b"Nullable(String)", b"\x01\x00\x00\x01x"),
        (b"Enum8('a' = 1)", b"\x01\x01"),
        (b"Decimal(9, 2)", bytes(8)),
        (b"Array(String)", bytes([1, *[0] * 7, 3, *[0] * 7]) + b"\x01a\x00\x02bc"),
        (b"Array(UInt16)", bytes(16)),
        (b"Map(String, UInt8)", bytes([0, *[0] * 7, 1, *[0] * 7]) + b"\x01k\x07"),
        (
            b"LowCardinality(String)",
            b"\x01"
            + bytes(7)
            + b"\x01\x06"
            + bytes(6)
            + b"\x02"
            + bytes(7)
            + b"\x00\x01a"
            + b"\x02"
            + bytes(7)
            + b"\x01\x00\x00\x00",
        ),
        (b"Tuple(UInt8, String)", b"\x01\x02\x01a\x01b"),
    ],
)
def test_native_blocks_get_head_and_flags(kind: bytes, values: bytes) -> None:
    last = column(b"z", b"UInt8", b"\x08\x09")
    plain = b"\x02\x02" + column(b"a", kind, values) + last
    framed = HEAD + b"\x02\x02" + column(b"a", kind, values, b"\x00")
    framed += column(b"z", b"UInt8", b"\x08\x09", b"\x00")
    assert native.reframe(plain * 2) == framed * 2


def test_native_without_rows() -> None:
    plain = b"\x01\x00" + column(b"a", b"Array(String)", b"")
    assert native.reframe(plain) == HEAD + b"\x01\x00" + column(
        b"a", b"Array(String)", b"", b"\x00"
    )
    assert native.reframe(b"") == b""
