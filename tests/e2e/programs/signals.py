"""Notes each signal in the file named by the first argument, until it is told to stop."""

import os
import signal
import sys
import time

NOTED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")


def main() -> None:
    """Handle every signal of the table, then wait for the file's folder to hold one named ``stop``."""
    notes = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for name in NOTED:
        if signal.getsignal(getattr(signal, name)) != signal.SIG_IGN:
            signal.signal(getattr(signal, name), lambda number, _: os.write(notes, signal.Signals(number).name.encode() + b"\n"))
    if "--own-group" in sys.argv:
        os.kill(0, signal.SIGTERM)
    print("ready", os.getpid(), flush=True)
    stop = os.path.join(os.path.dirname(sys.argv[1]), "stop")
    while not os.path.exists(stop):
        time.sleep(0.01)
    print("told to stop")


if __name__ == "__main__":
    main()
