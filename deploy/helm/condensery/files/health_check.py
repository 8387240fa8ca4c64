"""Wait until a server answers SERVING, over gRPC: TARGET SERVICE SECONDS. Run by `helm test`."""
# ruff: noqa: INP001 - a script, in no package

import sys
import time

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

PAUSE = 0.5


def main(target: str, service: str, patience: float) -> str:
    """What went wrong, or "" if the service is there within the seconds given."""
    until = time.monotonic() + patience
    last = "never asked"
    with grpc.insecure_channel(target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while (left := until - time.monotonic()) > 0:
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=left)
            except grpc.RpcError as error:
                last = str(error)
            else:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return ""
                last = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
            time.sleep(min(PAUSE, left))
    return f"{target} {service}: {last}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3])) or None)
