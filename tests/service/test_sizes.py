"""What an operator sets reaches the engine."""

from __future__ import annotations

from compressors.engine import EngineSettings
from service.models import placement_of, sized
from service.settings import Settings


def test_the_engine_has_its_own_sizes_where_nothing_is_set() -> None:
    settings = Settings(device="cpu")

    assert sized(settings, placement_of(settings)) == EngineSettings()


def test_shares_and_quotas_reach_the_engine() -> None:
    settings = Settings.load(
        {
            "CONDENSERY_DEVICE": "cpu",
            "CONDENSERY_BATCH_TOKENS": "512",
            "CONDENSERY_BULK_SHARE": "0.25",
            "CONDENSERY_TENANT_TOKENS_PER_MINUTE": "1000",
            "CONDENSERY_TENANT_QUOTAS": "acme=5000, free=0",
        }
    )

    assert sized(settings, placement_of(settings)) == EngineSettings(
        batch_tokens=512,
        bulk_share=0.25,
        tenant_tokens_per_minute=1_000,
        tenant_quotas={"acme": 5_000, "free": 0},
    )
