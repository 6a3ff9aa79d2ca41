"""The FastCGI protocol: records in any shape, peers of any manner."""
import contextlib
import socket
import struct
import threading
import time

import pytest

from harness import fastcgi
from harness.browser import other
from harness.fastcgi import PARAMS, STDIN, Connection, begin, pairs, record, stream


@pytest.fixture(scope="module")
def good(shared_site):
    """A cookie that is let in."""
    shared_site.provider.reset()
    return shared_site.signed_in().cookies.header()


def alive(site, good, seconds=2):
    started = time.monotonic()
    answer = fastcgi.ask(site.postern.socket, fastcgi.check("/", good))
    assert answer.status == 200 and time.monotonic() - started < seconds


def test_FCG_01_records_in_any_shape(site, good):
    parameters = fastcgi.check("/", good)
    reference = fastcgi.ask(site.postern.socket, parameters).raw
    for pieces in (2, 3, 100, 1000):
        assert fastcgi.ask(site.postern.socket, parameters, pieces=pieces).raw == reference
    for padding in range(256):
        assert fastcgi.ask(site.postern.socket, parameters, padding=padding).raw == reference


def test_FCG_01_split_at_every_offset(site, good):
    data = fastcgi.request(fastcgi.check("/", good), pieces=3, padding=3)
    reference = fastcgi.ask(site.postern.socket, fastcgi.check("/", good)).raw
    for offset in range(1, len(data)):
        connection = Connection(site.postern.socket)
        connection.send(data[:offset])
        if offset % 7 == 0:
            time.sleep(0.001)
        assert connection.send(data[offset:]).answer().raw == reference, offset
        connection.close()


def test_FCG_01_one_byte_at_a_time(site, good):
    for parameters in (fastcgi.check("/", good), fastcgi.check("/"), fastcgi.page("/oauth2/sign_out")):
        reference = fastcgi.ask(site.postern.socket, parameters).raw
        connection = Connection(site.postern.socket)
        for byte in fastcgi.request(parameters):
            connection.send(bytes([byte]))
        assert connection.answer().raw == reference
        connection.close()
    form = {**fastcgi.page("/oauth2/sign_out", good), "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10"}
    reference = fastcgi.ask(site.postern.socket, form, body=b"proof=AAAA").raw
    data = begin() + stream(PARAMS, pairs(form), 100, 7) + stream(STDIN, b"proof=AAAA", 10, 255)
    connection = Connection(site.postern.socket)
    assert connection.send(data).answer().raw == reference
    connection.close()


@pytest.mark.parametrize("location", ["/oauth2/auth", "/oauth2/callback", "/oauth2/sign_out", "/oauth2/start"])
@pytest.mark.parametrize("how", ["close", "abort", "stdin", "half-close"])
def test_FCG_02_what_is_cut_off_is_not_acted_on(site, good, location, how):
    calls = len(site.provider.calls)
    parameters = {**fastcgi.check("/public/x", good), "SCRIPT_NAME": location, "REQUEST_URI": "/public/x", "ZZ": "1"}
    for count in range(1, len(parameters)):
        half = pairs(dict(list(parameters.items())[:count]))
        connection = Connection(site.postern.socket)
        connection.send(begin() + record(PARAMS, half))
        if how == "abort":
            connection.send(record(fastcgi.ABORT))
        elif how == "stdin":
            connection.send(record(STDIN))
        elif how == "half-close":
            connection.socket.shutdown(socket.SHUT_WR)
        if how != "close":
            assert connection.answer() is None, count
        connection.close()
    time.sleep(0.1)
    assert len(site.provider.calls) == calls
    alive(site, good)


@pytest.mark.parametrize("how", ["close", "abort", "stdin", "half-close", "no end", "second begin"])
def test_FCG_02_a_request_that_would_have_worked(site, good, how):
    """All that counts has come when it is cut off: neither a token call nor a sign-out follows. Whole, both do."""
    started = fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/start"))
    state = "; ".join(line.split(";")[0] for line in started.all("Set-Cookie"))
    callback = fastcgi.page(other(started.header("Location")).location.removeprefix("https://app.test"), state)
    cookie = site.signed_in().cookies.header()
    calls = len(site.provider.calls)
    for parameters in (callback, fastcgi.page("/oauth2/sign_out", cookie), fastcgi.check("/", cookie)):
        data = pairs({**parameters, "ZZ": "1" * 100})
        for cut in (len(pairs(parameters)), len(data) - 40, len(data)):
            connection = Connection(site.postern.socket, 5)
            ending = {"abort": record(fastcgi.ABORT), "stdin": record(STDIN) + record(PARAMS), "second begin": begin(), "no end": record(PARAMS)}
            with contextlib.suppress(OSError):  # it may be closed before we are through
                connection.send(begin() + record(PARAMS, data[:cut]) + ending.get(how, b""))
                if how in ("half-close", "no end"):
                    connection.socket.shutdown(socket.SHUT_WR)
            if how != "close":
                assert connection.answer() is None, (how, cut)
            connection.close()
    time.sleep(0.1)
    assert len(site.provider.calls) == calls
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 200
    assert fastcgi.ask(site.postern.socket, callback).status == 302 and site.provider.count("token") == 2
    assert fastcgi.ask(site.postern.socket, fastcgi.page("/oauth2/sign_out", cookie)).status == 302
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", cookie)).status == 401


def test_FCG_03_a_body_is_never_a_request(site, good):
    inner = fastcgi.request(fastcgi.check("/", good), keep=True)
    for location, expected in (("/oauth2/auth", 401), ("/oauth2/ping", 200), ("/oauth2/sign_out", 400)):
        parameters = {**fastcgi.check("/"), "SCRIPT_NAME": location, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "7"}
        for alignment in range(0, 16):
            connection = Connection(site.postern.socket)
            connection.send(fastcgi.request(parameters, body=b"x" * alignment + inner, keep=True))
            assert connection.answer().status == expected
            connection.send(fastcgi.request({**fastcgi.check("/"), "SCRIPT_NAME": "/oauth2/ping"}, keep=True))
            answer = connection.answer()
            if answer is not None:
                assert answer.body == b"OK\n"
                connection.socket.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    connection.socket.recv(1)
            connection.close()


def test_FCG_03_bodies_around_the_size_of_libfcgis_buffer(site, good):
    parameters = {**fastcgi.check("/", good), "REQUEST_METHOD": "POST"}
    for size in [*range(8150, 8230, 3), 16384, 40000]:
        connection = Connection(site.postern.socket)
        filler = max(0, size - len(fastcgi.request(parameters)))
        for _ in range(2):
            answer = connection.send(fastcgi.request(parameters, body=b"y" * filler, keep=True)).answer()
            if answer is None:
                connection = Connection(site.postern.socket)
                continue
            assert answer.status == 200, size
        connection.close()


def test_FCG_03_through_nginx(site, good):
    inner = fastcgi.request(fastcgi.check("/", good), keep=True)
    browser = site.browser()
    for alignment in range(8):
        response = browser.send("/oauth2/ping", method="POST", body=b"x" * alignment + inner)
        assert response.status == 200 and response.body == b"OK\n"
        assert browser.send("/oauth2/ping").body == b"OK\n"
    assert not browser.get("/").is_protected


def test_FCG_04_an_authorizer_without_a_body(site, good):
    started = time.monotonic()
    connection = Connection(site.postern.socket)
    connection.send(begin(fastcgi.AUTHORIZER) + stream(PARAMS, pairs(fastcgi.check("/", good, SCRIPT_NAME=None))))
    assert connection.answer().status == 200 and time.monotonic() - started < 1
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", SCRIPT_NAME=None), role=fastcgi.AUTHORIZER).status == 401


@pytest.mark.parametrize("length", ["1000000", "11", "3", "0", "-1", "abc", "1e9", str(2 ** 64), str(2 ** 63), None, "", " 5", "5 ",
                                    "+10", "0x0a", "10.0", "10,10", "\u0661\u0660", "-10"])
def test_FCG_05_content_length(site, good, length):
    started = time.monotonic()
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", good, CONTENT_LENGTH=length)).status == 200
    assert fastcgi.ask(site.postern.socket, fastcgi.check("/", good, CONTENT_LENGTH=length), role=fastcgi.AUTHORIZER).status == 200
    for location in ("/oauth2/callback", "/oauth2/start", "/oauth2/userinfo"):
        assert fastcgi.ask(site.postern.socket, fastcgi.page(location, CONTENT_LENGTH=length)) is not None
    assert time.monotonic() - started < 1
    form = {**fastcgi.check("/", good), "SCRIPT_NAME": "/oauth2/sign_out", "REQUEST_METHOD": "POST", "CONTENT_LENGTH": length}
    form = {name: value for name, value in form.items() if value is not None}
    assert fastcgi.ask(site.postern.socket, form, body=b"proof=AAAA").status == 400
    alive(site, good)


def test_FCG_05_through_nginx(site, good):
    browser = site.signed_in()
    response = browser.send("/", method="POST", body=b"a" * 100_000)
    assert response.is_protected
    response = site.browser().send("/oauth2/sign_out", method="POST", body=b"a" * 40_000)
    assert response.status == 413
    for length in ("-1", "abc", "1e9", str(2 ** 64), "10, 10", "+10"):
        for target in ("/", "/oauth2/sign_out"):
            raw = site.browser().exchange(f"POST {target} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nContent-Length: {length}\r\n"
                                          f"Cookie: {good}\r\n\r\nproof=AAAA".encode())
            assert raw.startswith(b"HTTP/1.1 4") and b"PROTECTED" not in raw, (length, raw[:100])
    raw = browser.exchange(f"POST /oauth2/sign_out HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                           f"Cookie: {good}\r\n\r\na\r\nproof=AAAA\r\n0\r\n\r\n".encode())
    assert raw.startswith(b"HTTP/1.1 ") and b"Location" not in raw
    alive(site, good)


def offenders(path, family=socket.AF_UNIX):
    whole = fastcgi.request(fastcgi.check("/"))

    def connect():
        peer = socket.socket(family)
        peer.settimeout(15)
        peer.connect(path)
        return peer
    silent, one, begun, stalled, body = (connect() for _ in range(5))
    form = {**fastcgi.page("/oauth2/sign_out"), "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "10"}
    body.sendall(begin() + stream(PARAMS, pairs(form)) + record(STDIN, b"proof"))
    one.sendall(whole[:1])
    begun.sendall(whole[:16])
    stalled.sendall(whole[:60])
    return [silent, one, begun, stalled, body]


def test_FCG_08_slow_peers_stop_nobody(site, good):
    before = site.postern.descriptors()
    peers = [peer for _ in range(6) for peer in offenders(site.postern.socket)]
    drips = [Connection(site.postern.socket) for _ in range(8)]
    whole = fastcgi.request(fastcgi.check("/"))
    stop = threading.Event()

    def drip():
        for byte in whole:
            if stop.wait(0.3):
                return
            for connection in drips:
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    pass
    thread = threading.Thread(target=drip)
    thread.start()
    for _ in range(20):
        alive(site, good, 1)
        time.sleep(0.2)
    time.sleep(2)
    for peer in peers:
        peer.settimeout(1)
        try:
            assert peer.recv(1) == b""
        except ConnectionResetError:
            pass
        peer.close()
    for connection in drips:
        connection.socket.settimeout(1)
        assert connection.is_closed(), "a peer that drips is still connected"
    stop.set()
    thread.join()
    for connection in drips:
        connection.close()
    end = time.monotonic() + 5
    while site.postern.descriptors() > before + 2 and time.monotonic() < end:
        time.sleep(0.1)
    assert site.postern.descriptors() <= before + 2


def test_FCG_08_over_tcp(make_site):
    from harness.servers import Postern, free_port
    from harness.site import merged
    site = make_site()
    good = site.signed_in().cookies.header()
    port = free_port()
    other = Postern(site.folder, merged(site.settings, {"listen": f"tcp:127.0.0.1:{port}", "listen_group": None}), name="tcp")
    from harness.servers import Server, can_connect, wait_until
    Server.start(other)
    site.servers.append(other)
    wait_until(lambda: can_connect(port))
    peers = [peer for _ in range(4) for peer in offenders(("127.0.0.1", port), socket.AF_INET)]
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.sendall(fastcgi.request(fastcgi.check("/", good)))
            assert b"Status: 200" in plain.recv(65536)
    time.sleep(3.6)
    for peer in peers:
        peer.settimeout(1)
        try:
            assert peer.recv(1) == b""
        except ConnectionResetError:
            pass
        peer.close()


def test_FCG_10_declared_and_real_sizes(site, good):
    before = site.postern.resident()
    huge = struct.pack(">II", 0x80000000 | (2 ** 31 - 1), 0x80000000 | (2 ** 31 - 1))
    many = stream(PARAMS, pairs([(f"N{number}", "1") for number in range(100_000)]))
    for data in (begin() + record(PARAMS, huge) + record(PARAMS) + record(STDIN),
                 begin() + record(PARAMS, struct.pack(">IB", 0x80000000 | (2 ** 31 - 1), 1) + b"x" * 100) + record(PARAMS) + record(STDIN),
                 begin() + many + record(STDIN), begin() + stream(PARAMS, pairs({"HTTP_COOKIE": "x" * 1024 * 1024})) + record(STDIN),
                 begin() + stream(PARAMS, b"\xff" * 1000) + record(STDIN), record(PARAMS), b"GET / HTTP/1.1\r\n\r\n" * 10,
                 begin(3), begin(0), begin(9), record(9, b"FCGI_MAX_CONNS", number=0), b"\x02" * 100, b"\0" * 100,
                 begin() + stream(PARAMS, pairs({"HTTP_COOKIE": good + "; x=" + "y" * 1024 * 1024, **fastcgi.check("/")})) + record(STDIN),
                 begin() + stream(PARAMS, b"\x80\0\0\x01\x80\0\0\x01ab" * 5000) + record(STDIN),
                 begin() + stream(PARAMS, b"\0\0" * 30_000) + record(STDIN), begin() + record(PARAMS, b"\x80") + record(PARAMS) + record(STDIN),
                 begin() + record(PARAMS, struct.pack(">II", 0xFFFFFFFF, 0xFFFFFFFF)) + record(PARAMS) + record(STDIN),
                 begin() + record(PARAMS, b"\x05\x05abc") + record(PARAMS) + record(STDIN), record(PARAMS, b"x", 255, 0), record(STDIN, b"x" * 65535, 255),
                 begin() + record(PARAMS, b"", 255) * 2000, begin() + record(fastcgi.ABORT) * 2000, record(0, b"x", 0, 0) * 1000,
                 begin() + begin() + stream(PARAMS, pairs(fastcgi.check("/", good))) + record(STDIN)):
        connection = Connection(site.postern.socket)
        try:
            connection.send(data)
            connection.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = connection.answer()
        assert answer is None or answer.status >= 400
        connection.close()
    for _ in range(3):
        connection = Connection(site.postern.socket)
        try:
            connection.send(begin())
            for _ in range(1024):
                connection.send(record(PARAMS, b"\x04\x80" + b"x" * 65000))
        except OSError:
            pass
        connection.close()
    assert site.postern.resident() - before < 32 * 1024 * 1024
    alive(site, good)
