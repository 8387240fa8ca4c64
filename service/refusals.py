"""What only the service refuses: three more leaves of the tree in ``compressors.errors``.

CompressionError
├── Unauthenticated    the caller did not say who it is, or not so that we believe it
├── NotAllowed         we know who the caller is, and the operator does not let it in
└── NotConfigured      the operator did not give this server what the call needs
"""

from __future__ import annotations

from compressors.errors import CompressionError


class Unauthenticated(CompressionError):
    """The caller did not say who it is, or not so that we believe it."""


class NotAllowed(CompressionError):
    """We know who the caller is, and the operator does not let it in."""


class NotConfigured(CompressionError):
    """The operator did not give this server what the call needs; trying again will not help."""
