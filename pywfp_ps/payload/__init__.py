"""What a host sent: frames decoded and checked, raw bytes kept, sizes bounded."""

from __future__ import annotations

from pywfp_ps.payload.decoder import Decoder, Limits, Received, decode
from pywfp_ps.payload.payload import Fault, Payload, PayloadInfo, Problem
from pywfp_ps.payload.raw import write_raw
from pywfp_ps.payload.unpack import TooLargeError, read_bounded, unpack

__all__ = [
    "Decoder",
    "Fault",
    "Limits",
    "Payload",
    "PayloadInfo",
    "Problem",
    "Received",
    "TooLargeError",
    "decode",
    "read_bounded",
    "unpack",
    "write_raw",
]
