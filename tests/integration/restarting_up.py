"""`python -m tests.integration.restarting_up up ...`: `uptake` for tests that kill its processes.

Its supervisor takes no kill for a sign of a crash loop: what has ended starts again soon, however
often it ends.
"""

from uptake.cli import main
from uptake.local import processes

if __name__ == "__main__":
    processes._LONGEST_PAUSE_SECONDS = processes._FIRST_PAUSE_SECONDS
    main()
