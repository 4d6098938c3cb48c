"""Addresses and keys of a vision model's server: plain, and never repeated."""

from __future__ import annotations

import pytest

from framegate.errors import SettingsInvalid
from framegate.models.vision.address import base_address, bearer


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1",
        "host:8000/v1",
        "http:///v1",
        "http://host:99999/v1",
        "http://host/v1?key=1",
        "file:///etc/passwd",
        "",
    ],
)
def test_an_address_is_plain_http(url: str) -> None:
    with pytest.raises(SettingsInvalid):
        base_address(url)


def test_an_address_holds_no_password_and_it_is_not_repeated() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        base_address("http://me:s3cret@host/v1")
    assert "s3cret" not in str(caught.value)
    assert base_address(" https://host:8000/v1/ ") == "https://host:8000/v1"


@pytest.mark.parametrize("key", ["s3cret\nX-Else: 1", "s3 cret", "s3crét", "s3cret\x00"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        bearer(key)
    assert "s3" not in str(caught.value)
    assert bearer(" s3cret\n") == "s3cret"
