"""What programs do to their standard streams, one way for each name on the command line; run bare and recorded, and compared."""

import contextlib
import io
import os
import subprocess
import sys


def binary() -> None:
    """Every byte, in text, buffered and raw writes whose order matters, with a child's output in between."""
    print("text é☂😀")
    sys.stdout.flush()
    sys.stdout.buffer.write(bytes(range(256)) * 300)
    sys.stdout.buffer.flush()
    os.write(1, b"raw\x00\n")
    subprocess.run(["printf", "child\\n"], check=True)
    sys.stdout.write("no line end, \ud83d".encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    print("error é", file=sys.stderr)
    os.write(2, b"\xff\xfe raw error\n")


def large() -> None:
    """Five megabytes in one write, and many small ones."""
    sys.stdout.write("x" * 5_000_000 + "\n")
    for number in range(20_000):
        print(number)


def echo() -> None:
    """Standard input through three readers, then to its end."""
    print(repr(input()), repr(sys.stdin.readline()), repr(sys.stdin.buffer.read(5)))
    sys.stdout.flush()
    sys.stdout.buffer.write(sys.stdin.buffer.read())


def half_read() -> None:
    """A child goes on reading where the program stopped, on the same descriptor."""
    print(os.read(0, 6))
    sys.stdout.flush()
    subprocess.run(["cat"], check=True)


def describe() -> None:
    """All that a program can ask of its streams."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        raw, is_raw = getattr(stream.buffer, "raw", stream.buffer), isinstance(stream.buffer, io.FileIO)
        print(repr(stream), stream.name, stream.mode, stream.encoding, stream.errors, stream.newlines, stream.line_buffering)
        print(type(stream).__name__, is_raw, stream.fileno(), raw.name, raw.mode, stream.isatty(), stream.seekable())
    print(sys.stdout is sys.__stdout__, sys.stdin is sys.__stdin__, sys.stdout.write_through, sys.stdout.closed)


def replaced() -> None:
    """sys.stdout swapped, redirected, reconfigured, detached and rewrapped."""
    with contextlib.redirect_stdout(io.StringIO()) as caught:
        print("caught")
    kept, sys.stdout = sys.stdout, io.TextIOWrapper(io.BytesIO(), write_through=True)
    print("kept in memory")
    sys.stdout = kept
    print(repr(caught.getvalue()))
    sys.stdout.reconfigure(encoding="utf-16-le", newline="\r\n")  # type: ignore[union-attr]
    print("wide é")
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    raw = sys.stdout.detach()  # type: ignore[union-attr]
    sys.stdout = io.TextIOWrapper(raw, encoding="latin-1", errors="replace")
    print("narrow é☂")


def duplicated() -> None:
    """Descriptor 1 turned to a file and back with dup2."""
    print("before")
    sys.stdout.flush()
    saved = os.dup(1)
    file = os.open("aside.txt", os.O_CREAT | os.O_RDWR | os.O_TRUNC)
    os.dup2(file, 1)
    print("into the file")
    sys.stdout.flush()
    os.dup2(saved, 1)
    with open("aside.txt", encoding="utf-8") as aside:
        print("after", repr(aside.read()))


def closed() -> None:
    """The streams closed by the program; it goes on without them."""
    print("last words")
    sys.stdout.close()
    sys.stderr.close()
    sys.stdin.close()
    sys.exit(9)


def descriptors_closed() -> None:
    """The descriptors closed below the streams, with text still in the buffer."""
    sys.stdout.write("never arrives")
    os.close(1)
    os._exit(8)


def nothing() -> None:
    """No standard output object at all, as in a windowed or daemonised program."""
    sys.stdout = None
    print("goes nowhere")


def left_hard() -> None:
    """os._exit: what is in the buffer is lost, as it is without a recorder; the code is kept."""
    print("flushed", flush=True)
    sys.stdout.write("still buffered")
    os._exit(5)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
