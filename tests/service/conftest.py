from tests.service.llm_server import llm_endpoint

__all__ = ["llm_endpoint"]
