"""What only the service refuses: two more leaves of the tree in ``compressors.errors``.

CompressionError
├── Unauthenticated    the caller did not say who it is, or not so that we believe it
└── NotConfigured      the operator did not give this server what the call needs
"""

from __future__ import annotations

from compressors.errors import CompressionError


class Unauthenticated(CompressionError):
    """The caller did not say who it is, or not so that we believe it."""


class NotConfigured(CompressionError):
    """The operator did not give this server what the call needs; trying again will not help."""
