"""Pictures: checked, encoded anew, served; fetched from public addresses only."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import PIL.Image
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Q
from django.test import Client

from apps.product import fetching, picture_files, pictures, services, thumbnails
from apps.product.importing import named_pictures
from apps.product.models import Image, Variant
from tests.order.world import Tuned
from tests.product.test_putting import chair

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = "/product/products/C-RED/pictures"


@pytest.fixture(autouse=True)
def product(transactional_db: None) -> None:
    services.put_products(drafts=[chair(images=())])


@pytest.fixture
def tuned() -> Iterator[Tuned]:
    change = Tuned()
    yield change
    change.restore()


def drawn(width: int = 600, height: int = 400, kind: str = "PNG", **more: Any) -> bytes:
    out = io.BytesIO()
    PIL.Image.new("RGB", (width, height), (width % 255, 90, 90)).save(out, kind, **more)
    return out.getvalue()


def upload(staff: Client, data: bytes, **fields: str) -> Any:
    return staff.post(PICTURES, {"file": SimpleUploadedFile("a.png", data), **fields})


def test_an_upload_is_served_in_modern_formats(staff: Client) -> None:
    """In three sizes, none larger than the picture, for ever under its address; on the product's page and in lists."""
    made = upload(staff, drawn(), alt="Front")
    assert (made.status_code, made.json()["state"]) == (201, "ready"), made.content
    (shown,) = Client().get("/product/products/C-RED").json()["images"]
    assert (shown["alt"], shown["width"], shown["height"]) == ("Front", 600, 400)
    assert {(file["width"], file["format"]) for file in shown["thumbnails"]} == {
        (width, kind) for width in (160, 480, 600) for kind in ("avif", "webp")
    }
    for file in shown["thumbnails"]:
        served = Client().get(file["url"])
        assert (served.status_code, served["Content-Type"]) == (200, f"image/{file['format']}")
        assert "immutable" in served["Cache-Control"]
        assert PIL.Image.open(io.BytesIO(b"".join(served.streaming_content))).width == file["width"]  # type: ignore[attr-defined]
    (listed,) = Client().get("/product/products").json()["results"]
    assert listed["image"] == {key: value for key, value in shown.items() if key != "id"}


def test_nothing_but_the_pixels_is_kept(staff: Client) -> None:
    """What a camera writes into a file is gone; its turn is applied."""
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"  # turned by a quarter; a description
    upload(staff, drawn(60, 40, "JPEG", exif=exif))
    (shown,) = Client().get("/product/products/C-RED").json()["images"]
    assert (shown["width"], shown["height"]) == (40, 60)
    served = b"".join(Client().get(shown["thumbnails"][-1]["url"]).streaming_content)  # type: ignore[attr-defined]
    assert b"at home" not in served


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"GIF89a", drawn()[:200], b"%PDF-1.4"], ids=range(5))
def test_what_is_no_picture_is_refused(staff: Client, data: bytes) -> None:
    """400 naming the file; nothing is left."""
    answer = upload(staff, data)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["file"])
    assert not Image.objects.exists()


def test_a_bomb_is_refused_unopened() -> None:
    """A small file that claims more pixels than may be unpacked."""
    with pytest.raises(pictures.BadPicture, match="million pixels"):
        pictures.check(drawn(9000, 9000, "PNG"))


def test_staff_order_and_remove_pictures(staff: Client) -> None:
    """The order names each picture once; a removed one is no variant's any more."""
    first, second = (upload(staff, drawn(width)).json()["id"] for width in (100, 200))
    Variant.objects.filter(sku="C-RED").update(image=first)
    order = {"order": [second, first]}
    shown = staff.patch(PICTURES, order, content_type="application/json").json()
    assert [picture["id"] for picture in shown] == [second, first]
    half = staff.patch(PICTURES, {"order": [second]}, content_type="application/json")
    assert half.json()["type"].endswith("unknown-picture")
    assert staff.delete(f"{PICTURES}/{first}").status_code == 204
    assert (staff.delete(f"{PICTURES}/{first}").status_code, Variant.objects.get(sku="C-RED").image) == (404, None)
    assert Client().post(PICTURES, {"address": "http://example.com/a.png"}).status_code == 401


@pytest.mark.parametrize("path", ["pictures/../../settings.py", "pictures/x/160.webp", f"pictures/{'a' * 64}/160.webp"])
def test_only_pictures_are_served(path: str) -> None:
    """404 for every other name."""
    assert Client().get(f"/product/media/{path}").status_code == 404


PRIVATE = """
127.0.0.1 10.0.0.1 169.254.169.254 192.168.1.1 100.64.0.1 0.0.0.0 224.0.0.1
::1 fe80::1%eth0 fc00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1::1 2001:0:a00:1::1 ff02::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_are_not_public(address: str) -> None:
    """Nor are those that stand for one."""
    assert not fetching.is_public(address)


class Host(BaseHTTPRequestHandler):
    """Answers by path: a picture, a redirect, too much, nothing of use."""

    def do_GET(self) -> None:
        body, status = {"/a.png": (drawn(), 200), "/big": (b"x" * 100_000, 200)}.get(self.path, (b"", 404))
        name, _, target = self.path.partition("?")
        target = {"/moved": "/a.png", "/round": "/round"}.get(name, unquote(target))
        self.send_response(302 if target else status)
        self.send_header("Location", target)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_picture_is_fetched(host: str, tuned: Tuned, staff: Client) -> None:
    """Also by way of a redirect; once."""
    tuned(fetch_private=True)
    staff.post(PICTURES, {"address": f"{host}/moved", "alt": "x"}, content_type="application/json")
    assert (pictures.fetch_due(), pictures.fetch_due()) == (1, 0)
    (shown,) = Client().get("/product/products/C-RED").json()["images"]
    assert shown["width"] == 600


def test_a_private_address_is_never_connected_to(host: str) -> None:
    """It is tried again later like any other, and given up."""
    services.put_products(drafts=[chair()])
    Image.objects.filter(address="https://example.com/a.png").update(address=f"{host}/a.png")
    for _ in range(4):
        _make_due()
        assert pictures.fetch_due() == 1
    image = Image.objects.get(address=f"{host}/a.png")
    assert (image.state, image.error) == ("failed", "its address is not a public one")
    assert Image.objects.get(address="b.png").state == "waiting"  # a file name waits for who brought it


class Internet:
    """What is outside: ``names`` resolve as they say, every public address leads to ``host``.

    ``reached`` is whatever was connected to, in the form in which it was named.
    """

    PUBLIC = "93.184.215.14"

    def __init__(self, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[str]] = {"shop.example": [self.PUBLIC]}
        self.reached: list[str] = []
        self._host = urlsplit(host).port
        self._resolve, self._connect = socket.getaddrinfo, socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)
        monkeypatch.setattr(socket, "create_connection", self.connect)

    def resolve(self, name: str, port: int, *args: Any, **kwargs: Any) -> Any:
        found = [self._resolve(each, port, *args, **kwargs) for each in self.names.get(name, [name])]
        return [info for each in found for info in each]

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.reached.append(address[0])
        return self._connect(("127.0.0.1", self._host if address[0] == self.PUBLIC else address[1]), timeout)


@pytest.fixture
def internet(host: str, monkeypatch: pytest.MonkeyPatch) -> Internet:
    return Internet(host, monkeypatch)


INSIDE = """
http://10.0.0.1/a.png https://10.0.0.1/a.png http://169.254.169.254/a.png http://2130706433/a.png http://0x7f.1/a.png
http://[::1]/a.png http://[::ffff:10.0.0.1]/a.png http://[64:ff9b::a00:1]/a.png http://inside.example/a.png
http://mapped.example/a.png https://inside.example/a.png http://shop.example@10.0.0.1/a.png //10.0.0.1/a.png
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_no_address_leads_inside(internet: Internet, address: str) -> None:
    """However it is spelt, whatever a name resolves to, at first or after a redirect: nothing is connected to."""
    internet.names |= {"inside.example": ["10.0.0.1"], "mapped.example": ["::ffff:10.0.0.1"]}
    if not address.startswith("//"):
        with pytest.raises(fetching.Unreachable, match="its address is not a public one"):
            fetching.read(address, most_bytes=50_000)
        assert internet.reached == []
    with pytest.raises(fetching.Unreachable, match="its address is not a public one"):
        fetching.read(f"http://shop.example/to?{address}", most_bytes=50_000)
    assert internet.reached == [internet.PUBLIC]


def test_what_was_checked_is_what_is_connected_to(internet: Internet) -> None:
    """Of a name's addresses the public one, and never the name: it may resolve otherwise by then."""
    internet.names["both.example"] = ["10.0.0.1", internet.PUBLIC]
    for name in ("shop.example", "both.example"):
        assert fetching.read(f"http://{name}/to?/a.png", most_bytes=50_000)
    assert internet.reached == [internet.PUBLIC] * 4


UNREACHABLE: dict[str, Callable[[str], str]] = {
    "answered 404": lambda host: f"{host}/none",
    "redirected too often": lambda host: f"{host}/round",
    "not an http or https address": lambda host: "ftp://example.com/a.png",
    "more than 0 MB": lambda host: f"{host}/big",
}


@pytest.mark.parametrize("why", UNREACHABLE)
def test_what_cannot_be_fetched_says_why(host: str, tuned: Tuned, why: str) -> None:
    """In words for staff."""
    tuned(fetch_private=True)
    with pytest.raises(fetching.Unreachable, match=why):
        fetching.read(UNREACHABLE[why](host), most_bytes=50_000)


def test_an_unreachable_picture_blocks_nothing(tuned: Tuned, host: str) -> None:
    """The next one is fetched at once; the first waits for its next attempt."""
    tuned(fetch_private=True)
    pictures.add_address(sku="C-RED", address=f"{host}/none")
    pictures.add_address(sku="C-RED", address=f"{host}/a.png")
    assert [pictures.fetch_due() for _ in range(3)] == [1, 1, 0]
    assert list(Image.objects.order_by("id").values_list("state", "error")) == [
        ("waiting", "answered 404"),
        ("ready", ""),
    ]


def test_a_waiting_picture_is_one_workers_at_a_time(product: None) -> None:
    """Whoever has it has it for a while, and is the only one that knows how often it was tried."""
    added = pictures.add_address(sku="C-RED", address="https://example.com/x.png")
    assert pictures.claim(Q()) == pictures.Claim(added.pk, "https://example.com/x.png", 1)
    assert pictures.claim(Q()) is None
    _make_due()
    assert pictures.claim(Q()) == pictures.Claim(added.pk, "https://example.com/x.png", 2)


def test_addresses_are_not_file_names(product: None) -> None:
    """Who stores the files that came with an import leaves to the fetcher what has an address."""
    pictures.add_address(sku="C-RED", address="https://example.com/x.png")
    assert named_pictures.store_due() == 0
    assert Image.objects.get().state == "waiting"


def test_what_is_no_picture_is_not_asked_for_again(host: str, tuned: Tuned) -> None:
    """The address answers, and with something else: that is final."""
    tuned(fetch_private=True)
    pictures.add_address(sku="C-RED", address=f"{host}/big")
    assert pictures.fetch_due() == 1
    image = Image.objects.get()
    assert (image.state, image.error) == ("failed", "This is no picture in JPEG, PNG, WebP, AVIF or GIF.")


def test_a_product_has_so_many_pictures_at_most(staff: Client) -> None:
    """One more is refused, whichever way it comes."""
    owner = Variant.objects.get(sku="C-RED").product
    Image.objects.bulk_create(Image(product=owner, position=n) for n in range(pictures.MOST))
    refused = [
        upload(staff, drawn()),
        staff.post(PICTURES, {"address": "https://example.com/x.png"}, content_type="application/json"),
    ]
    assert [answer.status_code // 100 for answer in refused] == [4, 4]
    assert Image.objects.count() == pictures.MOST


def _make_due() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE product_image SET due_at = now() WHERE state = 'waiting'")


def test_files_broken_off_half_way_are_written_anew() -> None:
    """The largest file is written last: while it is missing, none of the others is believed."""
    data = drawn(50, 50)
    kept = picture_files.keep(data)
    small = thumbnails.path(kept.digest, "160.webp")
    default_storage.delete(thumbnails.path(kept.digest, thumbnails.ORIGINAL))
    default_storage.delete(small)
    default_storage.save(small, ContentFile(b"RIFF"))
    picture_files.keep(data)
    with default_storage.open(small) as file:
        assert PIL.Image.open(file).size == (50, 50)
