from typing import Any


def in_process(scenario: Any, go: Any) -> Any:
    import pytest

    pytest.skip("later")
