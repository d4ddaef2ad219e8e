"""In a parser of the tests: the dump of ``deadly`` ends the process, that of ``cursed`` raises."""

import os

from pywfp_ps.collect import parsing

_parse = parsing.parse


def _parse_or_die(job: parsing.ParseJob) -> parsing.Parsed:
    if job.host == "deadly":
        os._exit(9)
    if job.host == "cursed":
        raise RuntimeError("a bug")
    return _parse(job)


parsing.parse = _parse_or_die
