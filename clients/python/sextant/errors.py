# SPDX-License-Identifier: Apache-2.0
"""What calls raise."""
import grpc


class SextantError(Exception):
    """A call that failed.

    code: the gRPC status code, or None for a failure on this side; retryable: whether the same call may work later.
    """

    def __init__(self, message: str, code: "grpc.StatusCode | None" = None):
        super().__init__(message)
        self.code = code

    @property
    def retryable(self) -> bool:
        return self.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
                             grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED)


def from_rpc(error: grpc.RpcError) -> SextantError:
    """The error of a call as ours, with what the server said."""
    code = error.code() if hasattr(error, "code") else None
    details = error.details() if hasattr(error, "details") else str(error)
    return SextantError(details or str(error), code)
