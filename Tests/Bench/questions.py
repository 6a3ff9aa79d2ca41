"""Questions beside the main table: many sessions, a provider that hangs, the start, memory."""
import os
import shutil
import socket
import statistics
import threading
import time

import contestants

MANY = 100_000


def answer(field, options):
    return "\n".join([reused_answers(field, options), many_sessions(field, options), hanging_provider(field, options),
                      start_and_memory(field, options)])


def reused_answers(field, options):
    """With `answer_cache` nginx gives the answer itself; beside the no-op behind the same cache."""
    postern = field.reusing
    with Elsewhere(field, postern):
        runs = [(field.run("noop", 64, "reused", options.seconds, postern.cookies),
                 field.run("postern", 64, "reused", options.seconds, postern.cookies)) for _ in range(options.rounds)]
    noop, ours = (statistics.median(pair[index]["requests_per_second"] for pair in runs) for index in (0, 1))
    ratio = statistics.median(b["requests_per_second"] / a["requests_per_second"] for a, b in runs)
    return ("### nginx's own cache of answers, 64 connections\n\n| contestant | requests/s | of noop |\n|---|--:|--:|\n"
            f"| noop | {noop:,.0f} | 1.00 |\n| postern | {ours:,.0f} | {ratio:.2f} |\n")


def many_sessions(field, options):
    """Checks over many live sessions in turn, beside checks of one, in alternation."""
    postern = contestants.Postern(field.folder, options, "many", MANY)
    one, many = [], []
    with Elsewhere(field, postern):
        for _ in range(6):  # each is opened once, at its first check
            field.run("postern", 16, True, 5, postern.cookies)
        for _ in range(options.rounds):
            many.append(field.run("postern", 16, True, options.seconds, postern.cookies))
            one.append(field.run("postern", 16, True, options.seconds, first_line(postern.cookies)))
        memory = contestants.resident(postern.process.pid)
    middle = [{key: statistics.median(run[key] for run in runs) for key in runs[0]} for runs in (one, many)]
    return (f"### {MANY:,} live sessions, 16 connections, kept\n\n"
            "| sessions asked for | requests/s | CPU µs/check | p99 ms |\n|--:|--:|--:|--:|\n"
            + "".join(f"| {count:,} | {run['requests_per_second']:,.0f} | {run['cpu_us_per_check']:.1f} | {run['p99_ms']:.2f} |\n"
                      for count, run in zip((1, MANY), middle))
            + f"\nMemory with all of them seen: {memory:.0f} MiB.\n")


def hanging_provider(field, options):
    """200 checks a second while 50 people wait for a provider that accepts and never answers."""
    with Silence() as silence:
        issuer = f"http://127.0.0.1:{silence.port}"
        postern = contestants.Postern(field.folder, options, "hang", 1, issuer)
        with Elsewhere(field, postern):
            cookie = postern.first_cookie()
            calm = paced(field, cookie)
            people = [threading.Thread(target=start_sign_in, args=(postern.socket,)) for _ in range(50)]
            for person in people:
                person.start()
            time.sleep(0.5)
            waiting = sum(person.is_alive() for person in people)
            busy = paced(field, cookie)
            for person in people:
                person.join()
    return ("### 200 checks a second while the provider hangs\n\n| | p50 ms | p99 ms | worst ms |\n|---|--:|--:|--:|\n"
            f"| nobody signs in | {row(calm)} |\n| 50 sign-ins wait | {row(busy)} |\n\n"
            f"({waiting} sign-ins were waiting when the second row began.)\n")


def start_and_memory(field, options):
    """From the start of the process to its first answer; memory two seconds later."""
    postern = contestants.Postern(field.folder, options, "start", 1)
    times, memory = [], []
    for _ in range(10):
        begun = time.monotonic()
        postern.start()
        while not pinged(postern.socket):
            time.sleep(0.001)
        times.append((time.monotonic() - begun) * 1000)
        time.sleep(2)
        memory.append(contestants.resident(postern.process.pid))
        postern.stop()
    return (f"### Start and memory\n\nStart to first answer: median {statistics.median(times):.0f} ms, worst {max(times):.0f} ms. "
            f"Memory at rest: {statistics.median(memory):.1f} MiB.\n")


class Elsewhere:
    """Another daemon in the place of the field's: its socket is moved there."""

    def __init__(self, field, postern):
        self.field, self.postern = field, postern

    def __enter__(self):
        self.field.postern.stop()
        self.postern.start()
        contestants.until(lambda: contestants.can_connect(self.postern.socket), "postern", self.postern.log)
        os.link(self.postern.socket, self.field.postern.socket)
        if os.geteuid() == 0:
            shutil.chown(self.postern.socket, group="www-data")
        self.field.pids["postern"] = self.postern.process.pid

    def __exit__(self, *_):
        self.postern.stop()
        os.unlink(self.field.postern.socket)


class Silence:
    """A server that accepts and says nothing."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.accepted = []
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        try:
            while True:
                self.accepted.append(self.listener.accept()[0])
        except OSError:
            pass

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.accepted:
            connection.close()


def paced(field, cookie, seconds=5, rate=200):
    """Milliseconds of each check, asked at a calm pace over one kept connection to nginx."""
    request = (f"GET /page.html HTTP/1.1\r\nHost: bench.test\r\nCookie: __Host-postern={cookie}\r\n\r\n").encode()
    times = []
    with socket.create_connection(("127.0.0.1", field.ports[("postern", True)]), 15) as client:
        start = time.monotonic()
        for number in range(seconds * rate):
            time.sleep(max(0, start + number / rate - time.monotonic()))
            begun = time.monotonic()
            client.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer or not answer.endswith(b"protected "):
                part = client.recv(65536)
                assert part, answer
                answer += part
            assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
            times.append((time.monotonic() - begun) * 1000)
    return sorted(times)


def row(times):
    return f"{times[len(times) // 2]:.2f} | {times[len(times) * 99 // 100]:.2f} | {times[-1]:.2f}"


def first_line(path):
    with open(path) as file, open(f"{path}.first", "w") as first:
        first.write(file.readline())
    return f"{path}.first"


def start_sign_in(path):
    """Somebody who asks to sign in; the answer comes when the provider has answered, or has not."""
    ask(path, "/oauth2/start", timeout=30)


def pinged(path):
    try:
        return b"OK" in ask(path, "/oauth2/ping", timeout=1)
    except OSError:
        return False


def ask(path, location, timeout):
    """One FastCGI request to an endpoint; all that comes back."""
    def pair(name, value):
        return bytes([len(name), len(value)]) + name + value

    def record(kind, content=b""):
        return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + b"\0\0" + content

    navigation = pair(b"HTTP_ACCEPT", b"text/html") + pair(b"HTTP_SEC_FETCH_MODE", b"navigate")
    parameters = (pair(b"SCRIPT_NAME", location.encode()) + pair(b"REQUEST_METHOD", b"GET")
                  + pair(b"REQUEST_URI", b"/") + pair(b"SERVER_NAME", b"bench.test") + navigation)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(path)
        client.sendall(record(1, b"\0\1\0\0\0\0\0\0") + record(4, parameters) + record(4) + record(5))
        answer = b""
        while part := client.recv(65536):
            answer += part
        return answer
