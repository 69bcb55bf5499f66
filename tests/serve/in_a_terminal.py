"""`python -m deployments …` with its standard input for controlling terminal, as in a window."""

import fcntl
import os
import sys
import termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "deployments", *sys.argv[1:]])
