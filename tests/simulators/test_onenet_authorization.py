"""The Authorization header against vectors computed with two independent tools."""

import random

import pytest

from tests.simulators.callers import FAR_FUTURE, OneNetCaller, header
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud, sign, verify
from tests.simulators.onenet.authorization import BadAuthorization, signature_of

ET = 1893456000
S1 = ("products/100001", "2018-10-31")
S2 = ("products/100001/devices/dev-01", "2018-10-31")
S3 = ("userid/42", "2022-05-01")
VECTORS = [
    (S1, "md5", "vpoJiTWGs6JmJg4h5Q3lhg=="),
    (S1, "sha1", "pBCjKPWEVbMnkMzITn4iNUzmBz4="),
    (S1, "sha256", "d/jjVtVbIX1NaQms6JwYGCAHfV2c37WWr5boL97v+DM="),
    (S2, "md5", "2hJ6nQ5iyaxixIpeTnMpGw=="),
    (S2, "sha1", "SlX389c16WM60LLQ5jtSPzexPaE="),
    (S2, "sha256", "6MJVacvY/ySy/7HTyLfnQb7Bj61zFdjz30jejGH74Q4="),
    (S3, "md5", "zKzgFZyCZGlHgx7PlcbIKA=="),
    (S3, "sha1", "97vtPHePfQzODrqN9NKgaHettQE="),
    (S3, "sha256", "rmhMRSBUecmus3Pf4EA6NMB1krvRIHV555vWLeqZa1c="),
]


@pytest.mark.parametrize(("what", "method", "expected"), VECTORS)
def test_vectors(what: tuple[str, str], method: str, expected: str) -> None:
    """Every published vector comes out as published, and its header is accepted."""
    resource, version = what
    signature = signature_of(resource=resource, key=KEY, expires=str(ET), method=method, version=version)
    assert signature == expected
    full = sign(resource=resource, key=KEY, expires=ET, method=method, version=version)
    assert verify(full, keys={resource: KEY}, now=ET) == resource


def test_a_key_used_without_decoding_is_refused() -> None:
    """The classic mistake, signing with the base64 text itself, does not pass."""
    wrong = (
        f"version=2018-10-31&res=products%2F100001&et={ET}&method=sha1&sign=BxvbApl0e8AW6uZXodPbaMF9wEs%3D"
    )
    with pytest.raises(BadAuthorization, match="wrong sign"):
        verify(wrong, keys={RESOURCE: KEY}, now=ET)


def test_the_order_of_parameters_is_free() -> None:
    """Any permutation of the five says the same."""
    pairs = header().split("&")
    random.Random(1).shuffle(pairs)
    assert verify("&".join(pairs), keys={RESOURCE: KEY}, now=0) == RESOURCE


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "Bearer abc",
        header() + "&et=1",
        header() + "&nonce=1",
        header().replace("method=sha256", "method=SHA256"),
        header().replace("method=sha256", "method=sha512"),
        header().replace("et=", "et=-"),
        header().replace(f"et={FAR_FUTURE}", "et=soon"),
        header().replace("2018-10-31", "2018-10-32"),
        header().replace("100001", "100002"),
        header().partition("&")[2],
        header(key="AAAA"),
        header(expires=999),
    ],
)
async def test_a_bad_header_gets_errno_1(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller, broken: str
) -> None:
    """Whatever is wrong with it, the reply is HTTP 200 with errno 1 and nothing happens."""
    url = onenet_device.url + "/ota/south/check"
    query = {"dev_id": "527776559", "manuf": "0", "model": "0", "type": "2", "version": "2.0"}
    async with onenet_device.session.get(url, params=query, headers={"Authorization": broken}) as response:
        assert (response.status, (await response.json())["errno"]) == (200, 1)
    assert onenet_cloud.tasks["527776559", 2].is_active


async def test_et_is_in_seconds_and_compared_with_the_clock(
    onenet_cloud: OneNetCloud, onenet_device: OneNetCaller
) -> None:
    """A header is good up to the second that it names."""
    onenet_cloud.clock = lambda: float(FAR_FUTURE)
    assert (await onenet_device.check())["errno"] == 0
    onenet_cloud.clock = lambda: FAR_FUTURE + 1.0
    assert (await onenet_device.check())["errno"] == 1
