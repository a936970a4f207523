import os
import signal
import subprocess
import sys
import threading

from support.waiting import eventually

from sutra_grid.runtime.shutdown import Shutdown


def test_nothing_is_requested_at_first() -> None:
    shutdown = Shutdown()
    assert not shutdown.requested
    assert shutdown.reason == ""
    assert not shutdown.wait(0)


def test_a_request_wakes_everybody_who_waits_and_its_first_reason_stays() -> None:
    shutdown = Shutdown()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(shutdown.wait(10))) for _ in range(3)]
    for thread in threads:
        thread.start()
    shutdown.request("superseded")
    shutdown.request("later")
    for thread in threads:
        thread.join(10)
    assert woken == [True, True, True]
    assert shutdown.wait(0)
    assert shutdown.reason == "superseded"


def test_a_signal_is_a_request_and_the_former_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Shutdown() as shutdown:
        os.kill(os.getpid(), signal.SIGTERM)
        assert shutdown.wait(10)
        assert shutdown.reason == "SIGTERM"
        os.kill(os.getpid(), signal.SIGINT)  # a second one does nothing special
        eventually(lambda: shutdown.requested)
        assert shutdown.reason == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_process_that_waits_without_a_timeout_ends_by_a_signal() -> None:
    program = (
        "from sutra_grid.runtime.shutdown import Shutdown\n"
        "shutdown = Shutdown(); shutdown.install()\n"
        "print('ready', flush=True); shutdown.wait(); print(shutdown.reason)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[0] == "SIGINT\n"
        assert process.returncode == 0


def test_a_signal_that_another_thread_takes_ends_a_wait_without_a_timeout() -> None:
    program = (
        "import signal, threading\n"
        "from sutra_grid.runtime.shutdown import Shutdown\n"
        "shutdown = Shutdown(); shutdown.install()\n"
        "other = threading.Thread(target=threading.Event().wait, daemon=True); other.start()\n"
        "send = lambda: signal.pthread_kill(other.ident, signal.SIGTERM)\n"
        "threading.Timer(0.2, send).start()\n"
        "shutdown.wait(); print(shutdown.reason)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "SIGTERM\n"
