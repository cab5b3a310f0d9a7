"""Steps that workers elsewhere find by their names."""

import os
import time


def tell_process(_survey, _station):
    """Tell which process does the step."""
    return {"process": os.getpid()}


def sleep(_survey, _station):
    """Take longer than the scheduler lives."""
    time.sleep(30)
    return {}
