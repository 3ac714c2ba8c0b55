"""Processes that begin with the house's modules already read, out of one fork server for each process of tests: a second less for each."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.command_line", "tests.stories.crash_child"])
