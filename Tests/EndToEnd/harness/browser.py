"""A client that keeps cookies as a browser does (RFC 6265bis), and sends exactly what it is told."""
import html
import http.client
import io
import re
import socket
import ssl
import urllib.parse

NAVIGATION = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"),
              ("Sec-Fetch-Dest", "document"), ("Sec-Fetch-Site", "none")]


class Response:
    def __init__(self, raw, url, method="GET"):
        self.raw, self.url = raw, url
        source = type("Source", (), {"makefile": lambda self, *_: io.BytesIO(raw)})()
        parsed = http.client.HTTPResponse(source, method=method)
        parsed.begin()
        self.status = parsed.status
        self.headers = parsed.getheaders()
        self.body = parsed.read()
        self.text = self.body.decode("utf-8", "replace")

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        found = self.all(name)
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def location(self):
        return self.header("Location")

    @property
    def is_protected(self):
        return b"PROTECTED" in self.raw

    @property
    def form(self):
        """The address and the fields of a form that the page's script sends at once."""
        action = re.search(r'<form[^>]* action="([^"]*)"', self.text)
        if not action or not re.search(r"\.submit\(\)", self.text):
            return None
        fields = re.findall(r'<input[^>]* name="([^"]*)" value="([^"]*)"', self.text)
        return html.unescape(action.group(1)), {name: html.unescape(value) for name, value in fields}

    @property
    def onward(self):
        """Where a page sends the browser by itself."""
        found = re.search(r'http-equiv="refresh" content="0;\s*url=([^"]*)"', self.text, re.IGNORECASE)
        return html.unescape(found.group(1)) if found else None


class Cookies:
    def __init__(self):
        self.jar = {}
        self.lines = []
        self.for_all_sites = set()  # names of those with SameSite=None

    def store(self, lines):
        for line in lines:
            self.lines.append(line)
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, _, value = pair.partition("=")
            flags = {key.lower(): text for key, _, text in (part.partition("=") for part in attributes)}
            if name.lower().startswith("__host-"):
                assert "secure" in flags and flags.get("path") == "/" and "domain" not in flags, line
            assert len(name) + len(value) <= 4096, f"{len(line)} bytes of cookie"
            self.for_all_sites.discard(name)
            if flags.get("samesite", "").lower() == "none":
                assert "secure" in flags, line
                self.for_all_sites.add(name)
            if flags.get("max-age") == "0":
                self.jar.pop(name, None)
            else:
                self.jar[name] = value

    def header(self, of_another_site=False):
        """What goes with a request; with a POST that a page of another site makes, only what is for all sites."""
        return "; ".join(f"{name}={value}" for name, value in self.jar.items() if not of_another_site or name in self.for_all_sites)


class Browser:
    """Talks to the site at `port` under the name `host`; follows redirects to anywhere on this machine."""

    def __init__(self, port, authority, host="app.test", secure=True):
        self.port, self.host, self.secure = port, host, secure
        self.cookies = Cookies()
        self.context = ssl.create_default_context(cafile=authority) if secure else None

    @property
    def origin(self):
        return f"{'https' if self.secure else 'http'}://{self.host}"

    def send(self, target, method="GET", headers=(), body=b"", host=None, cookies=True, timeout=15, of_another_site=False):
        """Exactly this request line and these header fields, and the cookies."""
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1"), f"Host: {host or self.host}".encode("latin-1"),
                 b"Connection: close"]
        cookie = self.cookies.header(of_another_site) if cookies else ""
        if cookie:
            lines.append(f"Cookie: {cookie}".encode("latin-1"))
        if body:
            lines.append(f"Content-Length: {len(body)}".encode())
        for name, value in headers:
            lines.append(name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode()))
        raw = self.exchange(b"\r\n".join(lines) + b"\r\n\r\n" + body, timeout)
        response = Response(raw, f"{self.origin}{target}", method)
        if cookies:
            self.cookies.store(response.all("Set-Cookie"))
        return response

    def exchange(self, data, timeout=15):
        with socket.create_connection(("127.0.0.1", self.port), timeout) as plain:
            wrapped = self.context.wrap_socket(plain, server_hostname=self.host) if self.secure else plain
            wrapped.sendall(data)
            raw = b""
            while part := wrapped.recv(65536):
                raw += part
            return raw

    def get(self, target="/", headers=(), **options):
        """A navigation, without following anything."""
        return self.send(target, headers=[*NAVIGATION, *headers], **options)

    def fetch(self, target="/", headers=(), **options):
        """What a script asks for."""
        return self.send(target, headers=[("Accept", "*/*"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty"),
                                          ("Sec-Fetch-Site", "same-origin"), *headers], **options)

    def follow(self, response, limit=10, until=None):
        """Goes where redirects and pages that go on by themselves lead; `until(url)` stops before a request."""
        for _ in range(limit):
            form, onward = response.form, response.onward
            if response.status in (301, 302, 303, 307, 308):
                onward = response.location
            elif not form and not onward:
                return response
            url = urllib.parse.urljoin(response.url, form[0] if form else onward)
            if until and until(url):
                return response
            response = self.post(url, form[1], response.url) if form else self.visit(url)
        raise AssertionError(f"more than {limit} redirects, the last to {response.location}")

    def post(self, url, fields, page):
        """Sends a form of the page at this address to ours."""
        parts = urllib.parse.urlsplit(url)
        assert parts.hostname == self.host, url
        source = urllib.parse.urlsplit(page)
        is_foreign = source.hostname != self.host
        headers = [*NAVIGATION[:3], ("Sec-Fetch-Site", "cross-site" if is_foreign else "same-origin"),
                   ("Origin", f"{source.scheme}://{source.netloc}"), ("Content-Type", "application/x-www-form-urlencoded")]
        return self.send(parts.path or "/", "POST", headers, urllib.parse.urlencode(fields).encode(), of_another_site=is_foreign)

    def visit(self, url):
        parts = urllib.parse.urlsplit(url)
        target = parts.path or "/"
        target += f"?{parts.query}" if parts.query else ""
        if parts.hostname == self.host:
            return self.get(target)
        return other(url, self.context)

    def sign_in(self, target="/"):
        """As a person would: to the page, to the provider and back."""
        return self.follow(self.get(target))

    def callback_url(self, target="/"):
        """Signs in at the provider, and stops before the browser comes back: the address it would ask for."""
        response = self.get(target)
        location = other(response.location, self.context).location
        parts = urllib.parse.urlsplit(location)
        return f"{parts.path}?{parts.query}"


def other(url, context=None):
    """One GET of another server, redirects not followed; `context` knows the authority of one with TLS."""
    parts = urllib.parse.urlsplit(url)
    connection = (http.client.HTTPSConnection(parts.hostname, parts.port, timeout=15, context=context) if parts.scheme == "https"
                  else http.client.HTTPConnection(parts.hostname, parts.port, timeout=15))
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path or "/")
    answer = connection.getresponse()
    body = answer.read()
    head = f"HTTP/1.1 {answer.status} X\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in answer.getheaders() if name.lower() != "transfer-encoding")
    connection.close()
    return Response(head.encode("latin-1") + b"\r\n" + body, url)


_SPECIAL = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "file": None}


def resolved_origin(location, base="https://app.test/"):
    """The origin that a browser would go to (WHATWG URL, the parts that matter for special schemes)."""
    text = "".join(char for char in location.strip("".join(map(chr, range(33)))) if char not in "\t\n\r")
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text)
    base_scheme, base_host = urllib.parse.urlsplit(base)[:2]
    if scheme:
        name = scheme.group()[:-1].lower()
        if name not in _SPECIAL:
            return f"{name}:opaque"
        rest = text[scheme.end():]
        if name == base_scheme and rest[:1] not in ("/", "\\"):
            return f"{base_scheme}://{base_host}"
        authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
        return _origin(name, authority)
    if text[:1] in ("/", "\\") and text[1:2] in ("/", "\\"):
        return _origin(base_scheme, re.split(r"[/\\?#]", text.lstrip("/\\"), maxsplit=1)[0])
    return f"{base_scheme}://{base_host}"


def _origin(scheme, authority):
    host = urllib.parse.unquote(authority.rsplit("@", 1)[-1]).lower()
    host, _, port = host.partition(":")
    port = "" if not port or int(port) == _SPECIAL[scheme] else f":{port}"
    return f"{scheme}://{host}{port}"
