"""Every setting of the house, and the only reader of the environment: `CLEARING_` and the name, or a file in /run/secrets."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from clearing import errors
from clearing.pace import Pace

PREFIX = "CLEARING_"
SECRETS = Path("/run/secrets")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Environment(StrEnum):
    """Whether points are real."""

    SANDBOX = "sandbox"
    """Loopback addresses and crash points are allowed."""
    LIVE = "live"
    """They are not."""


def _default_home() -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "clearing"


SANDBOX_COOLING_HOURS = 0
"""The demo and `clearing serve --sandbox` do not wait for three days before they pay to new bank details."""


class Settings(BaseSettings):
    """What the house is told at the start. Each field's description is printed by `clearing doctor`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    environment: Environment = Field(
        Environment.SANDBOX, description="sandbox or live; keys are registered for one of them"
    )
    home: Path = Field(default_factory=_default_home, description="where keys and the embedded PostgreSQL live")
    database_url: SecretStr | None = Field(
        None, description="a PostgreSQL of your own; none: the embedded one in the home"
    )
    house_key_file: Path | None = Field(
        None, description="the key the house signs with; none: made in the home at first start"
    )
    keyring_file: Path | None = Field(
        None, description="what seals personal data; none: made in the home at first start"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="where a worker answers /livez, /readyz and /metrics; none: nowhere"
    )
    authorities: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="hosts that partners may sign for, with port unless it is 80 or 443; none: loopback at the port"
    )
    log_name: str = Field("clearing", pattern=r"^[a-z0-9./-]+$", description="origin of the evidence log's checkpoints")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="least level that is logged")
    database_wait_seconds: int = Field(15, ge=1, le=600, description="how long a start waits for its database")
    pool_size: int = Field(4, ge=1, le=64, description="connections for reads")
    queue_max: int = Field(4096, ge=1, description="items that may wait for the lane; more are refused with 503")
    nonces_per_key_max: int = Field(1_000_000, ge=1, description="requests of one key within six minutes")
    bank_cooling_hours: int = Field(
        72, ge=0, le=720, description="hours between the second key on bank details and their coming into force"
    )
    pace: Pace = Field(
        default_factory=Pace, description="how patiently programs are asked; JSON, see clearing.pace.Pace"
    )
    kill_at: str | None = Field(
        None,
        pattern=r"^[a-z_.]+:[1-9][0-9]*$",
        description="sandbox only: SIGKILL at the n-th pass of a step, `reserve.after:1`",
    )

    @field_validator("authorities", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _live_is_strict(self) -> "Settings":
        if self.environment is Environment.LIVE:
            if self.kill_at is not None:
                raise ValueError("kill_at is for sandboxes")
            if not self.authorities or any(_is_loopback(host) for host in self.authorities):
                raise ValueError("a live house names its public hosts in authorities")
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """The authorities that signatures may name."""
        return frozenset(self.authorities or (f"{host}:{self.port}" for host in LOOPBACK))

    @property
    def embedded(self) -> bool:
        """Whether the house brings its own PostgreSQL."""
        return self.database_url is None

    @property
    def house_key_path(self) -> Path:
        """Where the signing key is."""
        return self.house_key_file or self.home / "keys" / "house.jwk"

    @property
    def keyring_path(self) -> Path:
        """Where the sealing keys are."""
        return self.keyring_file or self.home / "keys" / "keyring.json"


def sandbox_home(settings: Settings) -> Path:
    """Where `clearing serve --sandbox` keeps its house, which is another than the one of these settings."""
    return settings.home / "sandbox"


def _is_loopback(host: str) -> bool:
    return any(host == name or host.startswith(f"{name}:") for name in LOOPBACK)


class _Alone(Settings):
    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the other sources, by whatever name, are not asked
        cls, _settings: Any, init_settings: Any, **_others: Any
    ) -> tuple[Any, ...]:
        return (init_settings,)


def alone(**given: Any) -> Settings:
    """What is given here, and defaults: a demo hears nothing of its surroundings, and touches no other house's database."""
    return _Alone(**given)


def load(**given: Any) -> Settings:
    """The settings of this process; what is given here wins. Raises errors.Misconfigured with every fault, no value shown."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as reason:
        faults = "; ".join(
            f"{PREFIX}{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in reason.errors()
        )
        raise errors.Misconfigured(faults) from None


def explain(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Name, effective value, where it came from, and what it is for; secrets masked."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "********" if isinstance(value, SecretStr) else "-" if value in (None, ()) else str(value)
        rows.append((PREFIX + name.upper(), shown, _source(name, settings), field.description or ""))
    return rows


def _source(name: str, settings: Settings) -> str:
    if name not in settings.model_fields_set:
        return "default"
    if (PREFIX + name.upper()) in os.environ:
        return "environment"
    return "secret file" if (SECRETS / f"{PREFIX}{name}".lower()).is_file() else "command line"
