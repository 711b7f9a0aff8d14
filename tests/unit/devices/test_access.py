"""A device gets in by its product's own login, and then touches only its own topics."""

import pytest

from gateway.devices.access import Authentication, Credential, DeviceAccess, Product, hash_secret
from gateway.devices.dialects import DIALECTS
from gateway.errors import ConfigError, Denied, Scope
from gateway.model.identity import DeviceId
from gateway.ports.devices import Access, Login

#: 2026-01-01.
NOW = 1_767_225_600.0
#: Before 2024: a box that woke without a clock.
NO_CLOCK = 86_400.0
#: Bytes 00…0f and 00…1f, as a cloud shows a device key.
TENCENT_KEY = "AAECAwQFBgcICQoLDA0ODw=="
ONENET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def clear(secret: str) -> Credential:
    """A credential whose secret the configuration holds in clear."""
    return Credential(secret=lambda: secret)


def product(product_id: str, authentication: str, **devices: Credential) -> Product:
    """A plain product; a device's name is its keyword."""
    return Product(
        id=product_id,
        dialect=DIALECTS["plain"],
        authentication=Authentication(authentication),
        devices={name.replace("_", "-"): credential for name, credential in devices.items()},
    )


def access(*products: Product, now: float = NOW) -> DeviceAccess:
    """Access at a fixed moment."""
    return DeviceAccess(products, wall_clock=lambda: now)


def login(
    username: str | None = None,
    password: str | None = None,
    *,
    client_id: str = "anything",
    certificate_name: str | None = None,
) -> Login:
    """A CONNECT."""
    return Login(
        client_id=client_id,
        username=username,
        password=password,
        address="192.0.2.7",
        certificate_name=certificate_name,
    )


@pytest.mark.parametrize(
    "credential",
    [clear("s3cret"), Credential(secret_hash=hash_secret("s3cret", "sha256"))],
    ids=["clear", "hashed"],
)
async def test_a_password_proves_a_device(credential: Credential) -> None:
    """The product and name with the right secret get in, whatever the client id."""
    door = access(product("P1", "password", dev01=credential))

    assert await door.authenticate(login("P1/dev01", "s3cret")) == DeviceId("P1", "dev01")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("P1/dev01", "wrong"),
        ("P1/dev01", ""),
        ("P1/dev01", None),
        ("P1/dev01", "\udcff"),
        ("P1/dev02", "s3cret"),
        ("P2/dev01", "s3cret"),
        ("P1dev01", "s3cret"),
        ("P1/dev01/", "s3cret"),
        ("", "s3cret"),
        (None, "s3cret"),
        (None, None),
    ],
)
async def test_any_other_name_or_password_is_refused(username: str | None, password: str | None) -> None:
    """A wrong password, an unknown device and half a login are all just refused."""
    door = access(product("P1", "password", dev01=clear("s3cret")))

    assert await door.authenticate(login(username, password)) is None


# Recipe: printf '%s' "$USERNAME" | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…0e0f  (or -sha1)
TENCENT_LOGINS = [
    (
        "PR0DUCT01dev01;12010126;Ab3dE;1893456000",
        "0ebf2c1b02e57b058f899c18bc94cc9bd1cea75edf0691f5557e12947b995a55;hmacsha256",
    ),
    ("PR0DUCT01dev01;12010126;Ab3dE;1893456000", "e4f983cd3cc04c0bf62b624dfbe2ccde8b9b39b8;hmacsha1"),
    (
        "PR0DUCT01dev01;12010126;Ab3dE;1893456000000",
        "44e51345fe976a3fe1c0935b75536c857aeda0b25d4cd6279542395db05b883e;hmacsha256",
    ),
    ("PR0DUCT01dev01;12010126;Ab3dE;1893456000000", "b2f952faf26104c9ba263a5bc36b9cdb33e93496;hmacsha1"),
    (
        "PR0DUCT01dev01;12010126;Ab3dE;9223372036854775807",
        "6c1ed28f849d7bbe0d0121c4427541bec6bdf4aadef120adcb37068032d2d58e;hmacsha256",
    ),
    (
        "PR0DUCT01dev01;12010126;Ab3dE;9223372036854775807",
        "bf666e8f806683b1a5d332d3e94a80c65d8fa52c;hmacsha1",
    ),
]


@pytest.mark.parametrize(("username", "password"), TENCENT_LOGINS)
async def test_a_tencent_sdk_gets_in(username: str, password: str) -> None:
    """Both HMACs are taken, with an expiry in seconds, in milliseconds and as LONG_MAX."""
    door = access(product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY)))

    assert await door.authenticate(login(username, password)) == DeviceId("PR0DUCT01", "dev01")


@pytest.mark.parametrize(
    ("username", "password"),
    [
        (TENCENT_LOGINS[0][0], TENCENT_LOGINS[2][1]),
        (TENCENT_LOGINS[0][0], TENCENT_LOGINS[0][1].replace("hmacsha256", "hmacsha1")),
        (TENCENT_LOGINS[0][0], TENCENT_LOGINS[0][1].replace("hmacsha256", "none")),
        (TENCENT_LOGINS[0][0], ";hmacsha256"),
        (TENCENT_LOGINS[0][0], "\udcff;hmacsha256"),
        (TENCENT_LOGINS[0][0], TENCENT_LOGINS[0][1].partition(";")[0]),
        (TENCENT_LOGINS[0][0], None),
        (TENCENT_LOGINS[0][0].replace("dev01", "dev02"), TENCENT_LOGINS[0][1]),
        (TENCENT_LOGINS[0][0] + ";", TENCENT_LOGINS[0][1]),
        ("PR0DUCT01dev01", TENCENT_LOGINS[0][1]),
        (None, TENCENT_LOGINS[0][1]),
    ],
)
async def test_a_tencent_login_that_does_not_verify_is_refused(
    username: str | None, password: str | None
) -> None:
    """A signature of another name, expiry or method, and one that is no signature, prove nothing."""
    door = access(product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY)))

    assert await door.authenticate(login(username, password)) is None


@pytest.mark.parametrize(("username", "password"), TENCENT_LOGINS[:4])
async def test_an_expired_tencent_login_is_refused(username: str, password: str) -> None:
    """One second after its expiry a login is refused."""
    door = access(product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY)), now=1_893_456_001.0)

    assert await door.authenticate(login(username, password)) is None


async def test_a_clock_that_was_never_set_locks_nobody_out() -> None:
    """A login that ended in 2021 is taken while the gateway's own clock says 1970.

    Recipe as above, with expiry 1609459200.
    """
    username = "PR0DUCT01dev01;12010126;Ab3dE;1609459200"
    password = "8f2dbb888e2426ff829a5eda122da6389db9ca9c28232370cbc7c7ec6c46ed24;hmacsha256"
    known = product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY))

    assert await access(known, now=NO_CLOCK).authenticate(login(username, password)) is not None
    assert await access(known, now=NOW).authenticate(login(username, password)) is None


async def test_two_clocks_that_were_never_set_need_not_agree() -> None:
    """A device that counts from 1970 signs an end in 1970, which a gateway that was switched on before has passed.

    Recipes as above, with 3600 for the expiry and for et; once the gateway's clock is set, both have ended.
    """
    tencent = login(
        "PR0DUCT01dev01;12010126;Ab3dE;3600",
        "b51064efac573e554687050875efc35f345d9f8f13f43314ff9de4c262d531de;hmacsha256",
    )
    signed = token(sign="e4EMdnEckUL3UBQlbUV5eZB4oVyq6Lm5M1e+yitG3o8=").replace("1893456000", "3600")
    one = login("100001", signed, client_id="dev-01")
    known = product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY))

    assert await access(known, now=NO_CLOCK).authenticate(tencent) == DeviceId("PR0DUCT01", "dev01")
    assert await onenet(now=NO_CLOCK).authenticate(one) == DeviceId("100001", "dev-01")
    assert await access(known).authenticate(tencent) is None
    assert await onenet().authenticate(one) is None


async def test_an_end_that_is_no_number_has_passed() -> None:
    """A login that is signed but says no end would be good for ever: it is refused, with either vendor's form.

    Recipes as above, with `never` for the expiry and for et.
    """
    tencent = login(
        "PR0DUCT01dev01;12010126;Ab3dE;never",
        "a75a3203b469a78ca7d0720cf7f059e2560f86126f541fc86807ce3485a7c91c;hmacsha256",
    )
    signed = token(sign="6fktrWiHddMnWFL7zmzFkM0Gf2pOCpoZqtkBVsblwo8=").replace("1893456000", "never")
    door = access(product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY)))

    assert await door.authenticate(tencent) is None
    assert await onenet().authenticate(login("100001", signed, client_id="dev-01")) is None


async def test_two_devices_with_one_spelling_are_told_apart_by_their_keys() -> None:
    """PR0DUCT01 + dev01 and PR0DUCT0 + 1dev01 are written alike; the key says who it is."""
    door = access(
        product("PR0DUCT0", "tencent", **{"1dev01": clear(ONENET_KEY)}),
        product("PR0DUCT01", "tencent", dev01=clear(TENCENT_KEY)),
    )

    assert await door.authenticate(login(*TENCENT_LOGINS[0])) == DeviceId("PR0DUCT01", "dev01")


async def test_a_key_that_cannot_be_read_any_more_lets_nobody_in() -> None:
    """A secret file that vanished after the start refuses its device instead of raising."""
    secrets = [TENCENT_KEY]

    def read_file() -> str:
        if not secrets:
            raise Denied(Scope.LANE, "secret_missing", "the file dev01-secret cannot be read")
        return secrets.pop()

    door = access(product("PR0DUCT01", "tencent", dev01=Credential(secret=read_file)))

    assert await door.authenticate(login(*TENCENT_LOGINS[0])) is None


# Signatures S2 and S1 of the OneNET algorithm: base64 of HMAC(key, "et\nmethod\nres\nversion"), by openssl.
ONENET_SIGNS = {
    "md5": "2hJ6nQ5iyaxixIpeTnMpGw==",
    "sha1": "SlX389c16WM60LLQ5jtSPzexPaE=",
    "sha256": "6MJVacvY/ySy/7HTyLfnQb7Bj61zFdjz30jejGH74Q4=",
}
PRODUCT_SIGN = "d/jjVtVbIX1NaQms6JwYGCAHfV2c37WWr5boL97v+DM="


def token(
    method: str = "sha256", sign: str | None = None, res: str = "products/100001/devices/dev-01"
) -> str:
    """The token of OneNET's SDK, un-encoded."""
    return f"version=2018-10-31&res={res}&et=1893456000&method={method}&sign={sign or ONENET_SIGNS[method]}"


def encoded(plain: str) -> str:
    """Encode what the vendor's table encodes in the values."""
    head, _, sign = plain.rpartition("sign=")
    for character, escape in (("%", "%25"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
        sign = sign.replace(character, escape)
    return head.replace("products/100001/devices/", "products%2F100001%2Fdevices%2F") + "sign=" + sign


def onenet(now: float = NOW) -> DeviceAccess:
    """A door with the device of the vectors behind it."""
    return access(product("100001", "onenet", dev_01=clear(ONENET_KEY)), now=now)


@pytest.mark.parametrize("method", list(ONENET_SIGNS))
@pytest.mark.parametrize("form", [str, encoded], ids=["raw", "encoded"])
async def test_a_onenet_sdk_gets_in(method: str, form: type[str]) -> None:
    """A token of the device's own key is taken with each method, its values encoded or not."""
    said = login("100001", form(token(method)), client_id="dev-01")

    assert await onenet().authenticate(said) == DeviceId("100001", "dev-01")


async def test_the_order_of_a_tokens_fields_does_not_matter() -> None:
    """A vendor's own tool writes res first."""
    shuffled = "&".join(sorted(token().split("&"), key=lambda field: field[2]))

    assert await onenet().authenticate(login("100001", shuffled, client_id="dev-01")) is not None


@pytest.mark.parametrize(
    ("username", "client_id", "password"),
    [
        ("100001", "dev-02", token()),
        ("100002", "dev-01", token()),
        ("100001", "dev-01", token(sign=ONENET_SIGNS["md5"])),
        ("100001", "dev-01", token().replace("method=sha256", "method=sha512")),
        ("100001", "dev-01", token().replace("et=1893456000", "et=1893456001")),
        ("100001", "dev-01", token().replace("et=1893456000&", "")),
        ("100001", "dev-01", token(sign=PRODUCT_SIGN, res="products/100001")),
        ("100001", "dev-01", token(sign="\udcff")),
        ("100001", "dev-01", token() + "&x=" + "y" * 1024),
        ("100001", "dev-01", "&&="),
        ("100001", "dev-01", None),
        (None, "dev-01", token()),
        ("100001", "dev-02", token(res="products/100001/devices/dev-02")),
    ],
)
async def test_a_onenet_token_that_does_not_verify_is_refused(
    username: str | None, client_id: str, password: str | None
) -> None:
    """A token of another device, of a whole product, or one that was changed, proves nothing."""
    assert await onenet().authenticate(login(username, password, client_id=client_id)) is None


async def test_an_expired_onenet_token_is_refused_unless_the_clock_is_unset() -> None:
    """One second after its end a token is refused; a clock of 1970 refuses nobody."""
    said = login("100001", token(), client_id="dev-01")

    assert await onenet(now=1_893_456_001.0).authenticate(said) is None
    assert await onenet(now=NO_CLOCK).authenticate(said) is not None


async def test_a_certificate_names_a_listed_device() -> None:
    """The CN of a verified certificate is the device, if the configuration lists it."""
    door = access(product("P1", "certificate", dev01=Credential()))

    assert await door.authenticate(login(certificate_name="P1/dev01")) == DeviceId("P1", "dev01")
    assert await door.authenticate(login(certificate_name="P1/dev02")) is None
    assert await door.authenticate(login(certificate_name="dev01")) is None
    assert await door.authenticate(login("P1/dev01", "", client_id="P1/dev01")) is None


@pytest.mark.parametrize(
    ("username", "client_id"),
    [("P1/dev01", "x"), (None, "P1/dev01"), ("somebody", "P1/dev01"), ("P1/dev01", "P1/other")],
)
async def test_an_anonymous_product_believes_username_then_client_id(
    username: str | None, client_id: str
) -> None:
    """A device that needs no proof says its name in either place."""
    door = access(product("P1", "anonymous"))

    assert await door.authenticate(login(username, client_id=client_id)) == DeviceId("P1", "dev01")


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a\0", "a\n", "\udcff", "x" * 49])
async def test_an_anonymous_device_needs_a_name_that_fits_a_topic(name: str) -> None:
    """A name with a separator, a wildcard or a control character would reach other devices' topics or logs."""
    door = access(product("P1", "anonymous"))

    assert await door.authenticate(login(f"P1/{name}")) is None


async def test_one_products_login_opens_no_other_product() -> None:
    """A device of a product with a password does not get in as the device of an anonymous one would."""
    door = access(
        product("P1", "anonymous"),
        product("P2", "password", dev01=clear("s3cret")),
        product("P3", "certificate", dev01=Credential()),
    )

    assert await door.authenticate(login("P2/dev01")) is None
    assert await door.authenticate(login("P3/dev01", "s3cret")) is None
    assert await door.authenticate(login(certificate_name="P2/dev01")) is None
    assert await door.authenticate(login("P2/dev01", "s3cret")) == DeviceId("P2", "dev01")


def test_credentials_that_could_never_work_are_all_named_at_once() -> None:
    """Missing and malformed secrets are told together, before start, and never printed."""
    with pytest.raises(ConfigError) as caught:
        access(
            product("P1", "password", dev01=Credential(), dev02=Credential(secret_hash="md5$x")),
            product("P2", "tencent", dev01=clear("not base64!"), dev02=Credential(secret_hash="sha256$x$x")),
            product("P3", "onenet", dev01=clear(ONENET_KEY), dev02=clear("")),
            product("P4", "certificate", dev01=Credential()),
        )

    assert [problem.partition(" ")[0] for problem in caught.value.problems] == [
        "products.P1.devices.dev01",
        "products.P1.devices.dev02",
        "products.P2.devices.dev01",
        "products.P2.devices.dev02",
        "products.P3.devices.dev02",
    ]
    assert "not base64!" not in str(caught.value)


def test_a_device_that_could_never_log_in_is_named_as_in_the_file() -> None:
    """A name that TOML quotes is quoted."""
    with pytest.raises(ConfigError) as caught:
        access(product("P 1", "password", **{"dev.01": Credential()}))

    (problem,) = caught.value.problems
    assert problem.startswith('products."P 1".devices."dev.01" cannot log in: ')


def test_a_device_touches_only_its_own_topics() -> None:
    """Up is for publishing, down for subscribing, and nothing of another device."""
    door: Access = access(product("P1", "anonymous"))
    device = DeviceId("P1", "dev01")

    assert door.may_publish(device, "ota/P1/dev01/report")
    assert door.may_subscribe(device, "ota/P1/dev01/command")
    assert not door.may_publish(device, "ota/P1/dev01/command")
    assert not door.may_subscribe(device, "ota/P1/dev01/report")
    assert not door.may_publish(device, "ota/P1/dev02/report")


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/+/+/+",
        "ota/#",
        "ota/P1/#",
        "ota/P1/+/command",
        "ota/P1/dev01/#",
        "ota/P1/dev01/+",
        "$share/group/ota/P1/dev01/command",
        "$SYS/#",
        "",
    ],
)
def test_a_filter_with_a_wildcard_is_refused(topic_filter: str) -> None:
    """What may match more than the device's own down topics is not subscribed to."""
    assert not access(product("P1", "anonymous")).may_subscribe(DeviceId("P1", "dev01"), topic_filter)


def test_a_device_of_no_configured_product_touches_nothing() -> None:
    """A product that left the configuration has no topics."""
    door = access(product("P1", "anonymous"))

    assert not door.may_publish(DeviceId("P9", "dev01"), "ota/P9/dev01/report")
