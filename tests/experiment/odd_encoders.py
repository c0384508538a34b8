"""A plug-in of encoders whose modality is odd, or not said where they are registered."""

from egoexobench import hookimpl


@hookimpl
def register_encoders(register):
    register("quiet-video", make_encoder_factory("video"))
    register("smelling", make_encoder_factory("smell"))
    register("smelling-declared", make_encoder_factory("smell"), modality="smell")
    register("two-faced", make_encoder_factory("video"), modality="audio")
    register("without", make_encoder_factory(None))


def make_encoder_factory(modality):
    def make_odd_encoder():
        """Mean color of each frame."""
        encoder = OddEncoder()
        if modality is not None:
            encoder.modality = modality
        return encoder

    return make_odd_encoder


class OddEncoder:
    frozen = True
    dim = 3

    def prepare(self, source):
        return source.pixels.mean((1, 2)).astype("float32")

    def encode(self, values, mask):
        from egoexobench.types import Tokens

        return Tokens(values, mask)
