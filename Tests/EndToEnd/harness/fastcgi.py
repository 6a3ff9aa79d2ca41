"""A FastCGI client that sends whatever it is told, record by record."""
import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
RESPONDER, AUTHORIZER = 1, 2


def record(kind, content=b"", padding=0, number=1):
    return struct.pack(">BBHHBB", 1, kind, number, len(content), padding, 0) + content + b"\0" * padding


def begin(role=RESPONDER, keep=False):
    return record(BEGIN, struct.pack(">HB5x", role, 1 if keep else 0))


def length(number):
    return bytes([number]) if number < 128 else struct.pack(">I", number | 0x80000000)


def pairs(parameters):
    """Name-value pairs of a dict or a list of pairs."""
    out = b""
    for name, value in parameters.items() if isinstance(parameters, dict) else parameters:
        name = name.encode() if isinstance(name, str) else name
        value = value.encode() if isinstance(value, str) else value
        out += length(len(name)) + length(len(value)) + name + value
    return out


def stream(kind, content, pieces=1, padding=0):
    """A stream in so many records, and its end."""
    size = max(1, -(-len(content) // pieces)) if content else 1
    parts = [content[start:start + size] for start in range(0, len(content), size)]
    parts = [part[start:start + 65535] for part in parts for start in range(0, len(part), 65535)]
    return b"".join(record(kind, part, padding) for part in parts) + record(kind)


def request(parameters, body=b"", role=RESPONDER, keep=False, pieces=1, padding=0):
    end = b"" if role == AUTHORIZER else stream(STDIN, body, 1, padding)
    return begin(role, keep) + stream(PARAMS, pairs(parameters), pieces, padding) + end


def check(uri="/", cookie=None, **changes):
    """The parameters that nginx sends with a check."""
    parameters = {"REQUEST_METHOD": "GET", "REQUEST_URI": uri, "SCRIPT_NAME": "/oauth2/auth", "QUERY_STRING": "",
                  "SERVER_NAME": "app.test", "REMOTE_ADDR": "127.0.0.1", "HTTPS": "on", "REQUEST_SCHEME": "https",
                  "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1"}
    if cookie:
        parameters["HTTP_COOKIE"] = cookie
    return {name: value for name, value in {**parameters, **changes}.items() if value is not None}


def page(uri, cookie=None, **changes):
    """The parameters that nginx sends with a request of one of our own addresses."""
    path, _, query = uri.partition("?")
    changes = {"HTTP_ACCEPT": "text/html", "HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_SITE": "none", **changes}
    return check(uri, cookie, **{"SCRIPT_NAME": path, "QUERY_STRING": query, **changes})


class Connection:
    def __init__(self, path, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self):
        """Standard output of one request; `None` when the connection ended before its end."""
        out = b""
        while True:
            head = self._read(8)
            if head is None:
                return None
            _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", head)
            content = self._read(size + padding)
            if content is None:
                return None
            if kind == STDOUT:
                out += content[:size]
            if kind == END:
                return Answer(out)

    def is_closed(self):
        """Whether the peer closes without another byte."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()

    def _read(self, count):
        while len(self.rest) < count:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self.rest += part
        data, self.rest = self.rest[:count], self.rest[count:]
        return data


class Answer:
    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0].startswith(b"Status: "), f"the first line is {lines[0]!r}"
        self.status = int(lines[0][8:11])
        self.headers = [tuple(part.strip().decode("latin-1") for part in line.split(b":", 1)) for line in lines[1:]]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        found = self.all(name)
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None


def ask(path, parameters, **options):
    """One request on a connection of its own."""
    connection = Connection(path)
    try:
        return connection.send(request(parameters, **options)).answer()
    finally:
        connection.close()
