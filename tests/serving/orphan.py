"""A process with one worker that ends with it; the worker says when it waits for that."""

import sys
import time
from multiprocessing import get_context

from serving.draining import end_with_parent


def work():
    end_with_parent()
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    time.sleep(60)


if __name__ == "__main__":
    get_context("spawn").Process(target=work).start()
    time.sleep(60)
