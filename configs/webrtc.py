"""The `webrtc:` section of the app's arguments. Owns which ports and address callers are told."""

from pydantic import Field, IPvAnyAddress, model_validator

from configs.section import Section


class WebRtc(Section):
    """Where the media of WebRTC calls flows: by UDP, past every proxy, to the ingress's host."""

    port_min: int = Field(default=10_000, ge=1_024, le=65_535, description="one UDP port a call")
    port_max: int = Field(default=10_999, ge=1_024, le=65_535)
    public_address: IPvAnyAddress | None = Field(
        default=None, description="what callers reach the host by, where NAT hides its own address"
    )

    @model_validator(mode="after")
    def _ports_are_a_range(self) -> "WebRtc":
        if self.port_max < self.port_min:
            raise ValueError(f"port_max: {self.port_max} is under port_min: {self.port_min}")
        return self
