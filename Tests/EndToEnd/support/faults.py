# rtbridge: TCP back-ends that fail on purpose: an echo that comes and goes, and a proxy that breaks connections.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import ctypes
import select
import socket
import struct
import threading

from support.waiting import DEADLINE, wait_until

_LIBC = ctypes.CDLL(None, use_errno=True)


class Place:
    """A port that stays ours while nobody listens there. Linux lets a listener share it with a socket that is bound, does
    not listen, and has SO_REUSEADDR."""

    def __init__(self, kind=socket.SOCK_STREAM):
        self._keep = self._bound(("127.0.0.1", 0), kind)
        self.port = self._keep.getsockname()[1]

    @staticmethod
    def _bound(address, kind):
        sock = socket.socket(socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        return sock

    def listen(self, receive_buffer=None):
        sock = self._bound(("127.0.0.1", self.port), socket.SOCK_STREAM)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.listen(1024)
        return sock

    def close(self):
        self._keep.close()


def _close_listener(sock):
    """Wakes the thread that waits in accept() too."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _reset(sock):
    """RST at once. A close() would wait for another thread's recv(); connect(2) to AF_UNSPEC does not."""
    _LIBC.connect(sock.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)


class _Session:
    """One connection to the echo. `received` is all that the bridge's kernel had sent, once `over` is set."""

    def __init__(self, sock):
        self.socket = sock
        self.received = bytearray()
        self.over = threading.Event()
        self.is_ending = False
        self.lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                select.select([self.socket], [], [])
                with self.lock:
                    # Slowly, so that the kernels on the way fill up; the rest of a stream that ends quickly.
                    data = self.socket.recv(65536 if self.is_ending else 2048)
                    if not data:
                        break
                    self.received += data
                    if not self.is_ending:
                        self.socket.sendall(data)
        except (OSError, ValueError):
            pass
        finally:
            self.over.set()
            with contextlib.suppress(OSError):
                self.socket.close()

    def end(self):
        """FIN in order. What the bridge wrote before it saw that still arrives, up to the bridge's own FIN."""
        with self.lock, contextlib.suppress(OSError):
            self.is_ending = True
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        with contextlib.suppress(OSError):
            _reset(self.socket)


class RestartingEcho:
    """Sends back what it receives; `stop` ends all of its sessions, and nobody listens until `start`."""

    def __init__(self, receive_buffer=None):
        self._place = Place()
        self._receive_buffer = receive_buffer
        self._listener = None
        self.port = self._place.port
        self.sessions = []
        self.start()

    def start(self):
        self._listener = self._place.listen(self._receive_buffer)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.sessions.append(_Session(sock))

    def stop(self, how):
        """`how`: "end" or "reset"."""
        _close_listener(self._listener)
        for session in self.live():
            getattr(session, how)()
        for session in self.sessions:
            assert session.over.wait(DEADLINE), "the bridge did not let go of the lost connection"

    def live(self):
        return [session for session in self.sessions if not session.over.is_set()]

    def close(self):
        _close_listener(self._listener)
        for session in self.live():
            session.reset()
        self._place.close()


class FaultProxy:
    """Passes TCP on to `target`, and breaks it as it is told:

    refuse()        nobody listens, live connections are reset
    hang()          new connections are accepted, and nothing of them is read
    pass_on()       all is well again
    reset_after(n)  the next connection is reset once n bytes of the bridge went through, which may be in mid-frame
    half_open()     live connections are neither read nor closed any more
    slow(n)         n bytes at a time
    """

    def __init__(self, target):
        self._place = Place()
        self._target = target
        self.port = self._place.port
        self.accepted = 0
        self._listener = None
        self._live = []
        self._step = 65536
        self._limit = None
        self._is_hanging = False
        self._frozen = threading.Event()
        self.pass_on()

    def pass_on(self):
        self._is_hanging, self._step = False, 65536
        self._frozen = threading.Event()
        if self._listener is None:
            self._listener = self._place.listen()
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def refuse(self):
        if self._listener is not None:
            _close_listener(self._listener)
            self._listener = None
        self.break_all()

    def break_all(self):
        for sock in self._live:
            with contextlib.suppress(OSError):
                _reset(sock)
                sock.close()
        self._live = []

    def hang(self):
        self._is_hanging = True

    def half_open(self):
        self._frozen.set()

    def slow(self, count):
        self._step = count

    def reset_after(self, count):
        self._limit = count

    def close(self):
        self.refuse()
        self._place.close()

    def _accept(self, listener):
        while True:
            try:
                front, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._live.append(front)
            if self._is_hanging:
                continue
            limit, self._limit = self._limit, None
            back = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(front, back, limit, self._frozen), daemon=True).start()
            threading.Thread(target=self._pump, args=(back, front, None, self._frozen), daemon=True).start()

    def _pump(self, source, sink, limit, frozen):
        count = 0
        with contextlib.suppress(OSError, ValueError):
            while True:
                step = self._step if limit is None else min(self._step, limit - count)
                data = source.recv(step)
                if frozen.is_set():
                    return
                if not data:
                    break
                sink.sendall(data)
                count += len(data)
                if count == limit:
                    _reset(source)
                    break
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
            source.shutdown(socket.SHUT_RD)


class RestartingUDPEcho:
    """Sends each datagram back; between `stop` and `start` the kernel answers with ICMP "port unreachable"."""

    def __init__(self):
        self._socket = None
        self.peers = []
        self.received = []
        self.port = 0
        self.start()

    def start(self):
        def bound():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind(("127.0.0.1", self.port))
                return sock
            except OSError:
                sock.close()
                return None

        self._socket = wait_until("the port", bound)
        self.port = self._socket.getsockname()[1]
        self._socket.settimeout(0.05)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stopping.is_set():
            try:
                data, peer = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            self.received.append(data)
            if peer not in self.peers:
                self.peers.append(peer)
            with contextlib.suppress(OSError):
                self._socket.sendto(data, peer)

    def stop(self):
        self._stopping.set()
        self._thread.join(DEADLINE)
        self._socket.close()
